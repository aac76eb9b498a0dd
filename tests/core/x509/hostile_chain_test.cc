// tests/core/x509/hostile_chain_test.cc
//
// Chains made to be dear: the work is bounded whatever is sent, and giving up
// is "could not find out", never "yes" and never a definite "no".
#include <gtest/gtest.h>

#include "core/x509/path_validator.h"
#include "tests/testlib/certificates.h"

namespace postern {
namespace {

const TimePoint kNow{std::chrono::hours(500'000)};

PathResult Validate(const std::vector<TestCertificate>& chain,
                    const TestCertificate& trusted) {
  std::vector<Certificate> parsed;
  for (const TestCertificate& c : chain) {
    parsed.push_back(Certificate::Parse(c.der).value());
  }
  const auto store =
      TrustStore::FromAnchors({Certificate::Parse(trusted.der).value()})
          .value();
  PathRequest request;
  request.chain = parsed;
  request.trust = store.get();
  request.at = kNow;
  return ValidatePath(request);
}

// With what is known of the chain's signatures, as verifiers ask.
PathResult ValidateKnown(const CertificateChain& chain,
                         const TestCertificate& trusted, TimePoint at) {
  const auto store =
      TrustStore::FromAnchors({Certificate::Parse(trusted.der).value()})
          .value();
  PathRequest request;
  request.chain = *chain.Certificates();
  request.trust = store.get();
  request.at = at;
  request.known = chain.signature_facts();
  return ValidatePath(request);
}

TEST(HostileChainTest, ManyIssuersOfOneNameCostABoundedNumberOfSignatures) {
  const TestAuthority root = TestAuthority::Make("Root");
  const TestCertificate real = MakeSigned(root.certificate, ForAuthority("X"));
  std::vector<TestCertificate> chain{MakeSigned(real, ForHost("a.example"))};
  for (int i = 0; i < kMaxSignatureChecks + 10; ++i) {
    CertificateSpec spec = ForAuthority("X");
    spec.extensions = {};
    chain.push_back(MakeSigned(root.certificate, spec));
  }
  const PathResult result = Validate(chain, root.certificate);
  ASSERT_FALSE(result.accepted());
  EXPECT_EQ(result.fault->reason, Reason::kCertificatePathTooCostly);
  EXPECT_LE(result.signatures, kMaxSignatureChecks);
  EXPECT_EQ(ToFinding(result).state(), Finding::State::kUndecided);

  // The right one is told by its key identifier, wherever it stands.
  chain.push_back(real);
  EXPECT_TRUE(Validate(chain, root.certificate).accepted());
}

// A server that is asked about again and again must not be paid for each time.
TEST(HostileChainTest, TheSignaturesOfAChainAreComputedOnce) {
  const TestAuthority root = TestAuthority::Make("Root");
  std::vector<DerCertificate> ders{
      MakeSigned(MakeSigned(root.certificate, ForAuthority("X")),
                 ForHost("a.example"))
          .der};
  for (int i = 0; i < kMaxSignatureChecks + 10; ++i) {
    ders.push_back(MakeSigned(root.certificate, ForAuthority("X")).der);
  }
  const CertificateChain chain(ders);
  const PathResult first = ValidateKnown(chain, root.certificate, kNow);
  EXPECT_EQ(first.computed, kMaxSignatureChecks);
  const CertificateChain copy = chain;
  const PathResult again = ValidateKnown(copy, root.certificate, kNow);
  EXPECT_EQ(again.computed, 0);
  // The answer is the one that computing gives.
  EXPECT_EQ(again.signatures, first.signatures);
  ASSERT_FALSE(again.accepted());
  EXPECT_EQ(again.fault->reason, Reason::kCertificatePathTooCostly);
  EXPECT_EQ(again.fault->detail, first.fault->detail);
  // The same octets by another connection are a chain of their own.
  EXPECT_EQ(
      ValidateKnown(CertificateChain(ders), root.certificate, kNow).computed,
      kMaxSignatureChecks);
}

TEST(HostileChainTest, WhatIsKnownOfSignaturesTrustsNobody) {
  const TestAuthority root = TestAuthority::Make("Root");
  const TestAuthority namesake = TestAuthority::Make("Root");
  const CertificateChain chain({root.Issue(ForHost("a.example")).der});
  const auto accepted = [&](const TestCertificate& trusted, TimePoint at) {
    return ValidateKnown(chain, trusted, at).accepted();
  };
  EXPECT_TRUE(accepted(root.certificate, kNow));
  EXPECT_FALSE(accepted(namesake.certificate, kNow));
  EXPECT_FALSE(accepted(namesake.certificate, kNow));
  const auto years = std::chrono::hours(24 * 365 * 50);
  EXPECT_FALSE(accepted(root.certificate, kNow + years));
  EXPECT_TRUE(accepted(root.certificate, kNow));
}

TEST(HostileChainTest, AWebOfCrossSignaturesIsNotWalkedForEver) {
  // Eight authorities, each certified by each: far more paths than steps.
  constexpr int kAuthorities = 8;
  std::vector<TestCertificate> roots;
  for (int i = 0; i < kAuthorities; ++i) {
    roots.push_back(MakeSelfSigned(ForAuthority("A" + std::to_string(i))));
  }
  std::vector<TestCertificate> chain{
      MakeSigned(roots[0], ForHost("a.example"))};
  for (int i = 0; i < kAuthorities; ++i) {
    for (int j = 0; j < kAuthorities; ++j) {
      if (i == j) continue;
      chain.push_back(MakeSigned(roots[static_cast<std::size_t>(i)],
                                 ForAuthority("A" + std::to_string(j)),
                                 roots[static_cast<std::size_t>(j)].key));
    }
  }
  const TestAuthority trusted = TestAuthority::Make("Trusted");
  const PathResult result = Validate(chain, trusted.certificate);
  ASSERT_FALSE(result.accepted());
  EXPECT_EQ(result.fault->reason, Reason::kCertificatePathTooCostly);
  EXPECT_LE(result.signatures, kMaxSignatureChecks);
}

TEST(HostileChainTest, APathLongerThanTheBoundIsNotFollowed) {
  TestAuthority last = TestAuthority::Make("Root");
  const TestCertificate root = last.certificate;
  std::vector<TestCertificate> chain;
  for (int i = 0; i < kMaxPathCertificates; ++i) {
    last = last.IssueAuthority("Level " + std::to_string(i));
    chain.push_back(last.certificate);
  }
  chain.insert(chain.begin(), last.Issue(ForHost("a.example")));
  const PathResult result = Validate(chain, root);
  ASSERT_FALSE(result.accepted());
  EXPECT_EQ(result.fault->reason, Reason::kCertificatePathTooCostly);
}

TEST(HostileChainTest, MoreCertificatesThanAnybodySendsAreNotEvenParsed) {
  const TestAuthority root = TestAuthority::Make("Root");
  const TestCertificate leaf = root.Issue(ForHost("a.example"));
  std::vector<TestCertificate> chain(kMaxChainCertificates, leaf);
  EXPECT_TRUE(Validate(chain, root.certificate).accepted());
  chain.push_back(leaf);
  EXPECT_EQ(Validate(chain, root.certificate).fault->reason,
            Reason::kCertificatePathTooCostly);
  const auto parsed = ParseChain(
      std::vector<DerCertificate>(kMaxChainCertificates + 1, leaf.der));
  ASSERT_FALSE(parsed);
  EXPECT_EQ(ToFinding(parsed.error()).state(), Finding::State::kUndecided);
}

TEST(HostileChainTest, ManyNamesAndManyConstraintsAreGivenUp) {
  CertificateSpec constrained = ForAuthority("Constrained");
  std::string constraints = "critical";
  for (int i = 0; i < 400; ++i) {
    constraints += ",excluded;DNS:x" + std::to_string(i) + ".example";
  }
  constrained.extensions = {{"nameConstraints", constraints}};
  const TestAuthority root{MakeSelfSigned(constrained)};
  CertificateSpec leaf = ForHost("a.example.org");
  for (int i = 0; i < 400; ++i) {
    leaf.dns_names.push_back("n" + std::to_string(i) + ".example.org");
  }
  const PathResult result = Validate({root.Issue(leaf)}, root.certificate);
  ASSERT_FALSE(result.accepted());
  EXPECT_EQ(result.fault->reason, Reason::kCertificatePathTooCostly);
}

}  // namespace
}  // namespace postern
