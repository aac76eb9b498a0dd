// tests/plugins/dane/tlsa_maker.h
//
// TLSA records that a certificate matches, as its owner would publish them.
#pragma once

#include <chrono>
#include <string>

#include "core/x509/certificate.h"
#include "plugins/dane/tlsa.h"
#include "tests/testlib/certificates.h"

namespace postern {

inline const TimePoint kNow{std::chrono::hours(500'000)};

// What `selector` and `matching` make of the certificate.
inline std::string TlsaData(const DerCertificate& der, std::uint8_t selector,
                            std::uint8_t matching) {
  const Certificate certificate = Certificate::Parse(der).value();
  const std::string octets = selector == kSpki
                                 ? certificate.spki()
                                 : std::string(der.begin(), der.end());
  const auto algorithm = DigestOfMatching(matching);
  return algorithm ? Digest(*algorithm, octets).value() : octets;
}

inline TlsaRecord MakeTlsa(std::uint8_t usage, std::uint8_t selector,
                           std::uint8_t matching, const DerCertificate& der) {
  return {usage, selector, matching, TlsaData(der, selector, matching)};
}

// A record of that form that no certificate matches.
inline TlsaRecord StaleTlsa(std::uint8_t usage, std::uint8_t selector,
                            std::uint8_t matching) {
  return MakeTlsa(usage, selector, matching,
                  MakeSelfSigned(ForAuthority("Gone")).der);
}

inline constexpr std::uint8_t kSha256 = 1;
inline constexpr std::uint8_t kMatchings[] = {0, 1, 2};
inline const TlsaDigests kUsualDigests{DigestAlgorithm::kSha512,
                                       DigestAlgorithm::kSha256};

}  // namespace postern
