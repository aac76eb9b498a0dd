// pin-admin/config_commands.cc
//
// config postfix, config exim, config sendmail: what to paste into the mail
// server, with the reason for each line. What stands here was proven on the
// real programs.
#include "core/clock/budgets.h"
#include "pin-admin/command.h"
#include "pin-admin/config_sendmail.h"
#include "pin-admin/exim_lines.h"
#include "pin-admin/postfix_lmtp_lines.h"
#include "pin-admin/postfix_map_lines.h"

namespace postern {
namespace {

constexpr std::string_view kWhichDoor =
    R"(# Two ways from Postfix to Postern, under the same policies. Take either, or
# each for some destinations:
#   postern-lmtp  lmtp(8): recommended.
#   postern       pipe(8): where Postfix's own choice of the next hop shall count
#                 (relayhost, transport maps that name hosts), or each recipient
#                 shall be scheduled by itself. Starts a program for each mail.
)";

std::string MasterCf(const std::string& program, const std::string& socket,
                     const std::string& user) {
  std::string text =
      "# --- /etc/postfix/master.cf: by pipe(8) "
      "-------------------------------------\n"
      "# flags=q.  quoted local parts stay quoted, and the message comes with "
      "its dots\n"
      "#           doubled: SMTP's own form, as it goes out.\n"
      "# eol=\\r\\n  the same for line ends.\n"
      "# null_sender=  a bounce's sender stays empty instead of "
      "MAILER-DAEMON.\n"
      "# --        before the first macro: a sender may be called "
      "-h@x.example.\n"
      "# No shell, no option of yours between '--' and the end of the line.\n"
      "postern   unix  -       n       n       -       -       pipe\n"
      "  flags=q. eol=\\r\\n null_sender= user=" +
      user + "\n  argv=" + program;
  if (!socket.empty()) text += " --socket " + socket;
  return text + " -- ${nexthop} ${queue_id} ${sender} ${recipient}\n";
}

std::string MainCf(std::chrono::seconds total) {
  const std::string limit = std::to_string(kPipeTimeLimit.count()) + "s";
  return "# --- /etc/postfix/main.cf: by pipe(8) "
         "---------------------------------------\n"
         "# One recipient a call: pipe(8) knows one result for all recipients "
         "of a "
         "call,\n"
         "# and one that failed would take the others with it. More than one "
         "is "
         "deferred.\n"
         "postern_destination_recipient_limit = 1\n"
         "# With that limit Postfix counts concurrency per recipient, not per "
         "domain: this\n"
         "# is how many deliveries to one recipient run at a time.\n"
         "postern_destination_concurrency_limit = 20\n"
         "# At its end pipe(8) kills the program and BOUNCES the mail. Postern "
         "gives "
         "up after\n"
         "# " +
         std::to_string(total.count() / 60) +
         " minutes (total-timeout) by itself: never set this below " + limit +
         ".\npostern_time_limit = " + limit +
         "\n"
         "\n"
         "# Which mail goes through Postern. All of it:\n"
         "#   default_transport = postern\n"
         "# Or what a table names ('bank.example postern:', '.bank.example "
         "postern:'):\n"
         "#   transport_maps = hash:/etc/postfix/transport\n"
         "# Through a smarthost (an authenticating line has to name it: "
         "route=):\n"
         "#   default_transport = postern:[relay.example]:587\n"
         "# sender_dependent_default_transport_maps takes mail past this, if "
         "you "
         "have it.\n";
}

std::string UserOf(const Settings& settings) {
  const DoorSettings* door = settings.door("pipe");
  return door != nullptr && !door->users.empty() ? door->users.front()
                                                 : "postern-client";
}

ExitStatus RunPostfixMap(Context& context, const std::string& queue) {
  Output& out = context.out;
  const Settings& settings = context.settings;
  const DoorSettings* door = settings.door("postfix-map");
  if ((door == nullptr || door->path.empty()) && !settings.postfix_map.inet) {
    return out.No(
        "there is no policy map: door-postfix-map and postfix-map-inet are "
        "both empty");
  }
  const PostfixMapLines lines = PostfixMap(settings, queue);
  out.doc().Set("table", lines.table);
  out.doc().Set("main_cf", lines.main_cf);
  out.Text(lines.main_cf);
  return ExitStatus::kGood;
}

ExitStatus RunPostfix(Context& context) {
  Output& out = context.out;
  const std::string queue = context.args.Get("queue-directory");
  if (!queue.starts_with('/')) {
    return out.Usage("--queue-directory: an absolute path");
  }
  if (context.args.Has("maps")) return RunPostfixMap(context, queue);
  const std::string program = context.args.Get("program");
  if (!program.starts_with('/')) {
    return out.Usage("--program: pipe(8) wants an absolute path");
  }
  // The program knows its standard door; another one is named.
  const DoorSettings* door = context.settings.door("pipe");
  const std::string socket =
      door != nullptr && door->path != POSTERN_PIPE_SOCKET ? door->path : "";
  const std::string user = UserOf(context.settings);
  if (user == "root" || user == "postfix" || user == "0") {
    return out.No("pipe-users begins with " + user +
                  ", and pipe(8) refuses to run programs as that user");
  }
  std::string master = MasterCf(program, socket, user);
  std::string main = MainCf(context.settings.timeouts.total);
  const DoorSettings* lmtp = context.settings.door("lmtp");
  if (lmtp != nullptr && !lmtp->path.empty()) {
    const PostfixLmtpLines lines = PostfixLmtp(context.settings, queue);
    master = lines.master_cf + "\n" + master;
    main = lines.main_cf + "\n" + main;
    out.doc().Set("lmtp_next_hop", lines.next_hop);
    out.Text(std::string(kWhichDoor) + "\n");
  }
  out.doc().Set("master_cf", master);
  out.doc().Set("main_cf", main);
  out.doc().Set("user", user);
  out.doc().Set("socket", door != nullptr ? Json(door->path) : Json());
  out.Text(master + "\n" + main);
  out.Line(
      "\n# Then: postfix reload. 'pin-admin explain DOMAIN' says what will "
      "hold.");
  return ExitStatus::kGood;
}

constexpr std::string_view kEximHead =
    R"(# Postern's judgement on the connections that Exim makes. Each part is a file of
# Debian's split configuration; where yours is one file (exim4.conf.template), put
# each text into the section of that name. The routers come before every router
# that has mail leave by SMTP: what an earlier one takes, Postern never sees.
# Then: update-exim4.conf && systemctl reload exim4, and 'pin-admin doctor'.
#
# What Exim can't hold:
#   ciphers=, exclude=  are looked at after the handshake: a server that picks
#                       another cipher is refused, not asked for a better one.
#   on-fail=            comes one attempt later: Exim refuses host by host and
#                       can't go back.
#   several messages on one connection: each has a handshake of its own.
)";

