// tests/plugins/dane/dane_verifier_test.cc
//
// A certificate that a TLSA record names passes, whatever else it says where
// the record is about itself, and by the rules of paths and names where the
// record is about its authority. Everything else is refused.
#include "plugins/dane/dane_verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/plugins/dane/tlsa_maker.h"

namespace postern {
namespace {

using std::chrono::hours;
using testing::HasSubstr;
using testing::Not;

class DaneVerifierTest : public testing::Test {
 protected:
  // The records that count, bound to the names of an MX of example.org.
  static DaneVerifier Over(std::vector<TlsaRecord> records,
                           std::vector<std::string> names = {"mx.example.net",
                                                             "example.org"}) {
    DaneRequirement requirement;
    requirement.owner = "_25._tcp.mx.example.net";
    requirement.records = ChooseTlsa(records, kUsualDigests).records;
    for (const std::string& name : names) {
      requirement.names.push_back(ReferenceIdentity::Parse(name).value());
    }
    return DaneVerifier(std::move(requirement));
  }
  static Finding Check(std::vector<TlsaRecord> records,
                       std::vector<DerCertificate> chain) {
    return Over(std::move(records)).Check(TlsEvidence(std::move(chain)), kNow);
  }
  DerCertificate ca() const { return ca_.certificate.der; }

