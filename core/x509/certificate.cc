#include "core/x509/certificate.h"

#include "core/x509/certificate_details.h"
#include "core/x509/certificate_parse.h"
#include "core/x509/pem.h"
#include "core/x509/recent_certificates.h"

namespace postern {
namespace {

std::string_view AsText(const DerCertificate& der) {
  return {reinterpret_cast<const char*>(der.data()), der.size()};
}

}  // namespace

Result<Certificate> Certificate::Parse(const DerCertificate& der) {
  // Never destroyed: at the end of the process OpenSSL's own tidying may come
  // first, and a certificate can't be freed after it.
  static RecentCertificates& recent = *new RecentCertificates;
  if (auto known = recent.Find(der)) return Certificate(std::move(known));
  auto details = ParseDetails(der);
  if (!details) return details.error();
  recent.Keep(*details);
  return Certificate(std::move(details).value());
}

const DerCertificate& Certificate::der() const { return details_->der; }
const std::vector<std::string>& Certificate::dns_names() const {
  return details_->dns_names;
}
const std::vector<std::string>& Certificate::ip_addresses() const {
  return details_->ip_addresses;
}
const std::vector<std::string>& Certificate::common_names() const {
  return details_->common_names;
}
TimePoint Certificate::not_before() const { return details_->not_before; }
TimePoint Certificate::not_after() const { return details_->not_after; }
const std::string& Certificate::subject() const { return details_->subject; }
const std::string& Certificate::issuer() const { return details_->issuer; }
const std::string& Certificate::key_description() const {
  return details_->key_description;
}
const std::string& Certificate::serial() const { return details_->serial; }
int Certificate::key_bits() const { return details_->key_bits; }
const std::string& Certificate::spki() const { return details_->spki; }
bool Certificate::self_issued() const { return details_->self_issued; }

Result<std::string> Certificate::Fingerprint(DigestAlgorithm algorithm) const {
  return Digest(algorithm, AsText(details_->der));
}

Result<std::string> Certificate::SpkiDigest(DigestAlgorithm algorithm) const {
  return Digest(algorithm, details_->spki);
}

Result<std::vector<Certificate>> ParseChain(
    const std::vector<DerCertificate>& chain) {
  if (chain.empty()) {
    return Error{Reason::kCertificateMissing, "no certificate was presented"};
  }
  return ParseChain(chain, Certificate::Parse(chain.front()));
}

Result<std::vector<Certificate>> ParseChain(
    const std::vector<DerCertificate>& chain, const Result<Certificate>& leaf) {
  if (chain.empty()) return leaf.error();
  if (chain.size() > kMaxChainCertificates) {
    return Error{Reason::kCertificatePathTooCostly,
                 std::to_string(chain.size()) + " certificates were presented"};
  }
  std::vector<Certificate> certificates;
  certificates.reserve(chain.size());
  for (const DerCertificate& der : chain) {
    const bool first = certificates.empty();
    auto certificate = first ? leaf : Certificate::Parse(der);
    if (!certificate) {
      return Error{certificate.error().reason(),
                   "certificate " + std::to_string(certificates.size()) + ": " +
                       certificate.error().detail()};
    }
    certificates.push_back(std::move(certificate).value());
  }
  return certificates;
}

Result<std::vector<Certificate>> ReadPemCertificates(std::string_view pem) {
  PemText text(pem);
  std::vector<Certificate> certificates;
  for (;;) {
    const auto block = text.Next();
    if (!block) return block.error();
    if (!block->has_value()) break;
    const PemBlock& found = **block;
    if (found.name != "CERTIFICATE" && found.name != "X509 CERTIFICATE")
      continue;
    auto certificate = Certificate::Parse(
        DerCertificate(found.octets.begin(), found.octets.end()));
    if (!certificate) {
      return Error{certificate.error().reason(),
                   "PEM certificate " +
                       std::to_string(certificates.size() + 1) + ": " +
                       certificate.error().detail()};
    }
    certificates.push_back(std::move(certificate).value());
  }
  if (certificates.empty()) {
    return Error{Reason::kCertificateMalformed, "no PEM certificate in it"};
  }
  return certificates;
}

}  // namespace postern
