#include "pin-admin/sendmail_lines.h"

#include <algorithm>
#include <string_view>

#include "pin-admin/template_text.h"

namespace postern {
namespace {

constexpr std::string_view kBefore =
    R"(dnl # One connection at a time: what is told of a certificate is the process's.
define(`confMCI_CACHE_SIZE', `1')dnl
dnl # A handshake that fails is no reason to send in cleartext.
define(`confTLS_FALLBACK_TO_CLEAR', `false')dnl
dnl # A domain that is an alias stays the one that the mail is for: whoever forges
dnl # DNS could put another in its place.
define(`confDONT_EXPAND_CNAMES', `true')dnl
dnl # Postern knows certificates by their SHA-256; without this it is MD5.
define(`confCERT_FINGERPRINT_ALGORITHM', `sha256')dnl
INPUT_MAIL_FILTER(`postern', `S=@MILTER@, F=T, T=C:5m;S:30s;R:30s;E:60s')dnl
)";

// Tabs stand between a rule's sides.
constexpr std::string_view kAfter = R"(LOCAL_CONFIG
O SetCertAltnames=true
# No -o, and -T: a map that does not answer is a "no".
Kpostern socket -f -q -d30 -T<TMPF> unix:@MAP@
Ktlsmac macro
@MAILERS@LOCAL_TLS_SERVER
@BEFORE_MAIL@R$* $| $* $| $*	$: $(tlsmac {tls_rdom} $@ $1 $) $2 $| $3
R$* $| $*	$: $1 $| $2 $>TlsHop $&{tls_rdom}
R$* $| $*	$: $(postern S<$&{tls_rdom}>@FIELDS@ $)
R5.$*		4.$1
R$*		$@ $>TlsVerdict $1
LOCAL_TLS_RCPT
R$*			$: $(tlsmac {tls_rdom} $@ ? $) $>CanonAddr $1
R$* < @ $+ . >		$: $1 < @ $2 >
R$* < @ $+ >		$: $(tlsmac {tls_rdom} $@ $2 $) x
R$*			$: $>TlsHop $&{tls_rdom}
R$*			$: $>TlsSan $&{verify}
R$* $| $*		$: $(postern R<$&{tls_rdom}>@FIELDS@ $)
R5.$*			4.$1
R$*			$@ $>TlsVerdict $1
LOCAL_RULESETS
STlsSan
ROK		$: OK $| $&{server_name}
RFAIL		$: FAIL $| $&{server_name}
R$* $| $={cert_altnames}	$@ $1 $| SAN
R$* $| $-.$+	$: $1 $| *.$3
R$* $| $={cert_altnames}	$@ $1 $| SAN
R$* $| $*	$@ $1 $| NOSAN
R$*		$@ $1 $| -
# Where this mail is routed: to a host in brackets, else to its own domain. $h is
# another recipient's where two domains have the same MX hosts.
STlsHop
R$*		$: $1 $| $&h
R$* $| [ $* ] $*	$@ $(tlsmac {tls_rhop} $@ [ $2 ] $&{tls_port} $)
R$* $| $*	$@ $(tlsmac {tls_rhop} $@ $1 $)
# Only a whole PASS passes.
STlsVerdict
RPASS		$@ OK
R4.$-.$-:$+	$#error $@ 4.$1.$2 $: "403 " $3
R$*		$#error $@ 4.7.5 $: "403 TLS policy service gave no verdict"
@SENDER_RULES@# The server is told which name is expected of it.
Stls_clt_features
R$*		$@ servername=hostname
)";

// docs/protocol.md, "Sendmail's map".
constexpr std::string_view kFields =
    "<$&{server_name}><$&{server_addr}><$1><$&{tls_version}>"
    "<$&{cipher_bits}><$&{cert_fp}><$2><$&{cn_subject}><$&i><$&{tls_rhop}>"
    "<$&{cipher}>";

// Nobody knows here whose mail it is: the answer is PASS, or none at all, so
// that without the service not even MAIL leaves.
constexpr std::string_view kAnyMailer = R"(R$*		$: $| $>TlsSan $1
)";

// By a strict mailer it is that of the one recipient.
constexpr std::string_view kStrictOrAny =
    R"(R$*		$: $&{tls_strict} $| $1
R$&i $| $*	$: <$1> $>CanonAddr $&u
R$* $| $*	$: $| $>TlsSan $2
R<$*> $* < @ $+ . >	$: <$1> $2 < @ $3 >
R<$*> $* < @ $+ >	$: $3 $| $>TlsSan $1
R<$*> $*	$: ? $| $>TlsSan $1
)";

// One recipient and one message for each connection, so that the verdict on it
// is for what it carries.
constexpr std::string_view kMailer =
    R"(M@NAME@, P=[IPC], F=mDFMuXaW, S=PosternFrom@PORT@/HdrFromSMTP, R=EnvToSMTP, E=\r\n, L=990,
		m=1, r=1, T=DNS/RFC822/SMTP, A=TCP $h @PORT@
)";

// LOCAL_TLS_SERVER is not told by which mailer; the sender's rewriting is.
constexpr std::string_view kSenderRules = R"(SPosternFrom@PORT@
R$*		$: $>EnvFromSMTP $1
R$*		$: $1 $(tlsmac {tls_strict} $@ $&i $) $(tlsmac {tls_port} $@ :@PORT@ $)
)";
constexpr std::string_view kOtherSenders = R"(SEnvFromSMTP
R$*		$: $1 $(tlsmac {tls_strict} $@ - $) $(tlsmac {tls_port} $@ $)
)";