  const TestAuthority ca_ = TestAuthority::Make("Example CA");
  const TestCertificate mx_ = ca_.Issue(ForHost("mx.example.net"));
};

// DANE-07
TEST_F(DaneVerifierTest, EachFormOfARecordIsMatched) {
  for (const std::uint8_t selector : {kCert, kSpki}) {
    for (const std::uint8_t matching : kMatchings) {
      const Finding leaf =
          Check({MakeTlsa(3, selector, matching, mx_.der)}, {mx_.der});
      EXPECT_TRUE(leaf.satisfied()) << leaf.detail();
      const Finding authority =
          Check({MakeTlsa(2, selector, matching, ca())}, {mx_.der, ca()});
      EXPECT_TRUE(authority.satisfied()) << authority.detail();
      EXPECT_THAT(authority.detail(), HasSubstr("dNSName mx.example.net"));
      for (const std::uint8_t usage : {kDaneTa, kDaneEe}) {
        EXPECT_EQ(Check({StaleTlsa(usage, selector, matching)}, {mx_.der, ca()})
                      .reason(),
                  Reason::kTlsaInvalid);
      }
    }
  }
}

// DANE-20, DANE7671-03
TEST_F(DaneVerifierTest, UsageThreeAsksForNothingButTheKey) {
  CertificateSpec spec = ForHost("somebody.else.example");
  spec.not_after = kNow - hours(1);
  for (const TestCertificate& odd :
       {MakeSelfSigned(spec),
        MakeSelfSigned(ForHost("x.example"), TestKey::Rsa(1024))}) {
    const Finding finding = Check({MakeTlsa(3, 1, 1, odd.der)}, {odd.der});
    EXPECT_TRUE(finding.satisfied()) << finding.detail();
    EXPECT_FALSE(finding.noteworthy());
  }
}

TEST_F(DaneVerifierTest, UsageThreeIsAboutTheLeafAlone) {
  const TestCertificate attacker = MakeSelfSigned(ForHost("mx.example.net"));
  const Finding finding =
      Check({MakeTlsa(3, 1, 1, mx_.der)}, {attacker.der, mx_.der, ca()});
  EXPECT_EQ(finding.reason(), Reason::kTlsaInvalid);
  EXPECT_THAT(finding.detail(),
              HasSubstr("3 1 1 " + ToHex(TlsaData(attacker.der, 1, 1))));
}

// DANE7671-07
TEST_F(DaneVerifierTest, OneRecordThatMatchesSufficesWhateverElseIsStale) {
  EXPECT_TRUE(Check({StaleTlsa(3, 1, 1), MakeTlsa(3, 1, 1, mx_.der),
                     StaleTlsa(2, 0, 1), StaleTlsa(3, 0, 2)},
                    {mx_.der})
                  .satisfied());
  EXPECT_TRUE(
      Check({StaleTlsa(3, 1, 1), MakeTlsa(2, 1, 1, ca())}, {mx_.der, ca()})
          .satisfied());
}

// DANE7671-01
TEST_F(DaneVerifierTest, AWeakerDigestDoesNotRescueAStrongerOne) {
  EXPECT_EQ(Check({MakeTlsa(3, 1, 1, mx_.der), StaleTlsa(3, 1, 2)}, {mx_.der})
                .reason(),
            Reason::kTlsaInvalid);
  EXPECT_TRUE(Check({StaleTlsa(3, 1, 1), MakeTlsa(3, 1, 2, mx_.der)}, {mx_.der})
                  .satisfied());
  // Full data stays beside the strongest digest.
  EXPECT_TRUE(Check({MakeTlsa(3, 1, 0, mx_.der), StaleTlsa(3, 1, 2)}, {mx_.der})
                  .satisfied());
}

// DANE-21
TEST_F(DaneVerifierTest, UsageTwoNeedsTheAuthorityInTheHandshake) {
  const Finding alone = Check({MakeTlsa(2, 0, 1, ca())}, {mx_.der});
  EXPECT_EQ(alone.reason(), Reason::kTlsaInvalid);
  EXPECT_THAT(alone.detail(), HasSubstr("no authority in the handshake"));
  const TestCertificate other = MakeSelfSigned(ForHost("mx.example.net"));
  const Finding unrelated = Check({MakeTlsa(2, 0, 1, ca())}, {other.der, ca()});
  EXPECT_EQ(unrelated.reason(), Reason::kTlsaInvalid);
  EXPECT_THAT(unrelated.detail(), HasSubstr("no verified path"));
}

// DANE7671-05
TEST_F(DaneVerifierTest, AWholeAuthorityInDnsNeedNotBeSent) {
  const Finding finding = Check({MakeTlsa(2, 0, 0, ca())}, {mx_.der});
  EXPECT_TRUE(finding.satisfied()) << finding.detail();
}

// DANE7671-06
TEST_F(DaneVerifierTest, ABareKeyInDnsVouchesForWhatItSigned) {
  const TlsaRecord key = MakeTlsa(2, 1, 0, ca());
  const Finding leaf = Check({key}, {mx_.der});
  EXPECT_TRUE(leaf.satisfied()) << leaf.detail();
  EXPECT_THAT(leaf.detail(), HasSubstr("TLSA 2 1 0"));
  const TestAuthority below = ca_.IssueAuthority("Below");
  const TestCertificate deep = below.Issue(ForHost("mx.example.net"));
  EXPECT_TRUE(Check({key}, {deep.der, below.certificate.der}).satisfied());
  EXPECT_EQ(Check({key}, {deep.der}).reason(), Reason::kTlsaInvalid);
  EXPECT_EQ(Check({StaleTlsa(2, 1, 0)}, {mx_.der}).reason(),
            Reason::kTlsaInvalid);
  // The rest has to be valid all the same.
  CertificateSpec late = ForHost("mx.example.net");
  late.not_after = kNow - hours(1);
  EXPECT_EQ(Check({key}, {ca_.Issue(late).der}).reason(),
            Reason::kCertificateExpired);
  EXPECT_EQ(Check({key}, {ca_.Issue(ForHost("other.example")).der}).reason(),
            Reason::kCertificateHostMismatch);
}

// DANE-21
TEST_F(DaneVerifierTest, TheConstraintsOfTheAuthorityHold) {
  CertificateSpec spec = ForAuthority("Held");
  spec.extensions = {{"nameConstraints", "critical,permitted;DNS:example.org"}};
  const TestAuthority held{MakeSelfSigned(spec)};
  const DerCertificate outside = held.Issue(ForHost("mx.example.net")).der;
  const DerCertificate within = held.Issue(ForHost("example.org")).der;
  const TlsaRecord record = MakeTlsa(2, 0, 1, held.certificate.der);
  EXPECT_EQ(Check({record}, {outside, held.certificate.der}).reason(),
            Reason::kCertificateInvalid);
  EXPECT_TRUE(Check({record}, {within, held.certificate.der}).satisfied());

  CertificateSpec flat = ForAuthority("Flat");
  flat.path_length = 0;
  const TestAuthority top{MakeSelfSigned(flat)};
  const TestAuthority below = top.IssueAuthority("Below");
  const DerCertificate leaf = below.Issue(ForHost("mx.example.net")).der;
  EXPECT_EQ(Check({MakeTlsa(2, 0, 1, top.certificate.der)},
                  {leaf, below.certificate.der, top.certificate.der})
                .reason(),
            Reason::kCertificateInvalid);
  // The intermediate one may be the authority itself.
  EXPECT_TRUE(Check({MakeTlsa(2, 0, 1, below.certificate.der)},
                    {leaf, below.certificate.der, top.certificate.der})
                  .satisfied());
}

TEST_F(DaneVerifierTest, TheLeafIsNeverItsOwnAuthority) {
  const TestCertificate own = MakeSelfSigned(ForHost("mx.example.net"));
  for (const std::uint8_t matching : {kFull, kSha256}) {
    for (const std::vector<DerCertificate>& chain :
         {std::vector<DerCertificate>{own.der}, {own.der, own.der}}) {
      EXPECT_FALSE(
          Check({MakeTlsa(2, 0, matching, own.der)}, chain).satisfied());
    }
  }
}

// DANE-24, DANE7671-08
TEST_F(DaneVerifierTest, BelowAnAuthorityANameHasToMatch) {
  const std::vector<TlsaRecord> records{MakeTlsa(2, 0, 1, ca())};
  for (const char* name : {"mx.example.net", "example.org"}) {
    const Finding finding =
        Check(records, {ca_.Issue(ForHost(name)).der, ca()});
    EXPECT_TRUE(finding.satisfied()) << finding.detail();
  }
  EXPECT_EQ(
      Check(records, {ca_.Issue(ForHost("mx.example.org")).der, ca()}).reason(),
      Reason::kCertificateHostMismatch);
}

// DANE-26
TEST_F(DaneVerifierTest, TheCommonNameCountsWhereThereIsNoDnsName) {
  const std::vector<TlsaRecord> records{MakeTlsa(2, 0, 1, ca())};
  CertificateSpec only = ForHost("mx.example.net");
  only.dns_names.clear();
  EXPECT_TRUE(Check(records, {ca_.Issue(only).der, ca()}).satisfied());
  CertificateSpec beside = ForHost("other.example");
  beside.common_name = "mx.example.net";
  EXPECT_EQ(Check(records, {ca_.Issue(beside).der, ca()}).reason(),
            Reason::kCertificateCommonNameOnly);
}

// DANE-27
TEST_F(DaneVerifierTest, AWildcardIsOneWholeLabel) {
  const std::vector<TlsaRecord> records{MakeTlsa(2, 0, 1, ca())};
  const struct {
    const char* presented;
    bool good;
  } cases[] = {{"*.example.net", true},
               {"m*.example.net", false},
               {"*x.example.net", false},
               {"*.net", false},
               {"*", false},
               {"*.mx.example.net", false}};
  for (const auto& c : cases) {
    EXPECT_EQ(
        Check(records, {ca_.Issue(ForHost(c.presented)).der, ca()}).satisfied(),
        c.good)
        << c.presented;
  }
}

// TLS-06: the exception of usage 3 is in its own test above.
TEST_F(DaneVerifierTest, WeakKeysDoNotAuthenticateBelowAnAuthority) {
  const TestCertificate weak =
      ca_.Issue(ForHost("mx.example.net"), TestKey::Rsa(1024));
  EXPECT_EQ(Check({MakeTlsa(2, 0, 1, ca())}, {weak.der, ca()}).reason(),
            Reason::kCertificateWeak);
  EXPECT_EQ(Check({MakeTlsa(2, 1, 0, ca())}, {weak.der}).reason(),
            Reason::kCertificateWeak);
}

TEST_F(DaneVerifierTest, ExpiryCountsBelowAnAuthority) {
  CertificateSpec late = ForHost("mx.example.net");
  late.not_after = kNow - hours(1);
  EXPECT_EQ(
      Check({MakeTlsa(2, 0, 1, ca())}, {ca_.Issue(late).der, ca()}).reason(),
      Reason::kCertificateExpired);
}

TEST_F(DaneVerifierTest, WhatCannotBeReadIsRefused) {
  const std::vector<TlsaRecord> records{MakeTlsa(3, 1, 1, mx_.der)};
  EXPECT_EQ(Check(records, {}).reason(), Reason::kCertificateMissing);
  for (const DerCertificate& bad :
       {DerCertificate{}, Truncated(mx_.der), Padded(mx_.der)}) {
    EXPECT_EQ(Check(records, {bad}).reason(), Reason::kCertificateMalformed);
  }
  // Behind a leaf that matches, it does not matter; on a path, it does.
  EXPECT_TRUE(Check(records, {mx_.der, Truncated(ca())}).satisfied());
  EXPECT_EQ(
      Check({MakeTlsa(2, 0, 0, ca())}, {mx_.der, Truncated(ca())}).reason(),
      Reason::kCertificateMalformed);
}

TEST_F(DaneVerifierTest, TooCostlyAChainIsNotDecided) {
  std::vector<DerCertificate> chain{mx_.der};
  chain.resize(kMaxChainCertificates + 1, ca());
  const Finding finding = Check({MakeTlsa(2, 0, 1, ca())}, chain);
  EXPECT_EQ(finding.state(), Finding::State::kUndecided);
}

TEST_F(DaneVerifierTest, TheDescriptionNamesEverythingThatDecides) {
  const TlsaRecord leaf = MakeTlsa(3, 1, 1, mx_.der);
  const std::string text = Over({leaf}).Describe();
  EXPECT_THAT(text, HasSubstr(Presentation(leaf)));
  EXPECT_THAT(text, HasSubstr("_25._tcp.mx.example.net"));
  EXPECT_THAT(text, Not(HasSubstr("example.org")));
  const TlsaRecord authority = MakeTlsa(2, 0, 0, ca());
  const std::string both = Over({leaf, authority}).Describe();
  EXPECT_THAT(both, HasSubstr(ShortPresentation(authority)));
  EXPECT_THAT(both, HasSubstr("mx.example.net or example.org"));
  EXPECT_NE(both, Over({leaf, authority}, {"mx.example.net"}).Describe());
}

TEST_F(DaneVerifierTest, TheDescriptionIsBoundedAndStillTellsThemApart) {
  std::vector<TlsaRecord> records(500, MakeTlsa(3, 1, 1, mx_.der));
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].data[0] = static_cast<char>(i / 256);
    records[i].data[1] = static_cast<char>(i % 256);
  }
  const std::string text = Over(records).Describe();
  EXPECT_LT(text.size(), 10'000U);
  EXPECT_THAT(text, HasSubstr("450 more"));
  records.back().data.back() ^= 1;
  EXPECT_NE(Over(records).Describe(), text);
}

}  // namespace
}  // namespace postern
