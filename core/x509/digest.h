// core/x509/digest.h
//
// Digests of octets. MD5 and SHA-1 are here to read what others have recorded;
// nothing is made with them (design §4).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/outcome/result.h"

struct evp_md_ctx_st;

namespace postern {

enum class DigestAlgorithm { kSha256, kSha512, kSha1, kMd5 };

// "sha256", "sha512", "sha1", "md5".
std::string_view ToString(DigestAlgorithm algorithm);

// SHA-1 and MD5: two certificates with the same digest can be made, so nothing
// new rests on one.
bool IsWeak(DigestAlgorithm algorithm);

// Octets that a digest of this algorithm has.
std::size_t DigestLength(DigestAlgorithm algorithm);

// The digest's octets. kInternal where the library has the algorithm switched
// off (MD5 under FIPS).
Result<std::string> Digest(DigestAlgorithm algorithm, std::string_view octets);

// The same for octets that come in parts. Trouble is kept and told by Finish().
class DigestOfParts {
 public:
  explicit DigestOfParts(DigestAlgorithm algorithm);
  void Add(std::string_view octets);
  // Once.
  Result<std::string> Finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  DigestAlgorithm algorithm_;
  std::unique_ptr<evp_md_ctx_st, Free> context_;
  bool failed_ = false;
};

// Lower-case hexadecimal, two digits an octet.
std::string ToHex(std::string_view octets);

}  // namespace postern