std::string MailerName(unsigned port) {
  const std::string name = "postern-strict";
  return port == 25 ? name : name + "-" + std::to_string(port);
}

SendmailLines LinesWith(const SendmailPlaces& places,
                        const std::string& mailers,
                        std::string_view before_mail,
                        const std::string& sender_rules) {
  std::string after = Fill(kAfter, "@MAP@", places.map);
  after = Fill(after, "@MAILERS@", mailers);
  after = Fill(after, "@BEFORE_MAIL@", before_mail);
  after = Fill(after, "@SENDER_RULES@", sender_rules);
  return {Fill(kBefore, "@MILTER@", places.milter),
          Fill(after, "@FIELDS@", kFields)};
}

bool IsStrict(const PolicyLine& line) {
  return IsAuthenticating(line.level) || IsAuthenticating(LocalLevel(line));
}

// What of a strict line Sendmail's own client can't do; empty: nothing.
std::string NotHeld(const PolicyLine& line) {
  if (!line.wrapper) return {};
  return line.key.str() +
         ": wrapper=yes, and Sendmail speaks no implicit TLS: its mail waits";
}

// One row of the table: the key, and where mail under it goes.
std::string Row(const PolicyLine& line, const std::string& mailer) {
  const std::string& key = line.key.str();
  switch (line.key.kind()) {
    case PolicyKey::Kind::kDefault:
      return ".\t" + mailer + ":%1\n";
    case PolicyKey::Kind::kParent:
      return key + "\t" + mailer + ":%1" + key + "\n";
    default:
      return key + "\t" + mailer + ":" + key + "\n";
  }
}

std::string RouteRow(const PolicyLine& line, std::set<unsigned>& ports) {
  const NextHop& hop = line.route.front();
  ports.insert(hop.port().value);
  const std::string key =
      line.key.kind() == PolicyKey::Kind::kDefault ? "." : line.key.str();
  std::string host = ToString(hop.host());
  if (hop.bracketed() && !host.starts_with('[')) host = "[" + host + "]";
  return key + "\t" + MailerName(hop.port().value) + ":" + host + "\n";
}

}  // namespace

SendmailLines SendmailByRecipient(const SendmailPlaces& places) {
  return LinesWith(places, "", kAnyMailer, "");
}

SendmailLines SendmailStrict(const SendmailPlaces& places,
                             const std::set<unsigned>& ports) {
  std::string mailers = "MAILER_DEFINITIONS\n";
  std::string senders;
  for (const unsigned port : ports) {
    const std::string number = std::to_string(port);
    mailers +=
        Fill(Fill(kMailer, "@NAME@", MailerName(port)), "@PORT@", number);
    senders += Fill(kSenderRules, "@PORT@", number);
  }
  return LinesWith(places, mailers, kStrictOrAny,
                   senders + std::string(kOtherSenders));
}

SendmailTable SendmailTableFor(const std::vector<PolicyLine>& lines) {
  SendmailTable table{{}, {25}, {}};
  const bool any_strict = std::any_of(lines.begin(), lines.end(), IsStrict);
  for (const PolicyLine& line : lines) {
    if (line.key.kind() == PolicyKey::Kind::kNextHop || !any_strict) continue;
    if (!IsStrict(line)) {
      // Beneath a strict parent it would go by the strict mailer as well.
      const bool own = line.key.kind() != PolicyKey::Kind::kDefault;
      if (own && line.route.empty()) table.mailertable += Row(line, "esmtp");
      continue;
    }
    if (std::string why = NotHeld(line); !why.empty()) {
      table.not_held.push_back(std::move(why));
    } else if (!line.route.empty()) {
      table.mailertable += RouteRow(line, table.ports);
    } else {
      table.mailertable += Row(line, MailerName(25));
    }
  }
  return table;
}

}  // namespace postern
