#include "pin-admin/doctor/mta_options.h"

#include <cstdlib>

namespace postern {

std::vector<OptionSpec> MtaOptions() {
  return {{"postfix-config",
           0,
           "DIR",
           "a Postfix instance's directory; without, $MAIL_CONFIG or "
           "/etc/postfix",
           {},
           true},
          {"postfix-programs", 0, "DIR", "where postconf and postmap are",
           "/usr/sbin"},
          {"no-mta", 0, "", "leave the mail server out"},
          {"known",
           'k',
           "CODE",
           "a finding that somebody has looked at: show it, and don't count it",
           {},
           true}};
}

std::vector<std::unique_ptr<MtaInspection>> InspectMtas(
    const ParsedCommand& args, const Settings& settings,
    ProgramRunner& programs) {
  std::vector<std::unique_ptr<MtaInspection>> mtas;
  if (args.Has("no-mta")) return mtas;
  std::vector<std::string> directories = args.All("postfix-config");
  if (directories.empty()) {
    const char* usual = std::getenv("MAIL_CONFIG");
    directories.emplace_back(
        usual != nullptr && usual[0] == '/' ? usual : "/etc/postfix");
  }
  for (std::string& directory : directories) {
    PostfixPlace place{std::move(directory), args.Get("postfix-programs")};
    mtas.push_back(
        InspectPostfix(programs, place, {settings, POSTERN_TRANSPORT_PROGRAM}));
  }
  return mtas;
}

}  // namespace postern
