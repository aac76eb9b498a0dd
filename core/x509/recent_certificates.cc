#include "core/x509/recent_certificates.h"

#include <utility>

namespace postern {

std::shared_ptr<const CertificateDetails> RecentCertificates::Find(
    const DerCertificate& der) {
  const std::lock_guard lock(mutex_);
  if (const auto at = young_.find(der); at != young_.end()) return at->second;
  const auto at = old_.find(der);
  if (at == old_.end()) return nullptr;
  auto found = at->second;
  KeepLocked(found);
  return found;
}

void RecentCertificates::Keep(
    std::shared_ptr<const CertificateDetails> details) {
  if (details->der.size() > kMaxSize) return;
  const std::lock_guard lock(mutex_);
  KeepLocked(std::move(details));
}

void RecentCertificates::KeepLocked(
    std::shared_ptr<const CertificateDetails> details) {
  if (young_.size() >= kMaxCertificates) {
    old_ = std::exchange(young_, {});
  }
  const DerCertificate& der = details->der;
  young_.insert_or_assign(der, std::move(details));
}

}  // namespace postern
