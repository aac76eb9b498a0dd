// pin-admin/value_text.h
//
// Values as administrators write them: digests, spans of time, moments. Errors
// say what is wrong and what would be right (Reason::kRequestInvalid).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/policy/pin.h"
#include "core/x509/base64.h"  // IWYU pragma: export
#include "core/x509/digest.h"

namespace postern {

struct DigestText {
  DigestAlgorithm algorithm = DigestAlgorithm::kSha256;
  std::string octets;
  // It came as openssl prints the fingerprint of a certificate, which is never
  // the digest of a key.
  bool of_certificate = false;
};

// Whether SHA-1 and MD5 are read: imports may take what others have recorded.
enum class WeakDigests { kRefuse, kTake };

// Hexadecimal (any case, colons or not) or base64 (padded or not), with
// "sha256:" or "sha512:" before it or not: the length tells which. Also what
// openssl prints: "sha256 Fingerprint=AA:BB…" (of a certificate) and
// "SHA2-256(stdin)= aabb…". SHA-1 and MD5 are refused by name unless `weak`
// takes them.
Result<DigestText> ParseDigest(std::string_view text,
                               WeakDigests weak = WeakDigests::kRefuse);
// The algorithm whose digests have so many octets.
std::optional<DigestAlgorithm> DigestAlgorithmOfLength(std::size_t octets);

// Octets of hexadecimal, any case, colons or not; nothing for anything else.
std::optional<std::string> FromHex(std::string_view text);

// The first 16 digits of a long hexadecimal text, enough to tell it from others
// (and for WHICH of `pin remove`); never enough to compare keys by.
std::string ShortHex(std::string_view hex);

// What a pin of the kind is of, for people: "key", "certificate", "authority".
std::string_view KindText(PinKind kind);
std::string_view ToString(PinRole role);
std::optional<DigestAlgorithm> DigestAlgorithmFrom(std::string_view text);
std::optional<PinKind> PinKindFrom(std::string_view text);
std::optional<PinRole> PinRoleFrom(std::string_view text);

// "90m", "4h", "2d", "1w": a whole number and its unit, more than nothing and
// at most a year.
Result<std::chrono::seconds> ParseSpan(std::string_view text);

// RFC 3339, a date, or "+4h" from `now`.
Result<TimePoint> ParseMoment(std::string_view text, TimePoint now);

// "in 3 days", "2 hours ago": the largest fitting unit, rounded down.
std::string Relative(TimePoint time, TimePoint now);

}  // namespace postern
