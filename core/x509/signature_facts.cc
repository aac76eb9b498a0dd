#include "core/x509/signature_facts.h"

namespace postern {

std::optional<SignatureFacts::Key> SignatureFacts::KeyOf(
    const Certificate& certificate, const std::string& spki) {
  Result<std::string> digest = Digest(DigestAlgorithm::kSha256, spki);
  if (!digest) return std::nullopt;
  return Key(&certificate.details(), *std::move(digest));
}

std::optional<bool> SignatureFacts::Find(const Certificate& certificate,
                                         const std::string& spki) const {
  const std::optional<Key> key = KeyOf(certificate, spki);
  if (!key) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = facts_.find(*key);
  if (found == facts_.end()) return std::nullopt;
  return found->second.good;
}

void SignatureFacts::Keep(const Certificate& certificate,
                          const std::string& spki, bool good) {
  std::optional<Key> key = KeyOf(certificate, spki);
  if (!key) return;
  const std::lock_guard lock(mutex_);
  if (facts_.size() >= kMost) facts_.clear();
  facts_.emplace(*std::move(key), Fact{certificate, good});
}

}  // namespace postern
