#include "core/x509/digest.h"

#include "core/x509/openssl_ptr.h"

namespace postern {
namespace {

const EVP_MD* Implementation(DigestAlgorithm algorithm) {
  switch (algorithm) {
    case DigestAlgorithm::kSha256:
      return EVP_sha256();
    case DigestAlgorithm::kSha512:
      return EVP_sha512();
    case DigestAlgorithm::kSha1:
      return EVP_sha1();
    case DigestAlgorithm::kMd5:
      return EVP_md5();
  }
  return nullptr;
}

Error Unavailable(DigestAlgorithm algorithm) {
  return Error{Reason::kInternal,
               std::string(ToString(algorithm)) +
                   " is unavailable: " + TakeOpenSslErrors()};
}

}  // namespace

std::string_view ToString(DigestAlgorithm algorithm) {
  switch (algorithm) {
    case DigestAlgorithm::kSha256:
      return "sha256";
    case DigestAlgorithm::kSha512:
      return "sha512";
    case DigestAlgorithm::kSha1:
      return "sha1";
    case DigestAlgorithm::kMd5:
      return "md5";
  }
  return "unknown";
}

bool IsWeak(DigestAlgorithm algorithm) {
  return algorithm == DigestAlgorithm::kSha1 ||
         algorithm == DigestAlgorithm::kMd5;
}

std::size_t DigestLength(DigestAlgorithm algorithm) {
  switch (algorithm) {
    case DigestAlgorithm::kSha256:
      return 32;
    case DigestAlgorithm::kSha512:
      return 64;
    case DigestAlgorithm::kSha1:
      return 20;
    case DigestAlgorithm::kMd5:
      return 16;
  }
  return 0;
}

Result<std::string> Digest(DigestAlgorithm algorithm, std::string_view octets) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned length = 0;
  const EVP_MD* implementation = Implementation(algorithm);
  if (implementation == nullptr ||
      EVP_Digest(octets.data(), octets.size(),
                 reinterpret_cast<unsigned char*>(digest.data()), &length,
                 implementation, nullptr) != 1) {
    return Unavailable(algorithm);
  }
  digest.resize(length);
  return digest;
}

void DigestOfParts::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

DigestOfParts::DigestOfParts(DigestAlgorithm algorithm)
    : algorithm_(algorithm), context_(EVP_MD_CTX_new()) {
  const EVP_MD* implementation = Implementation(algorithm);
  failed_ = !context_ || implementation == nullptr ||
            EVP_DigestInit_ex(context_.get(), implementation, nullptr) != 1;
}

void DigestOfParts::Add(std::string_view octets) {
  if (failed_) return;
  failed_ = EVP_DigestUpdate(context_.get(), octets.data(), octets.size()) != 1;
}

Result<std::string> DigestOfParts::Finish() {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned length = 0;
  if (failed_ ||
      EVP_DigestFinal_ex(context_.get(),
                         reinterpret_cast<unsigned char*>(digest.data()),
                         &length) != 1) {
    return Unavailable(algorithm_);
  }
  digest.resize(length);
  return digest;
}

std::string ToHex(std::string_view octets) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(octets.size() * 2);
  for (const char c : octets) {
    const auto octet = static_cast<unsigned char>(c);
    hex += kDigits[octet >> 4];
    hex += kDigits[octet & 15];
  }
  return hex;
}

}  // namespace postern
