#include "pin-admin/doctor/mta_options.h"

#include <cstdlib>
#include <filesystem>

namespace postern {

std::vector<OptionSpec> MtaOptions() {
  return {
      {"postfix-config",
       0,
       "DIR",
       "a Postfix instance's directory; without, $MAIL_CONFIG or "
       "/etc/postfix",
       {},
       true},
      {"postfix-programs", 0, "DIR", "where postconf and postmap are",
       "/usr/sbin"},
      {"exim-program", 0, "PATH",
       "where Exim is; it is looked at where it is there and Postfix is not",
       "/usr/sbin/exim4"},
      {"exim-config", 0, "FILE",
       "Exim's configuration: look at Exim, not at Postfix"},
      {"sendmail-program", 0, "PATH", "where Sendmail is",
       "/usr/sbin/sendmail-mta"},
      {"sendmail-config", 0, "FILE",
       "a sendmail.cf: look at Sendmail, not at Postfix"},
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
  if (const std::string cf = args.Get("sendmail-config"); !cf.empty()) {
    const DoorSettings* door = settings.door("sendmail-map");
    mtas.push_back(InspectSendmail(programs, {args.Get("sendmail-program"), cf},
                                   door != nullptr ? door->path : ""));
    return mtas;
  }
  std::vector<std::string> directories = args.All("postfix-config");
  const EximFiles exim{args.Get("exim-program"), args.Get("exim-config")};
  std::error_code ignored;
  const bool only_exim =
      directories.empty() &&
      (!exim.config.empty() ||
       (!std::filesystem::exists("/etc/postfix/main.cf", ignored) &&
        std::filesystem::exists(exim.program, ignored)));
  if (only_exim) {
    mtas.push_back(InspectExim(programs, exim));
    return mtas;
  }
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
