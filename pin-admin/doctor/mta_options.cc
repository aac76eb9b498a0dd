#include "pin-admin/doctor/mta_options.h"

#include <cstdlib>
#include <filesystem>

namespace postern {
namespace {

enum class Mta { kPostfix, kExim, kSendmail };

// The one whose configuration is named. Where none is, the one whose program is
// there; Postfix, if it is set up here or there is none at all: where nobody
// knows who sends the mail, something has to say so.
Mta ChosenMta(const ParsedCommand& args) {
  if (args.Has("sendmail-config")) return Mta::kSendmail;
  if (args.Has("postfix-config")) return Mta::kPostfix;
  if (args.Has("exim-config")) return Mta::kExim;
  std::error_code ignored;
  const auto there = [&ignored](const std::string& path) {
    return std::filesystem::exists(path, ignored);
  };
  if (there("/etc/postfix/main.cf")) return Mta::kPostfix;
  if (there(args.Get("exim-program"))) return Mta::kExim;
  if (there(args.Get("sendmail-program"))) return Mta::kSendmail;
  return Mta::kPostfix;
}

}  // namespace

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
      {"sendmail-program", 0, "PATH",
       "where Sendmail is; it is looked at where it is there and Postfix and "
       "Exim are not",
       "/usr/sbin/sendmail-mta"},
      {"sendmail-config", 0, "FILE",
       "a sendmail.cf: look at Sendmail, not at Postfix",
       "/etc/mail/sendmail.cf"},
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
  const Mta mta = ChosenMta(args);
  if (mta == Mta::kSendmail) {
    const DoorSettings* door = settings.door("sendmail-map");
    mtas.push_back(InspectSendmail(
        programs, {args.Get("sendmail-program"), args.Get("sendmail-config")},
        door != nullptr ? door->path : ""));
    return mtas;
  }
  if (mta == Mta::kExim) {
    mtas.push_back(InspectExim(
        programs, {args.Get("exim-program"), args.Get("exim-config")}));
    return mtas;
  }
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
