// tests/plugins/pin/pin_verifier_test.cc
//
// A pin survives renewal, refuses every other key, and tells the operator what
// to do next (never: just add the new key). A ca pin counts only where a path
// has been verified up to it and the name is right (SUB-04, ID-07).
#include "plugins/pin/pin_verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testlib/certificates.h"

namespace postern {
namespace {

using std::chrono::hours;
using testing::HasSubstr;

const TimePoint kNow{hours(500'000)};

Pin PinOf(PinKind kind, const TestCertificate& certificate,
          DigestAlgorithm algorithm = DigestAlgorithm::kSha256) {
  const auto parsed = Certificate::Parse(certificate.der).value();
  Pin pin;
  pin.kind = kind;
  pin.algorithm = algorithm;
  pin.digest = kind == PinKind::kSpki ? parsed.SpkiDigest(algorithm).value()
                                      : parsed.Fingerprint(algorithm).value();
  pin.label = "mx 2026";
  return pin;
}

TlsEvidence Presenting(const std::vector<TestCertificate>& chain) {
  std::vector<DerCertificate> ders;
  for (const TestCertificate& c : chain) ders.push_back(c.der);
  TlsEvidence evidence(std::move(ders));
  evidence.protocol = "TLSv1.3";
  return evidence;
}

TEST(PinVerifierTest, AcceptsRenewedCertificateWithTheSameKey) {
  const TestKey key = TestKey::Generate();
  const TlsEvidence first = SelfSigned(key, "mx.example.org", 1);
  const TlsEvidence renewed = SelfSigned(key, "mx.example.org", 2);
  ASSERT_NE(first.leaf(), renewed.leaf());
  Pin pin;
  pin.digest = key.spki_hash();
  const PinVerifier verifier({pin});
  EXPECT_TRUE(verifier.Check(first, kNow).satisfied());
  EXPECT_TRUE(verifier.Check(renewed, kNow).satisfied());
}

TEST(PinVerifierTest, RefusesAnotherKeyAndSaysWhatToDo) {
  Pin pin;
  pin.digest = TestKey::Generate().spki_hash();
  const TestKey other = TestKey::Generate();
  const Finding finding =
      PinVerifier({pin}).Check(SelfSigned(other, "mx.example.org", 1), kNow);
  EXPECT_EQ(finding.reason(), Reason::kPinMismatch);
  EXPECT_THAT(finding.hint(), HasSubstr("compare the new key with its owner"));
  EXPECT_THAT(finding.detail(), HasSubstr("spki sha256 "));
}

TEST(PinVerifierTest, NamesIssuerAndExpiryOfAPinnedLeafDoNotCount) {
  CertificateSpec spec = ForHost("somewhere.else.example");
  spec.not_after = kNow - hours(1000);
  const TestCertificate odd = MakeSelfSigned(spec, TestKey::Rsa(1024));
  EXPECT_TRUE(PinVerifier({PinOf(PinKind::kSpki, odd)})
                  .Check(Presenting({odd}), kNow)
                  .satisfied());
}

TEST(PinVerifierTest, EachKindComparesWhatItSaysInEachAlgorithm) {
  const TestKey key = TestKey::Generate();
  const TestCertificate leaf = MakeSelfSigned(ForHost("a.example"), key);
  const TestCertificate renewed = MakeSelfSigned(ForHost("a.example"), key);
  for (const auto algorithm :
       {DigestAlgorithm::kSha256, DigestAlgorithm::kSha512,
        DigestAlgorithm::kSha1, DigestAlgorithm::kMd5}) {
    const Pin spki = PinOf(PinKind::kSpki, leaf, algorithm);
    const Pin cert = PinOf(PinKind::kCert, leaf, algorithm);
    Pin any_spki = spki;
    Pin any_cert = cert;
    any_spki.kind = any_cert.kind = PinKind::kAny;
    Pin crossed_spki = spki;
    crossed_spki.kind = PinKind::kCert;
    Pin crossed_cert = cert;
    crossed_cert.kind = PinKind::kSpki;
    const struct {
      Pin pin;
      bool matches;
      bool survives_renewal;
    } cases[] = {{spki, true, true},           {cert, true, false},
                 {any_spki, true, true},       {any_cert, true, false},
                 {crossed_spki, false, false}, {crossed_cert, false, false}};
    for (const auto& c : cases) {
      const PinVerifier verifier({c.pin});
      EXPECT_EQ(verifier.Check(Presenting({leaf}), kNow).satisfied(),
                c.matches);
      EXPECT_EQ(verifier.Check(Presenting({renewed}), kNow).satisfied(),
                c.survives_renewal);
    }
  }
}

TEST(PinVerifierTest, ADigestOfTheWrongLengthMatchesNothing) {
  const TestCertificate leaf = MakeSelfSigned(ForHost("a.example"));
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{1}, std::size_t{31}}) {
    Pin pin = PinOf(PinKind::kSpki, leaf);
    pin.digest.resize(length);
    EXPECT_FALSE(
        PinVerifier({pin}).Check(Presenting({leaf}), kNow).satisfied());
  }
}

TEST(PinVerifierTest, APinnedCertificateThatIsOnlySentAlongProvesNothing) {
  const TestCertificate pinned = MakeSelfSigned(ForHost("mx.example.org"));
  const TestCertificate attacker = MakeSelfSigned(ForHost("mx.example.org"));
  for (const PinKind kind : {PinKind::kSpki, PinKind::kCert, PinKind::kAny}) {
    const Finding finding = PinVerifier({PinOf(kind, pinned)})
                                .Check(Presenting({attacker, pinned}), kNow);
    EXPECT_EQ(finding.reason(), Reason::kPinMismatch);
  }
}

TEST(PinVerifierTest, APinOutOfItsTimeStopsMailRatherThanOpeningTheDoor) {
  const TestCertificate leaf = MakeSelfSigned(ForHost("a.example"));
  Pin pin = PinOf(PinKind::kSpki, leaf);
  pin.valid_from = kNow;
  pin.valid_until = kNow + hours(24);
  const PinVerifier verifier({pin});
  const TlsEvidence peer = Presenting({leaf});
  EXPECT_EQ(verifier.Check(peer, kNow - hours(1)).reason(),
            Reason::kPinNotYetValid);
  EXPECT_TRUE(verifier.Check(peer, kNow).satisfied());
  EXPECT_TRUE(verifier.Check(peer, kNow + hours(24)).satisfied());
  EXPECT_EQ(verifier.Check(peer, kNow + hours(25)).reason(),
            Reason::kPinExpired);
}

TEST(PinVerifierTest, ABackupMatchIsSatisfiedAndWorthNoting) {
  const TestCertificate now_used = MakeSelfSigned(ForHost("a.example"));
  const TestCertificate next = MakeSelfSigned(ForHost("a.example"));
  const Pin active = PinOf(PinKind::kSpki, now_used);
  Pin backup = PinOf(PinKind::kSpki, next);
  backup.role = PinRole::kBackup;
  const PinVerifier verifier({backup, active});
  const Finding by_active = verifier.Check(Presenting({now_used}), kNow);
  EXPECT_TRUE(by_active.satisfied());
  EXPECT_FALSE(by_active.noteworthy());
  const Finding by_backup = verifier.Check(Presenting({next}), kNow);
  EXPECT_TRUE(by_backup.satisfied());
  EXPECT_TRUE(by_backup.noteworthy());
  EXPECT_THAT(by_backup.detail(), HasSubstr("backup"));
  EXPECT_THAT(by_backup.hint(), HasSubstr("promote"));
  // A key that is both is no news.
  Pin same = active;
  same.role = PinRole::kBackup;
  EXPECT_FALSE(PinVerifier({same, active})
                   .Check(Presenting({now_used}), kNow)
                   .noteworthy());
}

TEST(PinVerifierTest, RefusesEveryChainItCannotRead) {
  const TestCertificate leaf = MakeSelfSigned(ForHost("a.example"));
  const PinVerifier verifier({PinOf(PinKind::kSpki, leaf)});
  for (const DerCertificate& der :
       {DerCertificate{}, Truncated(leaf.der), Padded(leaf.der)}) {
    EXPECT_EQ(verifier.Check(TlsEvidence({der}), kNow).reason(),
              Reason::kCertificateMalformed);
  }
  EXPECT_EQ(verifier.Check(TlsEvidence{}, kNow).reason(),
            Reason::kCertificateMissing);
  EXPECT_EQ(PinVerifier({}).Check(Presenting({leaf}), kNow).reason(),
            Reason::kPinMissing);
}

class CaPinTest : public testing::Test {
 protected:
  CaPinTest() {
    ca_.names.references = {
        ReferenceIdentity::Exact(Domain::Parse("mx.example.org").value())};
  }
  Finding Check(const std::vector<Pin>& pins,
                const std::vector<TestCertificate>& chain) {
    return PinVerifier(pins, ca_).Check(Presenting(chain), kNow);
  }
  // A pin that keeps its certificate.
  Pin Kept(const TestCertificate& authority) {
    Pin pin = PinOf(PinKind::kCa, authority);
    pin.certificate.assign(authority.der.begin(), authority.der.end());
    return pin;
  }

