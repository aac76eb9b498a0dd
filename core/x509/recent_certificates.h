// core/x509/recent_certificates.h
//
// RecentCertificates: certificates parsed lately, found again by their octets.
// A mail server shows the same few at each connection, and OpenSSL 3.0 spends
// half a millisecond on decoding the public key of one. What is parsed says
// only what stands in those octets, never whether it may be believed, so it
// can't go stale. Only for core/x509.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

#include "core/x509/certificate_details.h"

namespace postern {

// Thread-safe. Bounded in number and size, whatever strangers send: a full
// generation becomes the old one, and the old one is dropped.
class RecentCertificates {
 public:
  // Of one of the two generations.
  static constexpr std::size_t kMaxCertificates = 128;
  // Octets of DER; a larger one is not kept.
  static constexpr std::size_t kMaxSize = 8192;

  // Null if it is not known.
  std::shared_ptr<const CertificateDetails> Find(const DerCertificate& der);
  void Keep(std::shared_ptr<const CertificateDetails> details);

 private:
  using Generation =
      std::map<DerCertificate, std::shared_ptr<const CertificateDetails>>;

  void KeepLocked(std::shared_ptr<const CertificateDetails> details);

  std::mutex mutex_;
  Generation young_, old_;
};

}  // namespace postern
