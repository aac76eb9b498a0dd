// tests/bench/verification_bench.cc
//
// What judging a chain costs: an ordinary one, a pin, and the dearest that a
// stranger can make us check (the bound is 100 ms).
#include <benchmark/benchmark.h>

#include "core/x509/certificate_chain.h"
#include "core/x509/path_validator.h"
#include "tests/testlib/certificates.h"

namespace postern {
namespace {

const TimePoint kNow{std::chrono::hours(500'000)};

std::vector<DerCertificate> OrdinaryChain(const TestAuthority& root) {
  const TestAuthority below{
      MakeSigned(root.certificate, ForAuthority("Below"), TestKey::Rsa(2048))};
  return {below.Issue(ForHost("mx.example.org")).der, below.certificate.der};
}

Finding Judge(const Result<std::vector<Certificate>>& chain,
              const TrustStore& trust, SignatureFacts* known = nullptr) {
  AcceptedNames names;
  names.references = {ReferenceIdentity::Parse("mx.example.org").value()};
  PathRequest request;
  request.chain = *chain;
  request.trust = &trust;
  request.names = &names;
  request.at = kNow;
  request.known = known;
  return ToFinding(ValidatePath(request));
}

Finding Judge(const std::vector<DerCertificate>& ders,
              const TrustStore& trust) {
  return Judge(ParseChain(ders), trust);
}

// What evidence that is known costs to judge: the first time, or again.
void JudgeKnown(benchmark::State& state,
                const std::vector<DerCertificate>& ders,
                const TrustStore& trust) {
  const CertificateChain chain(ders);
  SignatureFacts* const known =
      state.range(0) != 0 ? chain.signature_facts() : nullptr;
  benchmark::DoNotOptimize(Judge(chain.Certificates(), trust, known));
  for (auto _ : state) {
    benchmark::DoNotOptimize(Judge(chain.Certificates(), trust, known));
  }
}

std::shared_ptr<const TrustStore> Trusting(const TestAuthority& root) {
  return TrustStore::FromAnchors(
             {Certificate::Parse(root.certificate.der).value()})
      .value();
}

void OrdinaryPath(benchmark::State& state) {
  const TestAuthority root{
      MakeSelfSigned(ForAuthority("Root"), TestKey::Rsa(4096))};
  const auto chain = OrdinaryChain(root);
  const auto trust = Trusting(root);
  if (!Judge(chain, *trust).satisfied()) state.SkipWithError("refused");
  for (auto _ : state) benchmark::DoNotOptimize(Judge(chain, *trust));
}
BENCHMARK(OrdinaryPath)->Unit(benchmark::kMicrosecond);

void ParseOnly(benchmark::State& state) {
  const auto chain = OrdinaryChain(TestAuthority::Make("Root"));
  for (auto _ : state) benchmark::DoNotOptimize(ParseChain(chain));
}
BENCHMARK(ParseOnly)->Unit(benchmark::kMicrosecond);

void SpkiDigestOfALeaf(benchmark::State& state) {
  const DerCertificate leaf = MakeSelfSigned(ForHost("mx.example.org")).der;
  for (auto _ : state) {
    const auto certificate = Certificate::Parse(leaf);
    benchmark::DoNotOptimize(certificate->SpkiDigest(DigestAlgorithm::kSha256));
  }
}
BENCHMARK(SpkiDigestOfALeaf)->Unit(benchmark::kMicrosecond);

void SystemDirectory(benchmark::State& state) {
  for (auto _ : state) {
    const auto store = TrustStore::Load("/etc/ssl/certs");
    if (!store) state.SkipWithError("no system trust store");
    benchmark::DoNotOptimize(store);
  }
}
BENCHMARK(SystemDirectory)->Unit(benchmark::kMicrosecond);

// More issuers of one name than signatures are checked, each with a key of its
// own on the curve whose checks take longest.
void Hostile(benchmark::State& state, const std::string& curve) {
  const TestAuthority root = TestAuthority::Make("Root");
  const auto key = [&] { return TestKey::Ec(curve); };
  std::vector<TestCertificate> issuers;
  for (int i = 0; i + 1 < static_cast<int>(kMaxChainCertificates); ++i) {
    issuers.push_back(MakeSigned(root.certificate, ForAuthority("X"), key()));
  }
  std::vector<DerCertificate> chain{
      MakeSigned(MakeSigned(root.certificate, ForAuthority("X"), key()),
                 ForHost("mx.example.org"))
          .der};
  for (const TestCertificate& issuer : issuers) chain.push_back(issuer.der);
  JudgeKnown(state, chain, *Trusting(root));
}
BENCHMARK_CAPTURE(Hostile, P_256, std::string("P-256"))
    ->ArgName("known")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Hostile, P_384, std::string("P-384"))
    ->ArgName("known")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Hostile, P_521, std::string("P-521"))
    ->ArgName("known")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Hostile, brainpoolP512r1, std::string("brainpoolP512r1"))
    ->ArgName("known")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);

// Authorities that all certify each other and lead nowhere: many steps.
void HostileWeb(benchmark::State& state) {
  constexpr std::size_t kAuthorities = 8;
  std::vector<TestCertificate> roots;
  for (std::size_t i = 0; i < kAuthorities; ++i) {
    roots.push_back(MakeSelfSigned(ForAuthority("A" + std::to_string(i))));
  }
  std::vector<DerCertificate> chain{
      MakeSigned(roots[0], ForHost("a.example")).der};
  for (std::size_t i = 0; i < kAuthorities; ++i) {
    for (std::size_t j = 0; j < kAuthorities; ++j) {
      if (i == j) continue;
      const CertificateSpec spec = ForAuthority("A" + std::to_string(j));
      chain.push_back(MakeSigned(roots[i], spec, roots[j].key).der);
    }
  }
  JudgeKnown(state, chain, *Trusting(TestAuthority::Make("Trusted")));
}
BENCHMARK(HostileWeb)
    ->ArgName("known")
    ->Arg(0)
    ->Arg(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace postern

BENCHMARK_MAIN();