  CaPinRequirement ca_;
  const TestAuthority root_ = TestAuthority::Make("Root");
  const TestAuthority below_ = root_.IssueAuthority("Below");
  const TestCertificate leaf_ = below_.Issue(ForHost("mx.example.org"));
};

TEST_F(CaPinTest, AVerifiedPathAndTheRightNameSatisfyIt) {
  EXPECT_TRUE(Check({PinOf(PinKind::kCa, below_.certificate)},
                    {leaf_, below_.certificate})
                  .satisfied());
  EXPECT_TRUE(Check({PinOf(PinKind::kCa, root_.certificate)},
                    {leaf_, below_.certificate, root_.certificate})
                  .satisfied());
  const Finding kept =
      Check({Kept(root_.certificate)}, {leaf_, below_.certificate});
  EXPECT_TRUE(kept.satisfied()) << kept.detail();
  EXPECT_THAT(kept.detail(), HasSubstr("mx.example.org"));
}

TEST_F(CaPinTest, ABareDigestHasToBeInTheHandshake) {
  EXPECT_EQ(Check({PinOf(PinKind::kCa, root_.certificate)},
                  {leaf_, below_.certificate})
                .reason(),
            Reason::kPinMismatch);
}

TEST_F(CaPinTest, AnAuthorityThatIsOnlyAppendedProvesNothing) {
  const TestCertificate attacker = MakeSelfSigned(ForHost("mx.example.org"));
  const TestAuthority impostor = TestAuthority::Make("Below");
  for (const Pin& pin :
       {PinOf(PinKind::kCa, below_.certificate), Kept(below_.certificate)}) {
    EXPECT_EQ(Check({pin}, {attacker, below_.certificate}).reason(),
              Reason::kPinMismatch);
    EXPECT_EQ(Check({pin}, {impostor.Issue(ForHost("mx.example.org")),
                            below_.certificate})
                  .reason(),
              Reason::kPinMismatch);
  }
}

TEST_F(CaPinTest, TheNameHasToMatchAndTheLeafToBeOfToday) {
  const Pin pin = Kept(root_.certificate);
  EXPECT_EQ(Check({pin}, {root_.Issue(ForHost("mx.example.net"))}).reason(),
            Reason::kCertificateHostMismatch);
  CertificateSpec old = ForHost("mx.example.org");
  old.not_after = kNow - hours(1);
  EXPECT_EQ(Check({pin}, {root_.Issue(old)}).reason(),
            Reason::kCertificateExpired);
}

TEST_F(CaPinTest, ItsTimeAndItsRoleCount) {
  Pin pin = Kept(root_.certificate);
  pin.role = PinRole::kBackup;
  EXPECT_TRUE(Check({pin}, {leaf_, below_.certificate}).noteworthy());
  pin.valid_until = kNow - hours(1);
  EXPECT_EQ(Check({pin}, {leaf_, below_.certificate}).reason(),
            Reason::kPinExpired);
  pin.valid_until.reset();
  pin.valid_from = kNow + hours(1);
  EXPECT_EQ(Check({pin}, {leaf_, below_.certificate}).reason(),
            Reason::kPinNotYetValid);
}

TEST_F(CaPinTest, AKeptCertificateThatIsNotThePinnedOneIsNotTrusted) {
  Pin pin = PinOf(PinKind::kCa, TestAuthority::Make("Other").certificate);
  pin.certificate.assign(root_.certificate.der.begin(),
                         root_.certificate.der.end());
  EXPECT_EQ(Check({pin}, {leaf_, below_.certificate}).reason(),
            Reason::kPinMismatch);
}

TEST_F(CaPinTest, LeafPinsBesideItWorkOnTheirOwn) {
  const TestCertificate odd = MakeSelfSigned(ForHost("else.example"));
  const std::vector<Pin> pins = {Kept(root_.certificate),
                                 PinOf(PinKind::kSpki, odd)};
  EXPECT_TRUE(Check(pins, {odd}).satisfied());
  EXPECT_TRUE(Check(pins, {leaf_, below_.certificate}).satisfied());
  // A leaf whose digest is a ca pin's is no leaf pin.
  const TestCertificate named = MakeSelfSigned(ForHost("mx.example.org"));
  EXPECT_EQ(Check({PinOf(PinKind::kCa, named)}, {named}).reason(),
            Reason::kPinMismatch);
  EXPECT_EQ(
      Check({PinOf(PinKind::kCa, leaf_)}, {leaf_, below_.certificate}).reason(),
      Reason::kPinMismatch);
}

TEST_F(CaPinTest, ARevokedLeafIsRefusedAndAnUnknownOneUndecided) {
  CrlSpec spec;
  spec.revoked = {leaf_.der};
  ca_.crls = CrlSet::FromPem(MakeCrl(below_.certificate, spec)).value();
  const Pin pin = Kept(below_.certificate);
  EXPECT_EQ(Check({pin}, {leaf_}).reason(), Reason::kCertificateRevoked);
  ca_.crls = CrlSet::FromPem(MakeCrl(root_.certificate, {})).value();
  EXPECT_EQ(Check({pin}, {leaf_}).state(), Finding::State::kUndecided);
}

TEST_F(CaPinTest, DescribeNamesEverythingThatDecides) {
  Pin pin = Kept(root_.certificate);
  pin.valid_until = kNow;
  const std::string text = PinVerifier({pin}, ca_).Describe();
  for (const char* part :
       {"ca sha256", "mx 2026", "until", "mx.example.org", "cn=never"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

}  // namespace
}  // namespace postern
