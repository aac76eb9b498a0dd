// tests/core/x509/public_key_test.cc
//
// An authority of which there is only a key: it ends a path at what it signed,
// and at nothing else.
#include "core/x509/public_key.h"

#include <gtest/gtest.h>

#include "core/x509/path_validator.h"
#include "tests/testlib/certificates.h"

namespace postern {
namespace {

Certificate CertificateOf(const TestCertificate& certificate) {
  return Certificate::Parse(certificate.der).value();
}

PathResult Validate(const Certificate& leaf, const PublicKey& key,
                    const CrlSet* crls = nullptr) {
  PathRequest request;
  request.chain = {&leaf, 1};
  request.keys = {&key, 1};
  request.crls = crls;
  request.at = TimePoint(std::chrono::hours(500'000));
  return ValidatePath(request);
}

TEST(PublicKeyTest, IsExactlyOneKey) {
  const std::string spki =
      CertificateOf(MakeSelfSigned(ForHost("a.example"))).spki();
  const auto key = PublicKey::Parse(spki);
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->der(), spki);
  EXPECT_EQ(key->description(), "EC P-256");
  EXPECT_FALSE(key->unfit());
  for (const std::string& bad :
       {std::string(), spki + "x", spki.substr(1), std::string("no key")}) {
    EXPECT_FALSE(PublicKey::Parse(bad).ok());
  }
}

TEST(PublicKeyTest, EndsAPathAtWhatItSigned) {
  const TestAuthority ca = TestAuthority::Make("CA");
  const Certificate leaf = CertificateOf(ca.Issue(ForHost("mx.example.org")));
  const auto key = PublicKey::Parse(CertificateOf(ca.certificate).spki());
  const PathResult good = Validate(leaf, *key);
  ASSERT_TRUE(good.accepted()) << good.fault->detail;
  EXPECT_EQ(good.key->der(), key->der());
  EXPECT_EQ(good.path.size(), 1U);
  EXPECT_TRUE(ToFinding(good).satisfied());

  const auto other = PublicKey::Parse(leaf.spki());
  const PathResult bad = Validate(leaf, *other);
  ASSERT_FALSE(bad.accepted());
  EXPECT_EQ(bad.fault->reason, Reason::kCertificateChainIncomplete);
}

TEST(PublicKeyTest, AKeyOfAKindThatIsNotAcceptedVouchesForNothing) {
  const TestAuthority ca{
      MakeSelfSigned(ForAuthority("CA"), TestKey::Ec("prime192v1"))};
  const Certificate leaf = CertificateOf(ca.Issue(ForHost("mx.example.org")));
  const auto key = PublicKey::Parse(CertificateOf(ca.certificate).spki());
  ASSERT_TRUE(key.ok());
  EXPECT_TRUE(key->unfit());
  EXPECT_FALSE(Validate(leaf, *key).accepted());
}

// Nobody could say whose list would count.
TEST(PublicKeyTest, RevocationListsAreNotPassedOver) {
  const TestAuthority ca = TestAuthority::Make("CA");
  const Certificate leaf = CertificateOf(ca.Issue(ForHost("mx.example.org")));
  const auto key = PublicKey::Parse(CertificateOf(ca.certificate).spki());
  const auto crls = CrlSet::FromPem(MakeCrl(ca.certificate, {}));
  ASSERT_TRUE(crls.ok());
  EXPECT_FALSE(Validate(leaf, *key, crls->get()).accepted());
}

}  // namespace
}  // namespace postern
