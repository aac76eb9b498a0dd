// tests/core/x509/crl_set_test.cc
//
// Only a list that the certificate's own issuer has signed, of today and wholly
// understood, says anything; without one nothing is known, and that is no
// "good" (TLS-08).
#include "core/x509/crl_set.h"

#include <gtest/gtest.h>

#include "core/x509/path_validator.h"
#include "tests/testlib/certificates.h"

namespace postern {
namespace {

using std::chrono::hours;

class CrlSetTest : public testing::Test {
 protected:
  Finding Ask(const std::string& pem) {
    const auto crls = CrlSet::FromPem(pem);
    if (!crls) return Finding::Undecided(crls.error());
    const std::vector<Certificate> chain = {
        Certificate::Parse(leaf_.der).value(),
        Certificate::Parse(below_.certificate.der).value()};
    const auto trust = TrustStore::FromAnchors(
                           {Certificate::Parse(root_.certificate.der).value()})
                           .value();
    PathRequest request;
    request.chain = chain;
    request.trust = trust.get();
    request.crls = crls->get();
    request.at = now_;
    return ToFinding(ValidatePath(request));
  }

  void ExpectUnknown(const std::string& pem) {
    const Finding finding = Ask(pem);
    EXPECT_EQ(finding.state(), Finding::State::kUndecided);
    EXPECT_EQ(finding.reason(), Reason::kCrlUnavailable) << finding.detail();
  }

  const TimePoint now_{hours(500'000)};
  const TestAuthority root_ = TestAuthority::Make("Root");
  const TestAuthority below_ = root_.IssueAuthority("Below");
  const TestCertificate leaf_ = below_.Issue(ForHost("mx.example.org"));
  const std::string of_root_ = MakeCrl(root_.certificate, {});
  const std::string of_below_ = MakeCrl(below_.certificate, {});
};

TEST_F(CrlSetTest, EveryCertificateBelowTheAnchorHasToBeOnAList) {
  EXPECT_TRUE(Ask(of_root_ + of_below_).satisfied());
  ExpectUnknown(of_root_);
  ExpectUnknown(of_below_);
}

TEST_F(CrlSetTest,
       RevokedIsToldAtItsDepthAndOutweighsAnotherListThatDoesNotSay) {
  CrlSpec spec;
  spec.revoked = {leaf_.der};
  const std::string revoking = MakeCrl(below_.certificate, spec);
  for (const std::string& pem : {of_root_ + of_below_ + revoking,
                                 of_root_ + revoking + of_below_, revoking}) {
    const Finding finding = Ask(pem);
    EXPECT_EQ(finding.reason(), Reason::kCertificateRevoked)
        << finding.detail();
    EXPECT_EQ(finding.state(), Finding::State::kViolated);
  }
  spec.revoked = {below_.certificate.der};
  EXPECT_EQ(Ask(of_below_ + MakeCrl(root_.certificate, spec)).reason(),
            Reason::kCertificateRevoked);
  // The same serial numbers in another authority's list mean other
  // certificates.
  EXPECT_TRUE(Ask(of_below_ + of_root_ +
                  MakeCrl(MakeSelfSigned(ForAuthority("Other")), spec))
                  .satisfied());
}

TEST_F(CrlSetTest, AListThatCannotBeUsedSaysNothing) {
  CrlSpec old;
  old.next_update = now_ - hours(1);
  CrlSpec early;
  early.this_update = now_ + hours(1);
  CrlSpec endless;
  endless.has_next_update = false;
  CrlSpec twice;
  twice.revoked = {root_.certificate.der, root_.certificate.der};
  CrlSpec unknown;
  unknown.extensions = {{"1.2.3.4", "critical,DER:05:00"}};
  CrlSpec authorities_only;
  authorities_only.extensions = {
      {"issuingDistributionPoint", "critical,DER:30:03:82:01:FF"}};
  CrlSpec point;
  point.extensions = {
      {"issuingDistributionPoint",
       "critical,DER:30:0F:A0:0D:A0:0B:86:09:68:74:74:70:3A:2F:2F:61:2F"}};
  for (const CrlSpec& spec :
       {old, early, endless, twice, unknown, authorities_only, point}) {
    ExpectUnknown(of_root_ + MakeCrl(below_.certificate, spec));
  }
  // Of the right name, with another key.
  const TestAuthority impostor = TestAuthority::Make("Below");
  ExpectUnknown(of_root_ + MakeCrl(impostor.certificate, {}));
  // An authority that may not sign lists.
  CertificateSpec no_lists = ForAuthority("Below");
  no_lists.extensions = {{"keyUsage", "critical,keyCertSign"}};
  const TestCertificate silent =
      MakeSigned(root_.certificate, no_lists, below_.certificate.key);
  const auto crls = CrlSet::FromPem(of_root_ + of_below_).value();
  const std::vector<Certificate> chain = {
      Certificate::Parse(leaf_.der).value(),
      Certificate::Parse(silent.der).value()};
  const auto trust = TrustStore::FromAnchors(
                         {Certificate::Parse(root_.certificate.der).value()})
                         .value();
  PathRequest request;
  request.chain = chain;
  request.trust = trust.get();
  request.crls = crls.get();
  request.at = now_;
  EXPECT_EQ(ToFinding(ValidatePath(request)).reason(), Reason::kCrlUnavailable);
}

TEST_F(CrlSetTest, TheLastSecondOfAListIsWithin) {
  CrlSpec spec;
  spec.next_update = now_;
  EXPECT_TRUE(Ask(of_root_ + MakeCrl(below_.certificate, spec)).satisfied());
}

TEST_F(CrlSetTest, WhatIsNoListIsAnError) {
  for (const std::string& pem : {std::string(), leaf_.pem(), std::string("x"),
                                 of_below_.substr(0, of_below_.size() / 2)}) {
    const auto crls = CrlSet::FromPem(pem);
    ASSERT_FALSE(crls);
    EXPECT_EQ(crls.error().reason(), Reason::kCrlUnavailable);
  }
  EXPECT_EQ(CrlSet::FromFile("/nonexistent").error().reason(),
            Reason::kCrlUnavailable);
}

}  // namespace
}  // namespace postern
