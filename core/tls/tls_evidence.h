// core/tls/tls_evidence.h
//
// TlsEvidence: what a server presented in one handshake, and nothing we think
// of it. It can be stored and judged again (replay, connection reuse): the same
// evidence, plan and time give the same verdict.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/names/domain.h"
#include "core/x509/certificate_chain.h"

namespace postern {

class TlsEvidence {
 public:
  TlsEvidence() = default;
  // As sent: leaf first, then whatever the server added, in its order.
  explicit TlsEvidence(std::vector<DerCertificate> chain)
      : chain_(std::move(chain)) {}

  const std::vector<DerCertificate>& chain() const { return chain_.ders(); }
  bool has_certificate() const { return !chain().empty(); }
  // Needs has_certificate().
  const DerCertificate& leaf() const { return chain().front(); }
  // The same, parsed: once for all copies of this evidence.
  const CertificateChain& certificates() const { return chain_; }

  std::string protocol;     // "TLSv1.3"; empty: no TLS
  std::string cipher;       // OpenSSL's name
  std::string server_name;  // the SNI we sent; empty for none
  std::string peer_address;
  // The PTR name of the peer's address whose own address is that again;
  // looked up only where a plan compares it (match=ptr).
  std::optional<Domain> confirmed_ptr;

 private:
  CertificateChain chain_;
};

}  // namespace postern
