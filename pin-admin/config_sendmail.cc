// pin-admin/config_sendmail.cc
//
// config sendmail: what to paste into sendmail.mc and the mailertable, with
// what Sendmail can't hold.
#include "pin-admin/config_sendmail.h"

#include "pin-admin/sendmail_lines.h"
#include "pin-admin/store_access.h"

namespace postern {
namespace {

// For m4, # begins no comment: a FEATURE() behind it would be called. Pasted as
// a whole, the text has to be what its parts are.
constexpr std::string_view kHead =
    R"(dnl # Postern's judgement on the connections that Sendmail makes. Both parts go into
dnl # sendmail.mc, before the first MAILER line and at the end. Then make
dnl # sendmail.cf, restart Sendmail, and 'pin-admin doctor'.
dnl #
dnl # What Sendmail can't hold; its mail waits, or goes better protected than it must:
dnl #   wrapper=yes         it speaks no implicit TLS.
dnl #   may                 where a handshake fails, it does not go on in cleartext.
dnl #   none                TLS is used where it is offered.
dnl #   protocols=, ciphers=, exclude=, client-cert=, source=, helo=, servername=
dnl #                       are looked at after the handshake, or are its own options.
dnl #   on-fail=            comes one attempt later: it refuses host by host and can't
dnl #                       go back.
dnl #   logins              no authinfo and no credentials for SMTP: they would be sent
dnl #                       before the verdict.
dnl # Do not use FEATURE(`tls_session_features'), FEATURE(`sts') or TLS_Rcpt and
dnl # TLS_Srv rows of the access table that say less.
)";

constexpr std::string_view kStrictHead =
    R"(dnl # Destinations whose servers have to prove themselves go by mailers of their own,
dnl # whose connections are judged before MAIL. Needs FEATURE(`mailertable').
)";

constexpr std::string_view kPlainHead =
    R"(dnl # A server that is refused has seen the sender's address, and no recipient. With
dnl # --strict it sees nothing.
)";

Result<std::vector<PolicyLine>> StoredLines(Context& context) {
  auto store = OpenAuthorStore(context, IfStale::kLeaveIt);
  if (!store) return store.error();
  std::vector<PolicyLine> lines;
  const Status read = (*store)->ForEachRow([&](const PolicyRow& row) -> Status {
    // An exception ends: the line beneath it is what must be kept.
    if (row.line || row.exception) {
      lines.push_back(row.line ? *row.line : *row.exception);
    }
    return {};
  });
  if (!read) return read.error();
  return lines;
}

ExitStatus Print(Context& context, const SendmailLines& lines,
                 std::string_view head) {
  Output& out = context.out;
  out.doc().Set("before", lines.before);
  out.doc().Set("after", lines.after);
  out.Text(std::string(kHead) + std::string(head) +
           "\ndnl # --- sendmail.mc, before the first MAILER line\n" +
           lines.before + "\ndnl # --- sendmail.mc, at its end\n" +
           lines.after);
  return ExitStatus::kGood;
}

}  // namespace

ExitStatus RunConfigSendmail(Context& context) {
  Output& out = context.out;
  const DoorSettings* door = context.settings.door("sendmail-map");
  if (door == nullptr || door->path.empty()) {
    return out.No("door-sendmail-map is left out, and Sendmail asks there");
  }
  const SendmailPlaces places{door->path, context.args.Get("milter")};
  if (places.map.find_first_of(" \t,'`") != std::string::npos ||
      places.milter.find_first_of(" \t,'`") != std::string::npos) {
    return out.Usage("a socket's path can't have spaces, commas or quotes");
  }
  if (!context.args.Has("strict")) {
    return Print(context, SendmailByRecipient(places), kPlainHead);
  }
  const Result<std::vector<PolicyLine>> lines = StoredLines(context);
  if (!lines) return out.CouldNot(lines.error());
  const SendmailTable table = SendmailTableFor(*lines);
  out.doc().Set("mailertable", table.mailertable);
  const ExitStatus printed =
      Print(context, SendmailStrict(places, table.ports), kStrictHead);
  out.Text("\n# --- /etc/mail/mailertable\n" + table.mailertable);
  for (const std::string& why : table.not_held) out.Warn(why);
  return table.not_held.empty() ? printed : ExitStatus::kWarning;
}

}  // namespace postern
