// core/x509/certificate_chain.h
//
// CertificateChain: certificates as a server sent them, parsed at most once.
// Reading a certificate costs about as much as all else that one message needs,
// and the same chain is asked for by each verifier, by the record of the
// session, and again whenever its connection is used anew.
#pragma once

#include <memory>
#include <vector>

#include "core/x509/certificate.h"

namespace postern {

class SignatureFacts;  // signature_facts.h, for this room

// Immutable to the caller; copies share what was parsed. Thread-safe: of
// several threads that ask first, one parses and the others wait.
class CertificateChain {
 public:
  CertificateChain();
  // As sent: leaf first, then whatever the server added, in its order.
  explicit CertificateChain(std::vector<DerCertificate> ders);
  // Moved is copied: what is left behind still answers.
  CertificateChain(const CertificateChain&) = default;
  CertificateChain& operator=(const CertificateChain&) = default;

  const std::vector<DerCertificate>& ders() const;

  // The first. Error: kCertificateMissing for none, kCertificateMalformed.
  const Result<Certificate>& Leaf() const;
  // All of them. Errors as of ParseChain().
  const Result<std::vector<Certificate>>& Certificates() const;

  // What checking the chain's signatures has brought so far, for
  // PathRequest::known; lives as long as the chain.
  SignatureFacts* signature_facts() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace postern
