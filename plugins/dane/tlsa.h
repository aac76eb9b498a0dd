// plugins/dane/tlsa.h
//
// TLSA records as data: their text form, which of them can be used for SMTP,
// and which of those that can be used count (digest agility). Pure.
//
// Sources: RFC 6698 section 2, RFC 7671 sections 4 and 9, RFC 7672 section 3.1.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/dns/resolver.h"
#include "core/outcome/result.h"
#include "core/x509/digest.h"

namespace postern {

// The registered numbers that SMTP knows (RFC 7218 has the acronyms). The PKIX
// usages 0 and 1 are never usable here (RFC 7672 section 3.1.3).
inline constexpr std::uint8_t kDaneTa = 2;
inline constexpr std::uint8_t kDaneEe = 3;
inline constexpr std::uint8_t kCert = 0;
inline constexpr std::uint8_t kSpki = 1;
inline constexpr std::uint8_t kFull = 0;

// Matching types that are digests, strongest first.
using TlsaDigests = std::vector<DigestAlgorithm>;

// "sha512", "sha256": the setting's words. Error: another word, one twice, or
// sha256 missing, which everybody has to support (RFC 7671 section 9).
Result<TlsaDigests> ParseTlsaDigests(std::span<const std::string> words);

// "3 1 1 5c15…", lower case: as zone files have it.
std::string Presentation(const TlsaRecord& record);
// The same with long data told by its digest: one line for people, and still
// another text for another record.
std::string ShortPresentation(const TlsaRecord& record);
// The text form; digits of the data may be set apart by spaces. Error
// (kRequestInvalid): no such form.
Result<TlsaRecord> ParseTlsa(std::string_view text);

struct TlsaChoice {
  // What a certificate is compared with: sorted, each once.
  std::vector<TlsaRecord> records;
  // Records that can't be used, each with why ("1 1 1 …: …"). Records that
  // agility passes over are not among them.
  std::vector<std::string> unusable;
};

// Keeps the records that can be used and, of each usage and selector, those
// with full data and those with the strongest digest that is there. No records
// left: nothing can be used.
TlsaChoice ChooseTlsa(std::span<const TlsaRecord> records,
                      const TlsaDigests& strongest_first);

// The algorithm of a matching type; nothing for full data and for types that
// are not registered.
std::optional<DigestAlgorithm> DigestOfMatching(std::uint8_t matching);

}  // namespace postern
