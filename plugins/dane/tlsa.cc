#include "plugins/dane/tlsa.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <tuple>
#include <utility>

#include "core/names/quoted.h"
#include "core/x509/certificate.h"
#include "core/x509/public_key.h"

namespace postern {
namespace {

// The octets of the longest digest; what is longer is shown by its own digest.
constexpr std::size_t kLongestShown = 64;
constexpr std::size_t kMaxData = 65'532;  // of an RDATA, less three octets

auto Order(const TlsaRecord& record) {
  return std::tie(record.usage, record.selector, record.matching, record.data);
}

std::string Numbers(const TlsaRecord& record) {
  return std::to_string(record.usage) + ' ' + std::to_string(record.selector) +
         ' ' + std::to_string(record.matching) + ' ';
}

// Full data has to be what it says it is.
std::string WhyMalformed(const TlsaRecord& record) {
  if (record.data.empty()) return "it has no data";
  if (record.selector == kSpki) {
    const auto key = PublicKey::Parse(record.data);
    return key ? "" : key.error().detail();
  }
  const auto certificate = Certificate::Parse(
      DerCertificate(record.data.begin(), record.data.end()));
  return certificate ? "" : certificate.error().detail();
}

// Empty: it can be used.
std::string WhyUnusable(const TlsaRecord& record, const TlsaDigests& digests) {
  if (record.usage < kDaneTa) {
    return "usage " + std::to_string(record.usage) +
           " rests on the web PKI, which SMTP leaves aside";
  }
  if (record.usage > kDaneEe) return "the usage is not known";
  if (record.selector > kSpki) return "the selector is not known";
  if (record.matching == kFull) return WhyMalformed(record);
  const auto algorithm = DigestOfMatching(record.matching);
  if (!algorithm) return "the matching type is not known";
  if (std::find(digests.begin(), digests.end(), *algorithm) == digests.end()) {
    return std::string(ToString(*algorithm)) + " is switched off here";
  }
  if (record.data.size() != DigestLength(*algorithm)) {
    return "its data has " + std::to_string(record.data.size()) +
           " octets, a digest of this type has " +
           std::to_string(DigestLength(*algorithm));
  }
  return "";
}

std::optional<std::uint8_t> ParseNumber(std::string_view word) {
  std::uint8_t number = 0;
  const char* const end = word.data() + word.size();
  const auto [rest, error] = std::from_chars(word.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

std::optional<int> HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::optional<std::string> ParseHex(std::string_view text) {
  std::string octets;
  std::optional<int> high;
  for (const char c : text) {
    if (c == ' ' || c == '\t') continue;
    const auto digit = HexDigit(c);
    if (!digit) return std::nullopt;
    if (!high) {
      high = digit;
      continue;
    }
    octets += static_cast<char>(*high * 16 + *digit);
    high.reset();
  }
  if (high || octets.size() > kMaxData) return std::nullopt;
  return octets;
}

// Cuts the first word off `text`.
std::string_view TakeWord(std::string_view& text) {
  constexpr std::string_view kSpace = " \t";
  const std::size_t begin =
      std::min(text.find_first_not_of(kSpace), text.size());
  const std::size_t end =
      std::min(text.find_first_of(kSpace, begin), text.size());
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

}  // namespace

std::optional<DigestAlgorithm> DigestOfMatching(std::uint8_t matching) {
  if (matching == 1) return DigestAlgorithm::kSha256;
  if (matching == 2) return DigestAlgorithm::kSha512;
  return std::nullopt;
}

Result<TlsaDigests> ParseTlsaDigests(std::span<const std::string> words) {
  TlsaDigests digests;
  const auto has = [&digests](DigestAlgorithm algorithm) {
    return std::find(digests.begin(), digests.end(), algorithm) !=
           digests.end();
  };
  for (const std::string& word : words) {
    std::optional<DigestAlgorithm> known;
    for (const auto algorithm :
         {DigestAlgorithm::kSha512, DigestAlgorithm::kSha256}) {
      if (word == ToString(algorithm)) known = algorithm;
    }
    if (!known || has(*known)) {
      return Error(Reason::kRequestInvalid,
                   "tlsa-digests: " + Quoted(word) +
                       (known ? " stands there twice"
                              : " is none of sha512 and sha256"));
    }
    digests.push_back(*known);
  }
  if (!has(DigestAlgorithm::kSha256)) {
    return Error(Reason::kRequestInvalid,
                 "tlsa-digests: sha256 has to be among them (RFC 7671)");
  }
  return digests;
}

std::string Presentation(const TlsaRecord& record) {
  return Numbers(record) + ToHex(record.data);
}

std::string ShortPresentation(const TlsaRecord& record) {
  if (record.data.size() <= kLongestShown) return Presentation(record);
  const auto digest = Digest(DigestAlgorithm::kSha256, record.data);
  if (!digest) return Presentation(record);
  return Numbers(record) + '(' + std::to_string(record.data.size()) +
         " octets, sha256 " + ToHex(*digest) + ')';
}

Result<TlsaRecord> ParseTlsa(std::string_view text) {
  std::string_view rest = text;
  const auto usage = ParseNumber(TakeWord(rest));
  const auto selector = ParseNumber(TakeWord(rest));
  const auto matching = ParseNumber(TakeWord(rest));
  auto data = ParseHex(rest);
  if (!usage || !selector || !matching || !data || data->empty()) {
    return Error(Reason::kRequestInvalid,
                 Quoted(text) +
                     " is no TLSA record: three numbers and hexadecimal data, "
                     "as '3 1 1 5c15…'");
  }
  return TlsaRecord{*usage, *selector, *matching, *std::move(data)};
}

TlsaChoice ChooseTlsa(std::span<const TlsaRecord> records,
                      const TlsaDigests& strongest_first) {
  TlsaChoice choice;
  std::vector<TlsaRecord> usable;
  for (const TlsaRecord& record : records) {
    const std::string why = WhyUnusable(record, strongest_first);
    if (why.empty()) {
      usable.push_back(record);
    } else {
      choice.unusable.push_back(ShortPresentation(record) + ": " + why);
    }
  }
  const auto strength = [&strongest_first](const TlsaRecord& record) {
    return std::find(strongest_first.begin(), strongest_first.end(),
                     DigestOfMatching(record.matching)) -
           strongest_first.begin();
  };
  for (const TlsaRecord& record : usable) {
    const bool passed_over =
        record.matching != kFull &&
        std::any_of(usable.begin(), usable.end(), [&](const TlsaRecord& other) {
          return other.usage == record.usage &&
                 other.selector == record.selector && other.matching != kFull &&
                 strength(other) < strength(record);
        });
    if (!passed_over) choice.records.push_back(record);
  }
  // The order of records in an answer is chance.
  std::sort(choice.records.begin(), choice.records.end(),
            [](const TlsaRecord& a, const TlsaRecord& b) {
              return Order(a) < Order(b);
            });
  choice.records.erase(
      std::unique(choice.records.begin(), choice.records.end(),
                  [](const TlsaRecord& a, const TlsaRecord& b) {
                    return Order(a) == Order(b);
                  }),
      choice.records.end());
  std::sort(choice.unusable.begin(), choice.unusable.end());
  return choice;
}

}  // namespace postern
