// tests/plugins/webpki/webpki_verifier_test.cc
//
// No certificate, no proof; and the verifier keeps what it was bound to.
#include "plugins/webpki/webpki_verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/x509/path_validator.h"
#include "tests/testlib/certificates.h"

namespace postern {
namespace {

using testing::HasSubstr;

const TimePoint kNow{std::chrono::hours(500'000)};

class WebpkiVerifierTest : public testing::Test {
 protected:
  WebpkiRequirement Require(const char* name) {
    WebpkiRequirement requirement;
    requirement.trust = TrustStore::FromAnchors(
                            {Certificate::Parse(root_.certificate.der).value()})
                            .value();
    requirement.trust_name = "roots.pem";
    requirement.names.references = {
        ReferenceIdentity::Exact(Domain::Parse(name).value())};
    return requirement;
  }
  const TestAuthority root_ = TestAuthority::Make("Root");
};

TEST_F(WebpkiVerifierTest, AcceptsATrustedChainWithTheRightName) {
  const WebpkiVerifier verifier(Require("mx.example.org"));
  const TlsEvidence good({root_.Issue(ForHost("mx.example.org")).der});
  const Finding finding = verifier.Check(good, kNow);
  EXPECT_TRUE(finding.satisfied()) << finding.detail();
  EXPECT_EQ(verifier.name(), "webpki");
  EXPECT_FALSE(verifier.Check(good, kNow + std::chrono::hours(24 * 365 * 50))
                   .satisfied());
}

TEST_F(WebpkiVerifierTest, EvidenceThatIsJudgedAgainCostsNoSignatures) {
  const WebpkiRequirement requirement = Require("mx.example.org");
  const TlsEvidence evidence({root_.Issue(ForHost("mx.example.org")).der});
  EXPECT_TRUE(WebpkiVerifier(requirement).Check(evidence, kNow).satisfied());
  PathRequest request;
  request.chain = *evidence.certificates().Certificates();
  request.trust = requirement.trust.get();
  request.at = kNow;
  request.known = evidence.certificates().signature_facts();
  const PathResult again = ValidatePath(request);
  EXPECT_EQ(again.signatures, 1);
  EXPECT_EQ(again.computed, 0);
}

TEST_F(WebpkiVerifierTest, RefusesWhatIsAbsentOrDoesNotParse) {
  const WebpkiVerifier verifier(Require("mx.example.org"));
  const DerCertificate good = root_.Issue(ForHost("mx.example.org")).der;
  EXPECT_EQ(verifier.Check(TlsEvidence{}, kNow).reason(),
            Reason::kCertificateMissing);
  EXPECT_EQ(verifier.Check(TlsEvidence({Truncated(good)}), kNow).reason(),
            Reason::kCertificateMalformed);
  EXPECT_EQ(verifier.Check(TlsEvidence({good, Padded(good)}), kNow).reason(),
            Reason::kCertificateMalformed);
}

TEST_F(WebpkiVerifierTest, NoNameBoundIsNoNameMatched) {
  WebpkiRequirement requirement = Require("mx.example.org");
  requirement.names.references.clear();
  const TlsEvidence good({root_.Issue(ForHost("mx.example.org")).der});
  EXPECT_EQ(WebpkiVerifier(requirement).Check(good, kNow).reason(),
            Reason::kCertificateHostMismatch);
}

TEST_F(WebpkiVerifierTest, ThePtrNameCountsOnlyWhereThePlanAsksForIt) {
  CertificateSpec spec;
  spec.common_name = "mx0a.emailhosted.test";
  TlsEvidence evidence({root_.Issue(spec).der});
  evidence.confirmed_ptr = Domain::Parse("mx0a.emailhosted.test").value();
  WebpkiRequirement requirement = Require("example.org");
  EXPECT_FALSE(WebpkiVerifier(requirement).Check(evidence, kNow).satisfied());
  requirement.ptr = true;
  const Finding finding = WebpkiVerifier(requirement).Check(evidence, kNow);
  EXPECT_TRUE(finding.satisfied()) << finding.detail();
  EXPECT_TRUE(finding.noteworthy());
  evidence.confirmed_ptr.reset();
  EXPECT_FALSE(WebpkiVerifier(requirement).Check(evidence, kNow).satisfied());
}

TEST_F(WebpkiVerifierTest, DescribeChangesWithEverythingThatDecides) {
  const WebpkiRequirement base = Require("mx.example.org");
  const std::string text = WebpkiVerifier(base).Describe();
  EXPECT_THAT(text, HasSubstr("roots.pem"));
  EXPECT_THAT(text, HasSubstr("mx.example.org"));
  WebpkiRequirement other_trust = base;
  other_trust.trust =
      TrustStore::FromAnchors(
          {Certificate::Parse(TestAuthority::Make("R").certificate.der)
               .value()})
          .value();
  WebpkiRequirement common_name = base;
  common_name.names.common_name = CommonNameUse::kNoDnsName;
  WebpkiRequirement ptr = base;
  ptr.ptr = true;
  WebpkiRequirement crl = base;
  crl.crls = CrlSet::FromPem(MakeCrl(root_.certificate, {})).value();
  for (const auto& changed :
       {other_trust, common_name, ptr, crl, Require("x.example")}) {
    EXPECT_NE(WebpkiVerifier(changed).Describe(), text);
  }
}

}  // namespace
}  // namespace postern
