// tests/core/x509/path_validator_test.cc
//
// Each fault has its own reason at the depth where it lies; of several the
// gravest is told; and no order of certificates changes the answer. What
// OpenSSL lets pass and RFC 5280 does not is refused (SUB-03, TLS-06, STS-24).
#include "core/x509/path_validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testlib/certificates.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr const char* kHost = "mx.example.org";

Certificate Parsed(const TestCertificate& certificate) {
  return Certificate::Parse(certificate.der).value();
}

class PathValidatorTest : public testing::Test {
 protected:
  PathResult Validate(const std::vector<TestCertificate>& chain) {
    std::vector<Certificate> parsed;
    for (const TestCertificate& c : chain) parsed.push_back(Parsed(c));
    const auto store = TrustStore::FromAnchors({Parsed(trusted_)}).value();
    PathRequest request;
    request.chain = parsed;
    request.trust = store.get();
    request.names = &names_;
    request.at = now_;
    request.max_depth = max_depth_;
    return ValidatePath(request);
  }

  void ExpectFault(const std::vector<TestCertificate>& chain, Reason reason,
                   int depth, const std::string& detail = {}) {
    const PathResult result = Validate(chain);
    ASSERT_FALSE(result.accepted());
    EXPECT_EQ(Describe(result.fault->reason).token, Describe(reason).token)
        << result.fault->detail;
    EXPECT_EQ(result.fault->depth, depth) << result.fault->detail;
    EXPECT_THAT(result.fault->detail, HasSubstr(detail));
    EXPECT_TRUE(result.path.empty());
    EXPECT_FALSE(ToFinding(result).satisfied());
  }

