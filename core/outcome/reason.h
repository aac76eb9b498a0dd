// core/outcome/reason.h
//
// Every reason Postern can give for a "no" (and the one for a "yes"), in one
// table: the token that machines match, the enhanced status code, the RFC 8460
// result type, a sentence and a hint. Adding a reason is adding a row; a token,
// once released, never changes.
//
// Sources: RFC 3463 (enhanced status codes), RFC 8460 section 4.3 (result
// types).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace postern {

enum class Reason : std::uint8_t {
  kOk,
  // The peer's TLS.
  kStarttlsNotSupported,
  kStarttlsRefused,
  kTlsHandshakeFailed,
  kTlsPlaintextInjected,
  // The peer's certificate.
  kCertificateMissing,
  kCertificateMalformed,
  kCertificateHostMismatch,
  kCertificateCommonNameOnly,
  kCertificateExpired,
  kCertificateNotYetValid,
  kCertificateNotTrusted,
  kCertificateChainIncomplete,
  kCertificateInvalid,
  kCertificateWeak,
  kCertificateRevoked,
  kCertificatePathTooCostly,
  kCertificateNotSeen,
  kCrlUnavailable,
  // Pins.
  kPinMismatch,
  kPinExpired,
  kPinNotYetValid,
  kPinMissing,
  // Published policies.
  kTlsaInvalid,
  kDnssecInvalid,
  kDaneRequired,
  kStsPolicyMissing,
  kStsPolicyFetchError,
  kStsPolicyInvalid,
  kStsWebpkiInvalid,
  // The local policy.
  kMxNotAllowed,
  kRouteNotAllowed,
  kPolicyMissing,
  kPolicyInvalid,
  kPolicyChanged,
  kPolicyStoreUnavailable,
  kVerifierNotBuiltIn,
  kTrustStoreUnavailable,
  // DNS and routing.
  kDnsLookupFailed,
  kNoAddress,
  kDomainNotFound,
  kNullMx,
  kMailLoop,
  // Network and SMTP.
  kConnectionFailed,
  kConnectionLost,
  kConnectionTimeout,
  kAddressNotAllowed,
  kGreetingRefused,
  kHelloRefused,
  kSmtpProtocolError,
  kServerDeferred,
  kServerRejected,
  kMessageTooBig,
  kSmtputf8NotSupported,
  kEightBitNotSupported,
  // Logging in to a relay.
  kAuthNotOffered,
  kAuthRefused,
  kAuthDeferred,
  kAuthInvalid,
  kAuthRequired,
  kCredentialsWithheld,
  kCredentialsUnavailable,
  // Here.
  kRequestInvalid,
  kTooManyRecipients,
  kServiceUnavailable,
  kHostBusy,
  kServiceBusy,
  kServiceStopping,
  kClientNotAllowed,
  kSpoolFull,
  kJournalUnavailable,
  kDeliveryUnderWay,
  kClientGone,
  kDeadlineExceeded,
  kInternal,
};

struct ReasonInfo {
  Reason reason;
  std::string_view token;     // for machines: lower case, hyphens, stable
  std::string_view status;    // RFC 3463, "4.7.5"; "2.0.0" for kOk
  std::string_view tlsrpt;    // RFC 8460 section 4.3; empty where none applies
  std::string_view sentence;  // for the log; ends without a full stop
  std::string_view hint;      // what an administrator can do
};

// The row of `reason`. Refers to static storage.
const ReasonInfo& Describe(Reason reason);

// All rows, in the order of the enumerators.
std::span<const ReasonInfo> AllReasons();

// The reason behind a token; nothing for a token that is not ours.
std::optional<Reason> ReasonFromToken(std::string_view token);

}  // namespace postern