ExitStatus RunExim(Context& context) {
  Output& out = context.out;
  const std::string library = context.args.Get("library");
  if (!library.starts_with('/')) {
    return out.Usage("--library: an absolute path");
  }
  const bool by_socket = context.args.Has("readsocket");
  const DoorSettings* door = context.settings.door("exim");
  if (door == nullptr || door->path.empty()) {
    return out.No("door-exim is empty: the service has no door for Exim");
  }
  if (!by_socket && door->path != POSTERN_EXIM_SOCKET) {
    return out.No("postern-exim.so knows one socket, " POSTERN_EXIM_SOCKET
                  ": door-exim has to be that");
  }
  EximTls tls;
  if (context.args.Has("openssl")) {
    tls.openssl_trust = context.settings.trust_directory;
  }
  const EximLines lines =
      by_socket ? EximBySocket(door->path, tls) : EximByLibrary(library, tls);
  out.doc().Set("macros", lines.macros);
  out.doc().Set("routers", lines.routers);
  out.doc().Set("transports", lines.transports);
  out.doc().Set("retry", lines.retry);
  out.doc().Set("socket", door->path);
  out.Text(std::string(kEximHead) +
           "\n# --- /etc/exim4/conf.d/main/00_postern\n" + lines.macros +
           "\n# --- /etc/exim4/conf.d/router/180_postern\n" + lines.routers +
           "\n# --- /etc/exim4/conf.d/transport/30_postern\n" +
           lines.transports + "\n# --- /etc/exim4/conf.d/retry/20_postern\n" +
           lines.retry);
  return ExitStatus::kGood;
}

}  // namespace

std::vector<Command> ConfigCommands() {
  return {
      {{"config postfix",
        "print what to paste into Postfix, and why",
        "Changes nothing.",
        {},
        {{"program", 'p', "PATH", "where postern-transport is",
          POSTERN_TRANSPORT_PROGRAM},
         {"queue-directory", 'd', "PATH", "Postfix's queue_directory",
          "/var/spool/postfix"},
         {.name = "maps",
          .value = "",
          .help = "for Postfix's own smtp(8), which then asks the policy map"}},
        "pin-admin config postfix\n"
        "pin-admin config postfix --maps\n"
        "pin-admin config postfix --program /usr/local/lib/postern/"
        "postern-transport"},
       RunPostfix},
      {{"config exim",
        "print what to paste into Exim, and why",
        "Changes nothing. Exim has to have dlfunc, as exim4-daemon-heavy has; "
        "without it (exim4-daemon-light) there is --readsocket.",
        {},
        {{"library", 'l', "PATH", "where postern-exim.so is",
          POSTERN_EXIM_LIBRARY},
         {.name = "readsocket",
          .value = "",
          .help = "without the library: the same questions by ${readsocket}"},
         {.name = "openssl",
          .value = "",
          .help = "for an Exim built with OpenSSL ('exim -bV' says so): "
                  "protocols= is looked at after the handshake, too"}},
        "pin-admin config exim"},
       RunExim},
      {{"config sendmail",
        "print what to paste into Sendmail, and why",
        "Changes nothing.",
        {},
        {{.name = "milter",
          .value = "SPEC",
          .help = "where postern-milter listens (its --socket)",
          .standard = "local:/run/postern-milter/socket"},
         {.name = "strict",
          .value = "",
          .help = "destinations at authenticating levels by mailers of their "
                  "own, with their lines of the mailertable"}},
        "pin-admin config sendmail\n"
        "pin-admin config sendmail --strict"},
       RunConfigSendmail},
  };
}

}  // namespace postern
