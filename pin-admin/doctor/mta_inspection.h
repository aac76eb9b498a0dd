// pin-admin/doctor/mta_inspection.h
//
// MtaInspection: all that doctor and check ask of a mail server's setup. One
// implementation per MTA, each in files of its own behind this interface.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/settings.h"
#include "core/policy/policy_line.h"
#include "core/policy/served_policy.h"
#include "pin-admin/doctor/diagnosis.h"
#include "pin-admin/doctor/postfix_config.h"
#include "pin-admin/doctor/run_program.h"

namespace postern {

// A line whose mail must pass Postern.
struct WatchedLine {
  PolicyLine line;
  bool must = true;  // it authenticates; false: it asks for TLS
};

// What the store's lines ask of routing: those to be watched, and every key,
// because the nearest one holds.
struct WatchedPolicy {
  std::vector<WatchedLine> lines;
  std::vector<std::string> keys;  // sorted
  // Next hops that lines at authenticating levels lead to or are for.
  std::set<std::string> proven_hops;
  // The key that holds for a domain; "*" where no nearer one does.
  std::string HoldingKey(const std::string& domain) const;
};
// Adds a row; call SortKeys() once all are there.
void AddRow(const PolicyRow& row, WatchedPolicy& policy);
void SortKeys(WatchedPolicy& policy);

class MtaInspection {
 public:
  virtual ~MtaInspection() = default;
  // Is it set up as Postern needs it?
  virtual std::vector<Diagnosis> Setup() = 0;
  // Whose mail would not reach Postern, or might not? `subject` is the line's
  // key; empty where it is about all mail.
  virtual std::vector<Diagnosis> Bypasses(const WatchedPolicy& policy) = 0;

 protected:
  MtaInspection() = default;
};

// What the installed service is like, as the MTA's setup has to fit it.
struct OwnSetup {
  const Settings& settings;
  std::string transport_program;  // where it was installed
};

// Reads the configuration at once; where that fails, every answer says that it
// could not be found out. Borrows its arguments.
std::unique_ptr<MtaInspection> InspectPostfix(ProgramRunner& programs,
                                              const PostfixPlace& place,
                                              const OwnSetup& own);

// Which Exim, and which configuration; none: its usual one.
struct EximFiles {
  std::string program, config;
};
std::unique_ptr<MtaInspection> InspectExim(ProgramRunner& programs,
                                           const EximFiles& place);

// Which Sendmail, and its sendmail.cf.
struct SendmailFiles {
  std::string program, config;
};
// `socket`: that of Sendmail's map (door-sendmail-map).
std::unique_ptr<MtaInspection> InspectSendmail(ProgramRunner& programs,
                                               const SendmailFiles& place,
                                               const std::string& socket);

}  // namespace postern
