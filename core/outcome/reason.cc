#include "core/outcome/reason.h"

#include <array>

namespace postern {
namespace {

using enum Reason;

constexpr std::string_view kSelf = "see the service's log and report it";
constexpr std::string_view kCompare =
    "compare the key with its owner over another channel before trusting it";

constexpr std::array kReasons{
    ReasonInfo{kOk, "pass", "2.0.0", "", "the policy holds", ""},

    ReasonInfo{kStarttlsNotSupported, "starttls-not-supported", "4.7.4",
               "starttls-not-supported", "the server does not offer STARTTLS",
               "if it did before, something on the way may be stripping it: "
               "probe it from another network; ask its operator"},
    ReasonInfo{kStarttlsRefused, "starttls-refused", "4.7.4",
               "starttls-not-supported",
               "the server offers STARTTLS and then refuses it",
               "usually passing trouble at the server; ask its operator if it "
               "lasts"},
    ReasonInfo{kTlsHandshakeFailed, "tls-handshake-failed", "4.7.5",
               "validation-failure", "the TLS handshake failed",
               "compare the protocol versions and ciphers of both sides with "
               "'pin-admin probe'"},
    ReasonInfo{kTlsPlaintextInjected, "tls-plaintext-injected", "4.7.5",
               "validation-failure",
               "plain text arrived after the reply to STARTTLS",
               "an injection on the way, or a very broken server: do not "
               "weaken the policy"},

    ReasonInfo{kCertificateMissing, "certificate-missing", "4.7.5",
               "validation-failure", "the server presented no certificate",
               "ask the server's operator"},
    ReasonInfo{kCertificateMalformed, "certificate-malformed", "4.7.5",
               "validation-failure",
               "a certificate of the server does not parse",
               "ask the server's operator to replace it"},
    ReasonInfo{kCertificateHostMismatch, "certificate-host-mismatch", "4.7.5",
               "certificate-host-mismatch",
               "the certificate names none of the names expected",
               "'pin-admin probe' shows the names it carries; put the right "
               "one into match= only if its owner confirms it"},
    ReasonInfo{kCertificateCommonNameOnly, "certificate-common-name-only",
               "4.7.5", "certificate-host-mismatch",
               "only the common name would have matched, and it does not count",
               "ask for a certificate with subject alternative names, or allow "
               "it with cn=no-san"},
    ReasonInfo{kCertificateExpired, "certificate-expired", "4.7.5",
               "certificate-expired", "a certificate has expired",
               "ask the server's operator to renew it; check the clock here"},
    ReasonInfo{kCertificateNotYetValid, "certificate-not-yet-valid", "4.7.5",
               "validation-failure", "a certificate is not valid yet",
               "check the clock here and there"},
    ReasonInfo{kCertificateNotTrusted, "certificate-not-trusted", "4.7.5",
               "certificate-not-trusted",
               "the chain ends at an authority that is not trusted here",
               "add the authority as an anchor (ca=) or pin the key, once its "
               "owner has confirmed it over another channel"},
    ReasonInfo{
        kCertificateChainIncomplete, "certificate-chain-incomplete", "4.7.5",
        "certificate-not-trusted",
        "an issuer was neither sent by the server nor is it trusted here",
        "ask the server's operator to send the intermediate "
        "certificates"},
    ReasonInfo{kCertificateInvalid, "certificate-invalid", "4.7.5",
               "validation-failure",
               "a certificate breaks the rules of RFC 5280",
               "ask the server's operator to replace it"},
    ReasonInfo{kCertificateWeak, "certificate-weak", "4.7.5",
               "validation-failure",
               "a key or signature of the chain is too weak to authenticate",
               "ask the server's operator to replace it"},
    ReasonInfo{kCertificateRevoked, "certificate-revoked", "4.7.5",
               "certificate-not-trusted", "a certificate has been revoked",
               "ask the server's operator; do not weaken the policy"},
    ReasonInfo{kCertificatePathTooCostly, "certificate-path-too-costly",
               "4.7.5", "validation-failure",
               "checking the chain would take too many signatures",
               "the chain looks hostile; ask the server's operator"},
    ReasonInfo{kCertificateNotSeen, "certificate-not-seen", "4.7.5", "",
               "the MTA was shown a certificate that this host did not show "
               "us, several times asked",
               "usually passes, where several servers share an address; "
               "otherwise compare what the MTA's connection reaches"},
    ReasonInfo{kCrlUnavailable, "crl-unavailable", "4.7.5",
               "validation-failure",
               "the revocation list that the policy asks for cannot be used",
               "renew the file named by crl="},

    ReasonInfo{kPinMismatch, "pin-mismatch", "4.7.5", "validation-failure",
               "the server's key matches no pin", kCompare},
    ReasonInfo{kPinExpired, "pin-expired", "4.7.5", "validation-failure",
               "the key matches a pin whose time is over",
               "extend the pin if its owner confirms that the key stays"},
    ReasonInfo{kPinNotYetValid, "pin-not-yet-valid", "4.7.5",
               "validation-failure",
               "the key matches a pin whose time has not come",
               "move the pin's start if its owner confirms the early change"},
    ReasonInfo{kPinMissing, "pin-missing", "4.7.5", "validation-failure",
               "the policy asks for a pin and there is none",
               "'pin-admin pin add', with a digest its owner confirmed"},

    ReasonInfo{kTlsaInvalid, "tlsa-invalid", "4.7.5", "tlsa-invalid",
               "the certificate matches no TLSA record",
               "the destination has to mend its TLSA records or certificate"},
    ReasonInfo{
        kDnssecInvalid, "dnssec-invalid", "4.7.5", "dnssec-invalid",
        "a DNS answer fails DNSSEC validation",
        "the destination has to mend its zone; check the clock here, and "
        "whether the resolvers asked pass signatures on"},
    ReasonInfo{kDaneRequired, "dane-required", "4.7.5", "dane-required",
               "DANE is required and the destination has no usable TLSA",
               "ask the destination, or choose another level"},
    ReasonInfo{kStsPolicyMissing, "sts-policy-missing", "4.7.5",
               "sts-policy-invalid",
               "MTA-STS is required and the destination publishes none",
               "ask the destination, or choose another level"},
    ReasonInfo{kStsPolicyFetchError, "sts-policy-fetch-error", "4.7.5",
               "sts-policy-fetch-error",
               "the MTA-STS policy could not be fetched",
               "try again later; if it lasts, ask the destination"},
    ReasonInfo{kStsPolicyInvalid, "sts-policy-invalid", "4.7.5",
               "sts-policy-invalid", "the MTA-STS policy is not valid",
               "the destination has to mend its policy file"},
    ReasonInfo{kStsWebpkiInvalid, "sts-webpki-invalid", "4.7.5",
               "sts-webpki-invalid",
               "the MTA-STS policy host does not prove its identity",
               "the destination has to mend its HTTPS certificate"},

    ReasonInfo{kMxNotAllowed, "mx-not-allowed", "4.7.5", "validation-failure",
               "the MX host is not among those the policy allows",
               "if the destination moved, confirm it and extend mx="},
    ReasonInfo{kRouteNotAllowed, "route-not-allowed", "4.7.5", "",
               "the mail was routed to a next hop the policy does not allow",
               "remove the relay or transport map entry, or name the hop in "
               "route="},
    ReasonInfo{kPolicyMissing, "policy-missing", "4.3.5", "",
               "no policy line holds for the destination",
               "every store has a '*' line: run 'pin-admin init', or set one"},
    ReasonInfo{kPolicyInvalid, "policy-invalid", "4.3.5", "",
               "the policy line cannot be used as it stands",
               "mend the line with 'pin-admin policy set'"},
    ReasonInfo{kPolicyChanged, "policy-changed", "4.3.5", "",
               "the policy changed while the message was on its way",
               "retried with the policy that holds then"},
    ReasonInfo{kPolicyStoreUnavailable, "policy-store-unavailable", "4.3.5", "",
               "the policy store cannot be read",
               "as root, 'pin-admin publish' makes a missing or damaged "
               "snapshot anew; a lost author store is restored from a backup"},
    ReasonInfo{kVerifierNotBuiltIn, "verifier-not-available", "4.3.5", "",
               "the policy asks for a verifier that is not available here",
               "'pin-admin plugins' lists what is built in and switched on"},
    ReasonInfo{kTrustStoreUnavailable, "trust-store-unavailable", "4.3.5", "",
               "the trusted certificates cannot be read",
               "install ca-certificates, or mend ca= or trust-directory"},

    ReasonInfo{kDnsLookupFailed, "dns-lookup-failed", "4.4.3", "",
               "a DNS lookup failed",
               "try 'pin-admin explain' again; check the resolver"},
    ReasonInfo{kNoAddress, "no-address", "4.4.3", "",
               "the host has no usable address",
               "the destination has to mend its DNS"},
    ReasonInfo{kDomainNotFound, "domain-not-found", "5.1.2", "",
               "the domain does not exist",
               "check the address for a typing error"},
    ReasonInfo{kNullMx, "null-mx", "5.1.10", "",
               "the domain accepts no mail (null MX, RFC 7505)",
               "check the address"},
    ReasonInfo{kMailLoop, "mail-loops-back", "4.4.6", "",
               "this host is the best mail exchanger of the destination",
               "make the domain local, or route it to its real host"},

    ReasonInfo{kConnectionFailed, "connection-failed", "4.4.1", "",
               "the host cannot be reached",
               "check the network, firewall and the host's status"},
    ReasonInfo{kConnectionLost, "connection-lost", "4.4.2", "",
               "the connection was lost", "usually passes; retried"},
    ReasonInfo{kConnectionTimeout, "connection-timeout", "4.4.2", "",
               "the server took too long", "usually passes; retried"},
    ReasonInfo{kAddressNotAllowed, "address-not-allowed", "4.4.1", "",
               "the host's address is one that is never asked",
               "if the host is meant, allow its network in postern.conf"},
    ReasonInfo{kGreetingRefused, "greeting-refused", "4.4.1", "",
               "the server refused the connection in its greeting",
               "see the server's text"},
    ReasonInfo{kHelloRefused, "hello-refused", "4.4.1", "",
               "the server refused EHLO and HELO",
               "check the name we say (helo=) and its DNS"},
    ReasonInfo{kSmtpProtocolError, "smtp-protocol-error", "4.5.0", "",
               "the server broke the SMTP protocol",
               "ask the server's operator"},
    ReasonInfo{kServerDeferred, "server-deferred", "4.0.0", "",
               "the server asks to try again later", "see the server's text"},
    ReasonInfo{kServerRejected, "server-rejected", "5.0.0", "",
               "the server rejects the message for good",
               "see the server's text"},
    ReasonInfo{kMessageTooBig, "message-too-big", "5.3.4", "",
               "the message is larger than the server accepts",
               "send it smaller"},
    ReasonInfo{kSmtputf8NotSupported, "smtputf8-not-supported", "5.6.7", "",
               "the message needs SMTPUTF8 and the server does not offer it",
               "use an ASCII address and header"},
    ReasonInfo{kEightBitNotSupported, "8bitmime-not-supported", "5.6.3", "",
               "the message has 8-bit octets and the server does not offer "
               "8BITMIME",
               "send it as quoted-printable or base64, or let such messages go "
               "as they are with without-8bitmime = send"},

    ReasonInfo{
        kAuthNotOffered, "auth-not-offered", "4.7.4", "",
        "the relay offers no way to log in that is known here",
        "AUTH with SCRAM-SHA-256, PLAIN or LOGIN is needed after TLS; is "
        "it the relay's port for submission?"},
    ReasonInfo{kAuthRefused, "auth-refused", "4.7.8", "",
               "the relay refuses the user or the secret",
               "compare the hop's line in the file of 'credentials' with what "
               "the relay's operator gave you; it is tried again at once when "
               "the line changes"},
    ReasonInfo{kAuthDeferred, "auth-deferred", "4.7.0", "",
               "the relay can't log anybody in at the moment",
               "usually passing trouble at the relay; ask its operator if it "
               "lasts"},
    ReasonInfo{kAuthInvalid, "auth-invalid", "4.7.0", "",
               "the relay's part of the login is not valid",
               "a relay that does not prove to know the secret may not be "
               "yours: ask its operator"},
    ReasonInfo{kAuthRequired, "auth-required", "4.7.0", "",
               "the server takes mail only from those who have logged in",
               "give the next hop, as [host]:port, a line in the file of "
               "'credentials'; if the server's text asks for TLS, raise the "
               "level"},
    ReasonInfo{kCredentialsWithheld, "credentials-withheld", "4.7.0", "",
               "the credentials for this next hop may not be sent here, and "
               "nothing goes without them",
               "give the next hop, as [host]:port, a line of its own at an "
               "authenticating level, such as secure"},
    ReasonInfo{kCredentialsUnavailable, "credentials-unavailable", "4.3.5", "",
               "the file of credentials cannot be used",
               "'pin-admin doctor' says what is wrong with it; mail that needs "
               "no relay is not affected"},

    ReasonInfo{kRequestInvalid, "request-invalid", "4.3.5", "",
               "the request to the service is not valid",
               "compare master.cf with 'pin-admin config postfix'"},
    ReasonInfo{kTooManyRecipients, "too-many-recipients", "4.3.5", "",
               "more than one recipient in one call",
               "set <transport>_destination_recipient_limit = 1 in main.cf"},
    ReasonInfo{kServiceUnavailable, "service-unavailable", "4.3.0", "",
               "posternd does not answer",
               "'systemctl status postern' says why; 'systemctl start postern' "
               "starts it"},
    ReasonInfo{kHostBusy, "host-busy", "4.4.5", "",
               "the host has as many connections as it may have",
               "raise host-connections if the host can take more, or lower the "
               "MTA's concurrency"},
    ReasonInfo{kServiceBusy, "service-busy", "4.3.2", "",
               "the service has all hands full",
               "raise worker-threads, or lower the MTA's concurrency"},
    ReasonInfo{kServiceStopping, "service-stopping", "4.3.2", "",
               "the service is shutting down", "retried"},
    ReasonInfo{kClientNotAllowed, "client-not-allowed", "4.3.5", "",
               "this user may not use this door of the service",
               "postern-transport: user= in master.cf has to be one of "
               "pipe-users in postern.conf; pin-admin: be root, or one of "
               "query-users"},
    ReasonInfo{kSpoolFull, "spool-full", "4.3.1", "",
               "the message cannot be spooled", "make room in the spool"},
    ReasonInfo{kJournalUnavailable, "journal-unavailable", "4.3.0", "",
               "the delivery journal cannot be used, so nothing is sent",
               "check space and rights where the file of 'journal' lies; a "
               "damaged one may be moved away: at worst, mail that was on its "
               "way is delivered twice"},
    ReasonInfo{kDeliveryUnderWay, "delivery-under-way", "4.3.0", "",
               "an earlier delivery of the same message is not over yet",
               "retried; the server may take ten minutes over the message"},
    ReasonInfo{kClientGone, "client-gone", "4.3.0", "",
               "the MTA hung up before the message was sent", "retried"},
    ReasonInfo{kDeadlineExceeded, "deadline-exceeded", "4.4.2", "",
               "the time for this delivery is over", "retried"},
    ReasonInfo{kInternal, "internal-error", "4.3.0", "",
               "an error in Postern itself", kSelf},
};

constexpr bool InOrder() {
  for (std::size_t i = 0; i < kReasons.size(); ++i) {
    if (static_cast<std::size_t>(kReasons[i].reason) != i) return false;
  }
  return kReasons.size() == static_cast<std::size_t>(kInternal) + 1;
}
static_assert(InOrder(), "the table follows the order of the enumerators");

}  // namespace

const ReasonInfo& Describe(Reason reason) {
  const auto index = static_cast<std::size_t>(reason);
  return index < kReasons.size() ? kReasons[index] : kReasons.back();
}

std::span<const ReasonInfo> AllReasons() { return kReasons; }

std::optional<Reason> ReasonFromToken(std::string_view token) {
  for (const ReasonInfo& info : kReasons) {
    if (info.token == token) return info.reason;
  }
  return std::nullopt;
}

}  // namespace postern
