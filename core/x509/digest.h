// core/x509/digest.h
//
// Digests of octets. MD5 and SHA-1 are here to read what others have recorded;
// nothing is made with them (design §4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/outcome/result.h"

namespace postern {

enum class DigestAlgorithm { kSha256, kSha512, kSha1, kMd5 };

// "sha256", "sha512", "sha1", "md5".
std::string_view ToString(DigestAlgorithm algorithm);

// Octets that a digest of this algorithm has.
std::size_t DigestLength(DigestAlgorithm algorithm);

// The digest's octets. kInternal where the library has the algorithm switched
// off (MD5 under FIPS).
Result<std::string> Digest(DigestAlgorithm algorithm, std::string_view octets);

// Lower-case hexadecimal, two digits an octet.
std::string ToHex(std::string_view octets);

}  // namespace postern
