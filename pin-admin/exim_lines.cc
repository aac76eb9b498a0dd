#include "pin-admin/exim_lines.h"

#include <string_view>

#include "pin-admin/template_text.h"

namespace postern {
namespace {

constexpr std::string_view kMacros =
    R"(# Where mail goes instead of to its domain's own MX hosts: empty, or for instance
# [smarthost.example]:587 (an authenticating line has to name it: route=).
POSTERN_NEXT_HOP =
POSTERN_LEAF = ${if def:tls_out_peercert{${base64:$tls_out_peercert}}}
)";

constexpr std::string_view kByLibrary = R"(POSTERN_LIBRARY = @LIBRARY@
POSTERN_PLACE = $message_exim_id|$domain|$host|$host_address|$host_port
POSTERN_GATE = {POSTERN_PLACE}{$address_data}{$tls_out_ver}{$tls_out_cipher_std}{$tls_out_sni}{POSTERN_LEAF}
POSTERN_PLAN = ${dlfunc{POSTERN_LIBRARY}{plan}{$domain}{POSTERN_NEXT_HOP}{$message_exim_id}}
POSTERN_EVENT = ${dlfunc{POSTERN_LIBRARY}{event}{$event_name}{$event_data}{POSTERN_PLACE}{$address_data}{${if eq{$event_name}{tls:cert}{POSTERN_LEAF}}}{$event_defer_errno}}
POSTERN_HOST_GATE = ${dlfunc{POSTERN_LIBRARY}{gate_list}POSTERN_GATE}
POSTERN_MAIL_GATE = ${dlfunc{POSTERN_LIBRARY}{gate}POSTERN_GATE}
)";

// Only the whole answer counts. ${eval of what is no number is an expansion
// that fails, which is how these two options say no; a forced failure would be
// a yes.
// Exim 4.96 keeps the number of a descriptor that could not be connected, by
// the name of the socket, and the next question by that name writes to whatever
// has the number then: the connection to the next host, for one. So each kind
// of question has another spelling of the name, and those asked while a server
// is connected are not those asked when it has gone.
constexpr std::string_view kBySocket =
    R"(# The name of the socket is spelled otherwise for each question (/./ is /): after one
# that could not be asked, Exim would take the next by the same name for connected.
POSTERN_DATA = ${sg{${sg{$address_data}{%}{%25}}}{ }{%20}}
POSTERN_PLACE = queue-id=$message_exim_id domain=$domain host=$host address=$host_address port=$host_port
POSTERN_TLS = tls-version=$tls_out_ver cipher=$tls_out_cipher_std server-name=$tls_out_sni chain=POSTERN_LEAF
POSTERN_YES = postern 1 ready|pass|
POSTERN_PLAN = ${if match{${readsocket{@SOCKET@}{plan queue-id=$message_exim_id domain=$domain nexthop=POSTERN_NEXT_HOP\n}{40s}{|}}}{\N^postern 1 ready\|plan (plan=.*)\|$\N}{$1}{${eval:refused}}}
POSTERN_TELL = ${readsocket{/.@SOCKET@}{certificate queue-id=$message_exim_id domain=$domain host=$host depth=$event_data certificate=POSTERN_LEAF\n}{5s}{|}{}}
POSTERN_REPORT = ${readsocket{${if match{$event_name}{\N^tls:\N}{/./.}{/././.}}@SOCKET@}{event name=${sg{$event_name}{:}{-}} errno=$event_defer_errno data=${sg{${sg{${tr{$event_data}{\n\r\t}{   }}}{%}{%25}}}{ }{%20}} POSTERN_PLACE address-data=POSTERN_DATA\n}{5s}{|}{}}
POSTERN_EVENT = ${if or{{eq{$event_name}{tls:cert}}{match{$event_name}{\N^(msg|tls:fail):\N}}}{${if eq{${if eq{$event_name}{tls:cert}{POSTERN_TELL}{POSTERN_REPORT}}}{}{}{}}}}
POSTERN_HOST_GATE = ${if eq{${readsocket{/./././.@SOCKET@}{judge stage=host POSTERN_PLACE address-data=POSTERN_DATA POSTERN_TLS\n}{20s}{|}{}}}{POSTERN_YES}{}{*}}
POSTERN_MAIL_GATE = ${if eq{${readsocket{/././././.@SOCKET@}{judge stage=mail POSTERN_PLACE address-data=POSTERN_DATA POSTERN_TLS\n}{20s}{|}{}}}{POSTERN_YES}{}{${eval:refused}}}
)";

constexpr std::string_view kRouters =
    R"(# The service is asked once, here, where a question without an answer defers the
