// core/delivery/report.h
//
// The words an MTA logs: one line for a recipient, naming every host tried and
// why it was not the one. Pure text; which outcome it is was decided before.
#pragma once

#include <string>
#include <vector>

#include "core/delivery/delivery.h"
#include "core/outcome/verdict.h"
#include "core/smtp/smtp_session.h"

namespace postern {

// One host (or the planning) that did not take the message.
struct Attempt {
  Reason reason = Reason::kInternal;
  std::string status;  // RFC 3463
  std::string where;   // "mx.example[192.0.2.1]"
  std::string what;
  std::string hint;
  bool policy_no = false;  // a verifier looked and said no
};

// "mx.example[192.0.2.1]"; either part may be empty.
std::string Where(const std::string& host, const std::string& address);

Attempt FromVerdict(const Verdict& verdict);
// A 4xx or 5xx reply to `command`.
Attempt FromReply(const std::string& where, const std::string& command,
                  const SmtpReply& reply);

// The server's status if its class fits the code, else X.0.0.
std::string StatusOf(const SmtpReply& reply);

// The reply to the recipient at `index` means that there are too many of them
// in one transaction, some of which the server has accepted: it is for another
// one (RFC 5321 section 4.5.3.1.10, where a 552 is no refusal; RFC
// 3463, 5.5.3).
bool IsOneTooMany(const std::vector<SmtpReply>& recipients, std::size_t index);

// Deferred (or, by on-fail=bounce, bounced): the attempts in order, led by the
// one that says most: a policy's "no" before trouble on the network.
RecipientResult Conclude(const std::vector<Attempt>& attempts,
                         RecipientResult::Outcome outcome);

}  // namespace postern
