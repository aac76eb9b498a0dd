#include "pin-admin/value_text.h"

#include <array>
#include <charconv>

namespace postern {
namespace {

using std::chrono::seconds;

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What openssl puts before a digest, taken off: "sha256 Fingerprint=" of
// `openssl x509 -fingerprint`, "SHA2-256(stdin)= " of `openssl dgst`. Both have
// an equals sign behind the words; base64 has it at its end only.
std::string_view WithoutOpensslWords(std::string_view text, bool& fingerprint) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return text;
  std::string words(text.substr(0, equals));
  for (char& c : words) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  fingerprint = words.ends_with(" fingerprint");
  if (!fingerprint && !words.ends_with(")")) return text;
  text.remove_prefix(equals + 1);
  while (text.starts_with(' ')) text.remove_prefix(1);
  return text;
}

}  // namespace

std::optional<std::string> FromHex(std::string_view text) {
  std::string octets;
  while (!text.empty()) {
    // Colons stand between octets or not at all; a stray one is a typing error.
    if (!octets.empty() && text.front() == ':') text.remove_prefix(1);
    if (text.size() < 2) return std::nullopt;
    const int high = HexValue(text[0]);
    const int low = HexValue(text[1]);
    if (high < 0 || low < 0) return std::nullopt;
    octets += static_cast<char>(high * 16 + low);
    text.remove_prefix(2);
  }
  return octets;
}

std::optional<DigestAlgorithm> DigestAlgorithmOfLength(std::size_t octets) {
  for (const DigestAlgorithm algorithm :
       {DigestAlgorithm::kSha256, DigestAlgorithm::kSha512,
        DigestAlgorithm::kSha1, DigestAlgorithm::kMd5}) {
    if (DigestLength(algorithm) == octets) return algorithm;
  }
  return std::nullopt;
}

Result<DigestText> ParseDigest(std::string_view text, WeakDigests weak) {
  const std::string_view given = text;
  bool fingerprint = false;
  text = WithoutOpensslWords(text, fingerprint);
  std::optional<DigestAlgorithm> named;
  for (const DigestAlgorithm algorithm :
       {DigestAlgorithm::kSha256, DigestAlgorithm::kSha512,
        DigestAlgorithm::kSha1, DigestAlgorithm::kMd5}) {
    const std::string prefix = std::string(ToString(algorithm)) + ":";
    if (text.starts_with(prefix)) {
      named = algorithm;
      text.remove_prefix(prefix.size());
      break;
    }
  }
  std::optional<std::string> octets = FromHex(text);
  if (!octets || octets->empty()) octets = FromBase64(text);
  if (!octets) {
    return Invalid("'" + std::string(given) +
                   "' is no digest: expected hexadecimal, with or without "
                   "colons, or base64");
  }
  const std::optional<DigestAlgorithm> known =
      DigestAlgorithmOfLength(octets->size());
  if (!known) {
    return Invalid("'" + std::string(given) + "' has " +
                   std::to_string(octets->size()) +
                   " octets: SHA-256 has 32, SHA-512 has 64");
  }
  if (IsWeak(*known) && weak == WeakDigests::kRefuse) {
    return Invalid("'" + std::string(given) +
                   "' is as long as a SHA-1 or MD5 digest, and those can be "
                   "forged: take the SHA-256 digest");
  }
  DigestText digest;
  digest.algorithm = *known;
  digest.of_certificate = fingerprint;
  if (named && *named != digest.algorithm) {
    return Invalid("'" + std::string(given) + "' is not as long as " +
                   std::string(ToString(*named)) + " has it");
  }
  digest.octets = std::move(*octets);
  return digest;
}

std::string_view KindText(PinKind kind) {
  switch (kind) {
    case PinKind::kSpki:
      return "key";
    case PinKind::kCert:
      return "certificate";
    case PinKind::kAny:
      return "key or certificate";
    case PinKind::kCa:
      break;
  }
  return "authority";
}

std::string ShortHex(std::string_view hex) {
  constexpr std::size_t kShown = 16;
  if (hex.size() <= kShown) return std::string(hex);
  return std::string(hex.substr(0, kShown)) + "…";
}

std::string_view ToString(PinRole role) {
  return role == PinRole::kActive ? "active" : "backup";
}

std::optional<DigestAlgorithm> DigestAlgorithmFrom(std::string_view text) {
  for (const auto algorithm :
       {DigestAlgorithm::kSha256, DigestAlgorithm::kSha512}) {
    if (text == ToString(algorithm)) return algorithm;
  }
  return std::nullopt;
}

std::optional<PinKind> PinKindFrom(std::string_view text) {
  for (const auto kind : {PinKind::kSpki, PinKind::kCert, PinKind::kCa}) {
    if (text == ToString(kind)) return kind;
  }
  return std::nullopt;
}

std::optional<PinRole> PinRoleFrom(std::string_view text) {
  for (const auto role : {PinRole::kActive, PinRole::kBackup}) {
    if (text == ToString(role)) return role;
  }
  return std::nullopt;
}

Result<seconds> ParseSpan(std::string_view text) {
  constexpr seconds kYear = std::chrono::hours(24 * 366);
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  seconds unit{0};
  if (error == std::errc() && end - rest == 1) {
    switch (*rest) {
      case 's':
        unit = seconds(1);
        break;
      case 'm':
        unit = std::chrono::minutes(1);
        break;
      case 'h':
        unit = std::chrono::hours(1);
        break;
      case 'd':
        unit = std::chrono::hours(24);
        break;
      case 'w':
        unit = std::chrono::hours(24 * 7);
        break;
      default:
        break;
    }
  }
  if (unit.count() == 0 || number <= 0 || number > kYear / unit) {
    return Invalid("'" + std::string(text) +
                   "' is no span of time: write 90m, 4h, 2d or 1w, at most a "
                   "year");
  }
  return number * unit;
}

Result<TimePoint> ParseMoment(std::string_view text, TimePoint now) {
  if (text.starts_with('+')) {
    const Result<seconds> span = ParseSpan(text.substr(1));
    if (!span) return span.error();
    return now + *span;
  }
  const std::optional<TimePoint> time = ParseTime(text);
  if (!time) {
    return Invalid("'" + std::string(text) +
                   "' is no time: write 2027-01-31, 2027-01-31T12:00:00Z or "
                   "+4h");
  }
  return *time;
}

std::string Relative(TimePoint time, TimePoint now) {
  struct Unit {
    seconds span;
    const char* name;
  };
  constexpr std::array<Unit, 3> kUnits{{{seconds(86400), "day"},
                                        {seconds(3600), "hour"},
                                        {seconds(60), "minute"}}};
  const seconds distance =
      std::chrono::floor<seconds>(time > now ? time - now : now - time);
  std::string text = "less than a minute";
  for (const Unit& unit : kUnits) {
    const auto count = distance / unit.span;
    if (count == 0) continue;
    text = std::to_string(count) + " " + unit.name + (count == 1 ? "" : "s");
    break;
  }
  return time > now ? "in " + text : text + " ago";
}

}  // namespace postern
