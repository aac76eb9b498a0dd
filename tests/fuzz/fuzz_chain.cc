// tests/fuzz/fuzz_chain.cc
//
// Certificate chains with verdict. The first octet says how many of the
// certificates that follow (each after its length in two octets) are trusted;
// the rest is what a server sends. Whatever it is, the work is bounded, the
// answer is the same twice, and a path that holds is one: from the leaf to an
// anchor, each signed by the next.
#include <openssl/x509.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "core/x509/certificate_details.h"
#include "core/x509/path_validator.h"

namespace postern {
namespace {

void Require(bool good) {
  if (!good) std::abort();
}

std::vector<Certificate> ReadCertificates(const std::uint8_t* data,
                                          std::size_t size) {
  std::vector<Certificate> out;
  while (size >= 2) {
    const std::size_t length = static_cast<std::size_t>(data[0]) << 8 | data[1];
    if (length > size - 2) break;
    auto certificate = Certificate::Parse({data + 2, data + 2 + length});
    if (certificate) out.push_back(*std::move(certificate));
    data += 2 + length;
    size -= 2 + length;
  }
  return out;
}

void CheckAccepted(const PathResult& result, const PathRequest& request) {
  Require(!result.path.empty() && result.path.front() == request.chain.front());
  Require(request.trust->Contains(result.path.back()));
  Require(result.name.matched);
  for (std::size_t i = 0; i < result.path.size(); ++i) {
    const CertificateDetails& c = result.path[i].details();
    Require(c.not_before <= request.at && c.not_after >= request.at);
    Require(c.defect.empty());
    if (i + 1 == result.path.size()) break;
    Require(X509_verify(c.x509.get(),
                        X509_get0_pubkey(
                            result.path[i + 1].details().x509.get())) == 1);
    Require(result.path[i + 1].details().ca);
  }
}

void Run(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return;
  const std::size_t trusted = data[0];
  std::vector<Certificate> all = ReadCertificates(data + 1, size - 1);
  if (trusted == 0 || all.size() <= trusted) return;
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(trusted);
  const std::vector<Certificate> chain(middle, all.end());
  const auto trust = TrustStore::FromAnchors({all.begin(), middle});
  Require(trust.ok());

  AcceptedNames names;
  names.references = {ReferenceIdentity::Parse(".example.org").value()};
  names.common_name = CommonNameUse::kNoDnsName;
  PathRequest request;
  request.chain = chain;
  request.trust = trust->get();
  request.names = &names;
  request.at = TimePoint(std::chrono::hours(500'000));
  const PathResult result = ValidatePath(request);
  Require(result.signatures <= kMaxSignatureChecks);
  if (result.accepted()) CheckAccepted(result, request);
  const Finding finding = ToFinding(result);
  Require(finding.satisfied() == result.accepted());
  for (const char c : finding.detail()) Require(c >= ' ' && c <= '~');
  const Finding again = ToFinding(ValidatePath(request));
  Require(again.reason() == finding.reason() &&
          again.detail() == finding.detail());
}

}  // namespace
}  // namespace postern

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  postern::Run(data, size);
  return 0;
}
