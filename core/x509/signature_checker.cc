#include "core/x509/signature_checker.h"

#include "core/x509/certificate_details.h"

namespace postern {

SignatureChecker::Answer SignatureChecker::Check(const Certificate& certificate,
                                                 const Certificate& issuer) {
  const CertificateDetails& by = issuer.details();
  if (by.key_unfit) return Answer::kUnfitKey;
  return Check(certificate, by.spki, X509_get0_pubkey(by.x509.get()));
}

SignatureChecker::Answer SignatureChecker::Check(const Certificate& certificate,
                                                 const PublicKey& key) {
  if (key.unfit()) return Answer::kUnfitKey;
  return Check(certificate, key.der(), key.get());
}

SignatureChecker::Answer SignatureChecker::Check(const Certificate& certificate,
                                                 const std::string& spki,
                                                 EVP_PKEY* key) {
  const auto pair = std::pair(&certificate.details(), spki);
  const auto known = seen_.find(pair);
  if (known != seen_.end()) return known->second ? Answer::kGood : Answer::kBad;
  if (left_ <= 0) return Answer::kTooMany;
  --left_;
  const bool good = IsGood(certificate, spki, key);
  seen_.emplace(pair, good);
  return good ? Answer::kGood : Answer::kBad;
}

bool SignatureChecker::IsGood(const Certificate& certificate,
                              const std::string& spki, EVP_PKEY* key) {
  if (known_ != nullptr) {
    const std::optional<bool> before = known_->Find(certificate, spki);
    if (before) return *before;
  }
  ++computed_;
  const bool good = X509_verify(certificate.details().x509.get(), key) == 1;
  if (!good) TakeOpenSslErrors();
  if (known_ != nullptr) known_->Keep(certificate, spki, good);
  return good;
}

SignatureChecker::Answer SignatureChecker::Check(X509_CRL* crl,
                                                 const Certificate& issuer) {
  const CertificateDetails& by = issuer.details();
  if (by.key_unfit) return Answer::kUnfitKey;
  if (left_ <= 0) return Answer::kTooMany;
  --left_;
  ++computed_;
  if (X509_CRL_verify(crl, X509_get0_pubkey(by.x509.get())) == 1) {
    return Answer::kGood;
  }
  TakeOpenSslErrors();
  return Answer::kBad;
}

}  // namespace postern
