// pin-admin/sendmail_lines.h
//
// What Sendmail needs to hand its mail's connections to Postern's judgement: a
// fragment of sendmail.mc, and lines of a mailertable, ready to paste. What
// stands there was proven on a real Sendmail 8.17; docs/quickstart-sendmail.md
// explains it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "core/policy/policy_line.h"

namespace postern {

// Before the MAILER lines of sendmail.mc, and at its end.
struct SendmailLines {
  std::string before, after;
};

struct SendmailPlaces {
  std::string map;     // the socket of Sendmail's map, absolute
  std::string milter;  // "local:/run/…", as INPUT_MAIL_FILTER wants it
};

// Every mailer of Sendmail's is judged per recipient, after MAIL.
SendmailLines SendmailByRecipient(const SendmailPlaces& places);
// Beside that: mailers whose connections are judged before MAIL, one for each
// of these ports.
SendmailLines SendmailStrict(const SendmailPlaces& places,
                             const std::set<unsigned>& ports);

// Which destinations go by the mailers of SendmailStrict().
struct SendmailTable {
  std::string mailertable;
  std::set<unsigned> ports;           // with 25
  std::vector<std::string> not_held;  // a sentence for each line
};
// `lines`: those of domains, parents and "*"; others are passed over.
SendmailTable SendmailTableFor(const std::vector<PolicyLine>& lines);

}  // namespace postern
