#include "core/x509/certificate_chain.h"

#include <mutex>
#include <optional>
#include <utility>

#include "core/x509/signature_facts.h"

namespace postern {

struct CertificateChain::State {
  explicit State(std::vector<DerCertificate> sent) : ders(std::move(sent)) {}

  const std::vector<DerCertificate> ders;
  std::once_flag leaf_once, all_once;
  std::optional<Result<Certificate>> leaf;
  std::optional<Result<std::vector<Certificate>>> all;
  SignatureFacts facts;
};

CertificateChain::CertificateChain()
    : CertificateChain(std::vector<DerCertificate>()) {}

CertificateChain::CertificateChain(std::vector<DerCertificate> ders)
    : state_(std::make_shared<State>(std::move(ders))) {}

const std::vector<DerCertificate>& CertificateChain::ders() const {
  return state_->ders;
}

const Result<Certificate>& CertificateChain::Leaf() const {
  std::call_once(state_->leaf_once, [this] {
    if (state_->ders.empty()) {
      state_->leaf.emplace(
          Error{Reason::kCertificateMissing, "no certificate was presented"});
    } else {
      state_->leaf.emplace(Certificate::Parse(state_->ders.front()));
    }
  });
  return *state_->leaf;
}

const Result<std::vector<Certificate>>& CertificateChain::Certificates() const {
  std::call_once(state_->all_once, [this] {
    state_->all.emplace(ParseChain(state_->ders, Leaf()));
  });
  return *state_->all;
}

SignatureFacts* CertificateChain::signature_facts() const {
  return &state_->facts;
}

}  // namespace postern