  const TimePoint now_{hours(500'000)};
  const TestAuthority root_ = TestAuthority::Make("Root");
  const TestAuthority below_ = root_.IssueAuthority("Intermediate");
  TestCertificate trusted_ = root_.certificate;
  AcceptedNames names_{
      {ReferenceIdentity::Exact(Domain::Parse(kHost).value())}, {}, {}, {}};
  std::optional<int> max_depth_;
};

TEST_F(PathValidatorTest, FollowsThePathWhateverTheOrderAndTheCompany) {
  const TestCertificate leaf = below_.Issue(ForHost(kHost));
  const TestCertificate stranger = MakeSelfSigned(ForHost("stranger.example"));
  const std::vector<std::vector<TestCertificate>> orders = {
      {leaf, below_.certificate},
      {leaf, below_.certificate, root_.certificate},
      {leaf, root_.certificate, stranger, below_.certificate,
       below_.certificate},
  };
  for (const auto& order : orders) {
    const PathResult result = Validate(order);
    ASSERT_TRUE(result.accepted()) << result.fault->detail;
    ASSERT_EQ(result.path.size(), 3u);
    EXPECT_EQ(result.path[1], Parsed(below_.certificate));
    EXPECT_THAT(ToFinding(result).detail(),
                HasSubstr("dNSName mx.example.org"));
  }
}

TEST_F(PathValidatorTest, GivesEachFaultItsOwnReasonAndDepth) {
  CertificateSpec expired = ForHost(kHost);
  expired.not_after = now_ - hours(1);
  CertificateSpec early = ForHost(kHost);
  early.not_before = now_ + hours(1);
  CertificateSpec common_name = ForHost(kHost);
  common_name.dns_names = {};
  ExpectFault({root_.Issue(expired)}, Reason::kCertificateExpired, 0);
  ExpectFault({root_.Issue(early)}, Reason::kCertificateNotYetValid, 0);
  ExpectFault({root_.Issue(ForHost("mx.example.net"))},
              Reason::kCertificateHostMismatch, 0, "mx.example.net");
  ExpectFault({root_.Issue(common_name)}, Reason::kCertificateCommonNameOnly,
              0);
  ExpectFault({below_.Issue(ForHost(kHost))},
              Reason::kCertificateChainIncomplete, 0, "CN=Intermediate");
  ExpectFault({MakeSelfSigned(ForHost(kHost))}, Reason::kCertificateNotTrusted,
              0);
  const TestAuthority other = TestAuthority::Make("Other");
  ExpectFault({other.Issue(ForHost(kHost)), other.certificate},
              Reason::kCertificateNotTrusted, 1, "CN=Other");
  // Somebody else's signature under a trusted name.
  const TestAuthority impostor = TestAuthority::Make("Root");
  ExpectFault({impostor.Issue(ForHost(kHost))}, Reason::kCertificateNotTrusted,
              0, "not signed by");
}

TEST_F(PathValidatorTest, ExpiredAuthoritiesAreFoundAtTheirDepth) {
  CertificateSpec old = ForAuthority("Old");
  old.not_after = now_ - hours(1);
  const TestAuthority expired{MakeSigned(root_.certificate, old)};
  ExpectFault({expired.Issue(ForHost(kHost)), expired.certificate},
              Reason::kCertificateExpired, 1);
  const TestAuthority old_root{MakeSelfSigned(old)};
  trusted_ = old_root.certificate;
  ExpectFault({old_root.Issue(ForHost(kHost))}, Reason::kCertificateExpired, 1);
}

TEST_F(PathValidatorTest, TheLastSecondIsWithinAndTheNextIsNot) {
  CertificateSpec spec = ForHost(kHost);
  spec.not_after = now_;
  EXPECT_TRUE(Validate({root_.Issue(spec)}).accepted());
  spec.not_after = now_ - seconds(1);
  ExpectFault({root_.Issue(spec)}, Reason::kCertificateExpired, 0);
  spec = ForHost(kHost);
  spec.not_before = now_;
  EXPECT_TRUE(Validate({root_.Issue(spec)}).accepted());
}

TEST_F(PathValidatorTest, TheGravestOfSeveralFaultsIsTold) {
  CertificateSpec spec = ForHost("wrong.example");
  spec.not_after = now_ - hours(1);
  ExpectFault({root_.Issue(spec)}, Reason::kCertificateHostMismatch, 0);
  ExpectFault({root_.Issue(spec, TestKey::Rsa(1024))}, Reason::kCertificateWeak,
              0);
  ExpectFault({MakeSelfSigned(spec)}, Reason::kCertificateNotTrusted, 0);
}

TEST_F(PathValidatorTest, ThePathThatComesClosestIsToldOf) {
  // One way to the root is expired, another leads nowhere: the first has to be
  // mended.
  const TestKey key = TestKey::Generate();
  CertificateSpec old = ForAuthority("Shared");
  old.not_after = now_ - hours(1);
  const TestCertificate by_root = MakeSigned(root_.certificate, old, key);
  const TestAuthority lost = TestAuthority::Make("Lost");
  const TestCertificate by_lost =
      MakeSigned(lost.certificate, ForAuthority("Shared"), key);
  const TestCertificate leaf = MakeSigned(by_root, ForHost(kHost));
  ExpectFault({leaf, by_lost, by_root}, Reason::kCertificateExpired, 1);
  ExpectFault({leaf, by_root, by_lost}, Reason::kCertificateExpired, 1);
}

TEST_F(PathValidatorTest, AGoodWayIsFoundAmongBadOnes) {
  const TestKey key = TestKey::Generate();
  CertificateSpec old = ForAuthority("Shared");
  old.not_after = now_ - hours(1);
  const TestCertificate expired = MakeSigned(root_.certificate, old, key);
  const TestCertificate good =
      MakeSigned(root_.certificate, ForAuthority("Shared"), key);
  const TestCertificate leaf = MakeSigned(good, ForHost(kHost));
  EXPECT_TRUE(Validate({leaf, expired, good}).accepted());
  EXPECT_TRUE(Validate({leaf, good, expired}).accepted());
}

// TLS-06
TEST_F(PathValidatorTest, WeakKeysAndSignaturesDoNotAuthenticate) {
  CertificateSpec sha1 = ForHost(kHost);
  sha1.digest = "sha1";
  CertificateSpec md5 = ForHost(kHost);
  md5.digest = "md5";
  ExpectFault({root_.Issue(ForHost(kHost), TestKey::Rsa(1024))},
              Reason::kCertificateWeak, 0, "1024");
  ExpectFault({root_.Issue(ForHost(kHost), TestKey::Ec("prime192v1"))},
              Reason::kCertificateWeak, 0);
  ExpectFault({root_.Issue(sha1)}, Reason::kCertificateWeak, 0, "sha1");
  const TestAuthority rsa{
      MakeSelfSigned(ForAuthority("RSA"), TestKey::Rsa(2048))};
  trusted_ = rsa.certificate;
  ExpectFault({rsa.Issue(md5)}, Reason::kCertificateWeak, 0, "md5");
  const TestAuthority weak{
      MakeSigned(rsa.certificate, ForAuthority("Weak"), TestKey::Rsa(1024))};
  ExpectFault({weak.Issue(ForHost(kHost)), weak.certificate},
              Reason::kCertificateWeak, 1);
  EXPECT_TRUE(
      Validate({rsa.Issue(ForHost(kHost), TestKey::Rsa(2048))}).accepted());
  EXPECT_TRUE(
      Validate({rsa.Issue(ForHost(kHost), TestKey::Ed25519())}).accepted());
}

TEST_F(PathValidatorTest, AnAnchorsOwnSignatureIsNobodysBusiness) {
  CertificateSpec spec = ForAuthority("Old root");
  spec.digest = "sha1";
  const TestAuthority old{MakeSelfSigned(spec)};
  trusted_ = old.certificate;
  EXPECT_TRUE(Validate({old.Issue(ForHost(kHost))}).accepted());
}

TEST_F(PathValidatorTest, NoSignatureIsCheckedWithAKeyThatIsNotAccepted) {
  const TestAuthority odd{
      MakeSelfSigned(ForAuthority("Odd"), TestKey::Ec("prime192v1"))};
  trusted_ = odd.certificate;
  ExpectFault({odd.Issue(ForHost(kHost))}, Reason::kCertificateWeak, 1);
  EXPECT_EQ(Validate({odd.Issue(ForHost(kHost))}).signatures, 0);
}

TEST_F(PathValidatorTest, WhatBreaksRfc5280IsInvalid) {
  using Extensions = std::vector<std::pair<std::string, std::string>>;
  const struct {
    const char* what;
    Extensions extensions;
    std::string serial;
  } leaves[] = {
      {"wrong purpose", {{"extendedKeyUsage", "clientAuth"}}, {}},
      {"key usage", {{"keyUsage", "critical,cRLSign"}}, {}},
      {"may sign and is no CA",
       {{"keyUsage", "digitalSignature,keyCertSign"}},
       {}},
      {"no authority key identifier", {{"authorityKeyIdentifier", ""}}, {}},
      {"constraints in a leaf",
       {{"nameConstraints", "critical,permitted;DNS:example.org"}},
       {}},
      {"unknown critical extension", {{"1.2.3.4", "critical,DER:05:00"}}, {}},
      {"critical key identifier",
       {{"subjectKeyIdentifier", "critical,hash"}},
       {}},
      {"requires a policy",
       {{"policyConstraints", "critical,requireExplicitPolicy:0"}},
       {}},
      {"malformed extension", {{"extendedKeyUsage", "DER:30:00"}}, {}},
      {"an extension and a stray byte",
       {{"extendedKeyUsage", "DER:30:0A:06:08:2B:06:01:05:05:07:03:01:00"}},
       {}},
      {"negative serial", {}, "-5"},
      {"serial of zero", {}, "0"},
      {"serial too long", {}, "0102030405060708090A0B0C0D0E0F101112131415"},
      {"serial too long by its sign",
       {},
       "F10203040506070809"
       "0A0B0C0D0E0F1011121314"},
  };
  for (const auto& c : leaves) {
    SCOPED_TRACE(c.what);
    CertificateSpec spec = ForHost(kHost);
    spec.extensions = c.extensions;
    spec.serial = c.serial;
    ExpectFault({root_.Issue(spec)}, Reason::kCertificateInvalid, 0);
  }
  const struct {
    const char* what;
    Extensions extensions;
  } authorities[] = {
      {"no CA",
       {{"basicConstraints", "critical,CA:FALSE"},
        {"keyUsage", "digitalSignature"}}},
      {"no basic constraints", {{"basicConstraints", ""}, {"keyUsage", ""}}},
      {"not critical", {{"basicConstraints", "CA:TRUE"}}},
      {"may not sign", {{"keyUsage", "critical,cRLSign"}}},
      {"no key identifier", {{"subjectKeyIdentifier", ""}}},
      {"wrong purpose", {{"extendedKeyUsage", "clientAuth"}}},
      {"constraints not critical",
       {{"nameConstraints", "permitted;DNS:example.org"}}},
      {"malformed constraints",
       {{"nameConstraints", "critical,excluded;DNS:.example.com"}}},
  };
  for (const auto& c : authorities) {
    SCOPED_TRACE(c.what);
    CertificateSpec spec = ForAuthority("Broken");
    spec.extensions = c.extensions;
    const TestCertificate broken = MakeSigned(root_.certificate, spec);
    // Its leaf can't copy a key identifier that isn't there.
    CertificateSpec leaf = ForHost(kHost);
    if (std::string(c.what) == "no key identifier") {
      leaf.extensions = {{"authorityKeyIdentifier", "issuer:always"}};
      ExpectFault({MakeSigned(broken, leaf), broken},
                  Reason::kCertificateInvalid, 0);
    } else {
      ExpectFault({MakeSigned(broken, leaf), broken},
                  Reason::kCertificateInvalid, 1);
    }
  }
}

TEST_F(PathValidatorTest, PathLengthsCountIntermediatesThatAreNotSelfIssued) {
  CertificateSpec none = ForAuthority("No further");
  none.path_length = 0;
  const TestAuthority first{MakeSigned(root_.certificate, none)};
  EXPECT_TRUE(
      Validate({first.Issue(ForHost(kHost)), first.certificate}).accepted());
  const TestAuthority second = first.IssueAuthority("Further");
  ExpectFault(
      {second.Issue(ForHost(kHost)), second.certificate, first.certificate},
      Reason::kCertificateInvalid, 2, "more CA certificates");
  // The same authority with a new key is no further one.
  const TestAuthority renewed{
      MakeSigned(first.certificate, ForAuthority("No further"))};
  EXPECT_TRUE(Validate({renewed.Issue(ForHost(kHost)), renewed.certificate,
                        first.certificate})
                  .accepted());
  max_depth_ = 0;
  ExpectFault({below_.Issue(ForHost(kHost)), below_.certificate},
              Reason::kCertificateInvalid, 2);
  EXPECT_TRUE(Validate({root_.Issue(ForHost(kHost))}).accepted());
}

TEST_F(PathValidatorTest, NameConstraintsHoldTheLeafEvenIfItIsSelfIssued) {
  CertificateSpec spec = ForAuthority("Constrained");
  spec.extensions = {{"nameConstraints", "critical,permitted;DNS:example.net"}};
  const TestAuthority constrained{MakeSigned(root_.certificate, spec)};
  const auto chain = [&](const CertificateSpec& leaf) {
    return std::vector<TestCertificate>{constrained.Issue(leaf),
                                        constrained.certificate};
  };
  ExpectFault(chain(ForHost(kHost)), Reason::kCertificateInvalid, 0,
              "do not permit");
  CertificateSpec self_issued = ForHost(kHost);
  self_issued.common_name = "Constrained";
  ExpectFault(chain(self_issued), Reason::kCertificateInvalid, 0,
              "do not permit");
  // An intermediate that is self-issued is exempt, one that is not isn't.
  CertificateSpec renewed = ForAuthority("Constrained");
  renewed.dns_names = {"ca.example.org"};
  CertificateSpec further = ForAuthority("Further");
  further.dns_names = {"ca.example.org"};
  names_.references = {ReferenceIdentity::Parse("mx.example.net").value()};
  const TestAuthority exempt{MakeSigned(constrained.certificate, renewed)};
  const TestAuthority held{MakeSigned(constrained.certificate, further)};
  EXPECT_TRUE(Validate({exempt.Issue(ForHost("mx.example.net")),
                        exempt.certificate, constrained.certificate})
                  .accepted());
  ExpectFault({held.Issue(ForHost("mx.example.net")), held.certificate,
               constrained.certificate},
              Reason::kCertificateInvalid, 1, "do not permit");
}

TEST_F(PathValidatorTest, ACommonNameIsHeldToNameConstraintsWhereItIsCompared) {
  CertificateSpec spec = ForAuthority("Constrained");
  spec.extensions = {{"nameConstraints", "critical,permitted;DNS:example.net"}};
  const TestAuthority constrained{MakeSigned(root_.certificate, spec)};
  CertificateSpec only_cn = ForHost(kHost);
  only_cn.dns_names = {};
  CertificateSpec beside = ForHost("mx.example.net");
  beside.common_name = kHost;
  const auto chain = [&](const CertificateSpec& leaf) {
    return std::vector<TestCertificate>{constrained.Issue(leaf),
                                        constrained.certificate};
  };
  names_.common_name = CommonNameUse::kNoDnsName;
  ExpectFault(chain(only_cn), Reason::kCertificateInvalid, 0, "do not permit");
  names_.common_name = CommonNameUse::kAlways;
  ExpectFault(chain(beside), Reason::kCertificateInvalid, 0, "do not permit");
  names_.common_name = CommonNameUse::kNever;
  names_.confirmed_ptr = Domain::Parse(kHost).value();
  ExpectFault(chain(beside), Reason::kCertificateInvalid, 0, "do not permit");
  // Not compared, it is a text like any other.
  names_.confirmed_ptr.reset();
  names_.references = {ReferenceIdentity::Parse("mx.example.net").value()};
  EXPECT_TRUE(Validate(chain(beside)).accepted());
}

TEST_F(PathValidatorTest, ALeafThatIsItselfTrustedStillHasToBeInOrder) {
  trusted_ = MakeSelfSigned(ForHost(kHost));
  EXPECT_TRUE(Validate({trusted_}).accepted());
  trusted_ = MakeSelfSigned(ForHost("wrong.example"));
  ExpectFault({trusted_}, Reason::kCertificateHostMismatch, 0);
  CertificateSpec old = ForHost(kHost);
  old.not_after = now_ - hours(1);
  trusted_ = MakeSelfSigned(old);
  ExpectFault({trusted_}, Reason::kCertificateExpired, 0);
  // The same name and key, another certificate: not what is trusted.
  const TestKey key = TestKey::Generate();
  trusted_ = MakeSelfSigned(ForHost(kHost), key);
  EXPECT_FALSE(Validate({MakeSelfSigned(ForHost(kHost), key)}).accepted());
}

TEST_F(PathValidatorTest, WithoutAChainOrATrustStoreNothingPasses) {
  PathRequest request;
  EXPECT_FALSE(ToFinding(ValidatePath(request)).satisfied());
  const std::vector<Certificate> chain{Parsed(root_.certificate)};
  request.chain = chain;
  const Finding finding = ToFinding(ValidatePath(request));
  EXPECT_EQ(finding.state(), Finding::State::kUndecided);
}

TEST(GravityTest, EveryReasonOfAPathHasAPlaceOfItsOwn) {
  std::set<int> places;
  for (const Reason reason :
       {Reason::kCertificateMalformed, Reason::kCertificatePathTooCostly,
        Reason::kCertificateNotTrusted, Reason::kCertificateChainIncomplete,
        Reason::kCertificateRevoked, Reason::kCrlUnavailable,
        Reason::kCertificateInvalid, Reason::kCertificateWeak,
        Reason::kCertificateHostMismatch, Reason::kCertificateCommonNameOnly,
        Reason::kCertificateExpired, Reason::kCertificateNotYetValid}) {
    EXPECT_TRUE(places.insert(Gravity(reason)).second)
        << Describe(reason).token;
    EXPECT_LT(Gravity(reason), Gravity(Reason::kInternal));
  }
}

}  // namespace
}  // namespace postern
