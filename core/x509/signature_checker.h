// core/x509/signature_checker.h
//
// Checks signatures, remembers what it has seen and stops at a limit: a path is
// sought among certificates that a stranger has chosen. Only for core/x509.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "core/x509/certificate.h"
#include "core/x509/openssl_ptr.h"
#include "core/x509/public_key.h"
#include "core/x509/signature_facts.h"

namespace postern {

// Of one validation, used by one thread.
class SignatureChecker {
 public:
  // `known` is null, or outlives it.
  SignatureChecker(int limit, SignatureFacts* known)
      : known_(known), left_(limit), limit_(limit) {}

  enum class Answer {
    kGood,
    kBad,
    kUnfitKey,  // not checked: see CertificateDetails::key_unfit
    kTooMany,   // not checked: the limit is reached
  };
  // Whether the key of `issuer` signed `certificate`.
  Answer Check(const Certificate& certificate, const Certificate& issuer);
  Answer Check(const Certificate& certificate, const PublicKey& key);
  Answer Check(X509_CRL* crl, const Certificate& issuer);

  int count() const { return limit_ - left_; }
  int computed() const { return computed_; }

 private:
  Answer Check(const Certificate& certificate, const std::string& spki,
               EVP_PKEY* key);

  // Whether it is a good one; known from before, or computed.
  bool IsGood(const Certificate& certificate, const std::string& spki,
              EVP_PKEY* key);

  SignatureFacts* known_;
  int left_;
  int limit_;
  int computed_ = 0;
  // By certificate and the issuer's SubjectPublicKeyInfo: certificates of one
  // key are as good as one.
  std::map<std::pair<const CertificateDetails*, std::string>, bool> seen_;
};

}  // namespace postern