# mail. A recipient that can't be reached for good is refused; for the rest the
# router below has the destination's hosts.
postern_refused:
  driver = redirect
  domains = ! +local_domains
  address_data = POSTERN_PLAN
  data = ${if eq{${extract{action}{$address_data}}}{bounce}{:fail: ${extract{text}{$address_data}}}}
  allow_fail

postern:
  driver = manualroute
  domains = ! +local_domains
  address_data = ${if match{$address_data}{\N^plan=[0-9a-f]+ action=deliver \N}{$address_data}{POSTERN_PLAN}}
  route_data = ${extract{hosts}{$address_data}} bydns
  transport = ${if eq{${extract{transport}{$address_data}}}{smtps}{postern_smtps}{postern_smtp}}
  host_find_failed = ignore
  host_all_ignored = defer
  self = defer
  no_more
)";

// What Exim's TLS library has to be told. The plan's protocols are in GnuTLS's
// language, which OpenSSL takes for ciphers that nobody has.
constexpr std::string_view kGnuTls =
    "  tls_require_ciphers = ${extract{priority}{$address_data}}\n"
    "  # No authorities for Exim's own verification, which decides nothing: "
    "to\n"
    "  # load them takes longer than all of Postern's questions.\n"
    "  tls_verify_certificates =\n";
// An Exim with OpenSSL tells only of the certificates that it could verify.
constexpr std::string_view kOpenSsl = "  tls_verify_certificates = @TRUST@\n";

// @PROTOCOL@ is the one thing in which the two differ.
constexpr std::string_view kTransport = R"(postern_@NAME@:
  driver = smtp
@PROTOCOL@  # One message, one domain, one handshake: each connection is judged for what it
  # carries. No client AUTH here: credentials would be sent before the verdict.
  multi_domain = false
  connection_max_messages = 1
  hosts_pipe_connect =
  hosts_max_try = 32
  # All options derive from the plan; none asks the service by itself, because
  # most of them are ignored where an expansion fails.
  hosts_avoid_tls = ${if eq{${extract{tls}{$address_data}}}{never}{*}}
  hosts_require_tls = ${if inlist{${extract{tls}{$address_data}}}{never:opportunistic}{}{*}}
@TLS@  tls_sni = ${extract{sni}{$address_data}{$value}{${if isip{$host}{}{$host}}}}
  tls_certificate = ${extract{certificate}{$address_data}{$value}fail}
  tls_privatekey = ${extract{key}{$address_data}{$value}fail}
  interface = ${extract{source}{$address_data}}
  helo_data = ${extract{helo}{$address_data}{$value}{$primary_hostname}}
  # Exim's own verification decides nothing, and its DANE would bounce mail.
  tls_try_verify_hosts = *
  hosts_try_dane =
  # A host that was refused for one destination is tried for the others.
  retry_include_ip_address = ${if eq{${extract{strict}{$address_data}}}{yes}{no}{yes}}
  # The certificates are noted as they come; the gate judges before MAIL: first by
  # host (the next one is tried), then once more where a failing library defers.
  event_action = POSTERN_EVENT
  hosts_require_auth = POSTERN_HOST_GATE
  authenticated_sender = POSTERN_MAIL_GATE
)";

constexpr std::string_view kRetry =
    R"(# Before all others. A host that Postern refuses for one destination ("auth_failed"
# is what Exim calls it) must not make others wait: it is tried again by every queue
# run. Use the time after which your last rule gives up.
*  auth_failed  F,4d,1s
)";

std::string Transport(std::string_view name, std::string_view protocol,
                      const std::string& tls) {
  return Fill(Fill(Fill(kTransport, "@NAME@", name), "@PROTOCOL@", protocol),
              "@TLS@", tls);
}

// The macros that ask, one way or the other; all the rest is the same.
EximLines LinesWith(const std::string& questions, const EximTls& linked) {
  const std::string tls = linked.openssl_trust.empty()
                              ? std::string(kGnuTls)
                              : Fill(kOpenSsl, "@TRUST@", linked.openssl_trust);
  return {std::string(kMacros) + questions, std::string(kRouters),
          "# STARTTLS, or none where the plan says so.\n" +
              Transport("smtp", "", tls) + "\n# Implicit TLS (wrapper=yes).\n" +
              Transport("smtps", "  protocol = smtps\n", tls),
          std::string(kRetry)};
}

}  // namespace

EximLines EximByLibrary(const std::string& library, const EximTls& tls) {
  return LinesWith(Fill(kByLibrary, "@LIBRARY@", library), tls);
}

EximLines EximBySocket(const std::string& socket, const EximTls& tls) {
  return LinesWith(Fill(kBySocket, "@SOCKET@", socket), tls);
}

}  // namespace postern
