// tests/core/x509/certificate_test.cc
//
// A certificate says what stands in it, once and exactly; what is not one is
// refused; what a stranger wrote into it reaches no log unescaped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "core/x509/certificate_chain.h"
#include "core/x509/certificate_details.h"
#include "tests/testlib/certificates.h"

namespace postern {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(CertificateTest, SaysWhatStandsInIt) {
  CertificateSpec spec = ForHost("mx.example.org");
  spec.dns_names = {"mx.example.org", "*.example.net"};
  spec.ip_addresses = {"192.0.2.1", "2001:db8::1"};
  spec.serial = "0A1B";
  const TestKey key = TestKey::Generate();
  const TestCertificate made = MakeSelfSigned(spec, key);

  const auto certificate = Certificate::Parse(made.der);

  ASSERT_TRUE(certificate) << certificate.error().ToString();
  EXPECT_EQ(certificate->der(), made.der);
  EXPECT_THAT(certificate->dns_names(),
              ElementsAre("mx.example.org", "*.example.net"));
  ASSERT_EQ(certificate->ip_addresses().size(), 2u);
  EXPECT_EQ(certificate->ip_addresses()[0], std::string("\xC0\x00\x02\x01", 4));
  EXPECT_THAT(certificate->common_names(), ElementsAre("mx.example.org"));
  EXPECT_EQ(certificate->subject(), "CN=mx.example.org");
  EXPECT_EQ(certificate->serial(), "0a1b");
  EXPECT_EQ(certificate->key_description(), "EC P-256");
  EXPECT_EQ(certificate->key_bits(), 256);
  EXPECT_EQ(FormatTime(certificate->not_before()), "2020-01-01T00:00:00Z");
  EXPECT_EQ(FormatTime(certificate->not_after()), "2060-01-01T00:00:00Z");
  EXPECT_TRUE(certificate->self_issued());
  EXPECT_EQ(*certificate->SpkiDigest(DigestAlgorithm::kSha256),
            key.spki_hash());
}

TEST(CertificateTest, TheDigestOfTheKeyOutlivesTheCertificate) {
  const TestKey key = TestKey::Generate();
  const auto first =
      Certificate::Parse(MakeSelfSigned(ForHost("a.example"), key).der);
  const auto second =
      Certificate::Parse(MakeSelfSigned(ForHost("b.example"), key).der);
  ASSERT_TRUE(first && second);
  for (const auto algorithm :
       {DigestAlgorithm::kSha256, DigestAlgorithm::kSha512,
        DigestAlgorithm::kSha1, DigestAlgorithm::kMd5}) {
    SCOPED_TRACE(ToString(algorithm));
    EXPECT_EQ(*first->SpkiDigest(algorithm), *second->SpkiDigest(algorithm));
    EXPECT_EQ(first->SpkiDigest(algorithm)->size(), DigestLength(algorithm));
    EXPECT_NE(*first->Fingerprint(algorithm), *second->Fingerprint(algorithm));
  }
}

TEST(CertificateTest, RefusesWhatIsNotExactlyOneCertificate) {
  const DerCertificate good = MakeSelfSigned(ForHost("a.example")).der;
  DerCertificate twice = good;
  twice.insert(twice.end(), good.begin(), good.end());
  // The outer length in indefinite form: BER, and no DER.
  DerCertificate ber = {0x30, 0x80};
  ber.insert(ber.end(), good.begin() + 4, good.end());
  ber.insert(ber.end(), {0, 0});
  ASSERT_EQ(good[1], 0x82) << "the header has four octets";
  const struct {
    const char* what;
    DerCertificate der;
  } cases[] = {{"nothing", {}},
               {"truncated", Truncated(good)},
               {"a stray byte", Padded(good)},
               {"two", twice},
               {"not DER", ber},
               {"noise", {0x30, 0x03, 0x02, 0x01, 0x00}}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    const auto certificate = Certificate::Parse(c.der);
    ASSERT_FALSE(certificate);
    EXPECT_EQ(certificate.error().reason(), Reason::kCertificateMalformed);
  }
}

TEST(CertificateTest, SaysWhyItDoesNotParse) {
  const DerCertificate good = MakeSelfSigned(ForHost("a.example")).der;
  EXPECT_THAT(Certificate::Parse(Padded(good)).error().detail(),
              HasSubstr("stray bytes"));
  EXPECT_THAT(Certificate::Parse(Truncated(good)).error().detail(),
              HasSubstr("does not parse"));
}

TEST(CertificateTest, WhatAStrangerWroteReachesNoLogUnescaped) {
  CertificateSpec spec;
  spec.common_name = "evil\n2026 postern: verdict=pass \x1b[31m";
  const auto certificate = Certificate::Parse(MakeSelfSigned(spec).der);
  ASSERT_TRUE(certificate);
  EXPECT_THAT(certificate->subject(), Not(HasSubstr("\n")));
  EXPECT_THAT(certificate->subject(), Not(HasSubstr("\x1b")));
  EXPECT_LE(certificate->subject().size(), 256u);
}

TEST(CertificateTest, ADateBeyondTheClockIsTheClocksEnd) {
  // "no well-defined expiry", RFC 5280 section 4.1.2.5: long past 2262.
  DerCertificate der = MakeSelfSigned(ForHost("a.example")).der;
  const std::string from = "20600101000000Z";
  const std::string to = "99991231235959Z";
  const auto at = std::search(der.begin(), der.end(), from.begin(), from.end());
  ASSERT_NE(at, der.end());
  std::copy(to.begin(), to.end(), at);
  const auto certificate = Certificate::Parse(der);
  ASSERT_TRUE(certificate);
  EXPECT_EQ(certificate->not_after(), TimePoint::max());
}

TEST(ChainTest, NamesThePlaceOfWhatDoesNotParse) {
  const DerCertificate good = MakeSelfSigned(ForHost("a.example")).der;
  EXPECT_EQ(ParseChain({}).error().reason(), Reason::kCertificateMissing);
  const auto chain = ParseChain({good, Truncated(good)});
  ASSERT_FALSE(chain);
  EXPECT_EQ(chain.error().reason(), Reason::kCertificateMalformed);
  EXPECT_THAT(chain.error().detail(), HasSubstr("certificate 1"));
}

TEST(ChainTest, ParsesOnceForAllCopiesAndThreads) {
  const DerCertificate good = MakeSelfSigned(ForHost("a.example")).der;
  CertificateChain chain({good, good});
  const CertificateChain copy = std::move(chain);
  std::vector<const Certificate*> seen(4);
  std::vector<std::thread> threads;
  for (const Certificate*& leaf : seen) {
    threads.emplace_back([&copy, &leaf] { leaf = &*copy.Leaf(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const Certificate* leaf : seen) EXPECT_EQ(leaf, &*chain.Leaf());

  ASSERT_TRUE(chain.Certificates());
  EXPECT_EQ(&chain.Certificates()->front().details(), &chain.Leaf()->details());
  EXPECT_EQ(&*chain.Certificates(), &*copy.Certificates());
}

TEST(ChainTest, SaysOfABrokenLeafWhatParsingSays) {
  const DerCertificate good = MakeSelfSigned(ForHost("a.example")).der;
  const CertificateChain none;
  EXPECT_EQ(none.Leaf().error().reason(), Reason::kCertificateMissing);
  EXPECT_EQ(none.Certificates().error().reason(), Reason::kCertificateMissing);

  const CertificateChain broken({Truncated(good), good});
  EXPECT_EQ(broken.Leaf().error().reason(), Reason::kCertificateMalformed);
  EXPECT_THAT(broken.Certificates().error().detail(),
              HasSubstr("certificate 0"));

  const CertificateChain long_one(
      std::vector<DerCertificate>(kMaxChainCertificates + 1, good));
  EXPECT_TRUE(long_one.Leaf());
  EXPECT_EQ(long_one.Certificates().error().reason(),
            Reason::kCertificatePathTooCostly);
}

TEST(PemTest, ReadsEveryCertificateAndPassesOverTheRest) {
  const TestCertificate a = MakeSelfSigned(ForHost("a.example"));
  const TestCertificate b = MakeSelfSigned(ForHost("b.example"));
  const auto read = ReadPemCertificates(
      "a comment\n" + a.pem() + a.key.private_pem() + "more\n" + b.pem());
  ASSERT_TRUE(read) << read.error().ToString();
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[1].der(), b.der);
}

TEST(PemTest, RefusesWhatItCannotReadInFull) {
  const TestCertificate a = MakeSelfSigned(ForHost("a.example"));
  const std::string good = a.pem();
  const std::string cut = good.substr(0, good.size() / 2);
  std::string broken = good;
  broken[60] = '*';
  for (const std::string& pem :
       {std::string(), std::string("no certificate"), a.key.private_pem(), cut,
        good + cut, broken, ToPem(Padded(a.der))}) {
    const auto read = ReadPemCertificates(pem);
    ASSERT_FALSE(read) << pem;
    EXPECT_EQ(read.error().reason(), Reason::kCertificateMalformed);
  }
}

TEST(CertificateTest,
     KeepsADefectBesideTheCertificateSoThatItCanStillBePinned) {
  CertificateSpec spec = ForHost("a.example");
  spec.extensions = {{"subjectAltName", "DER:04:03:61:62:63"}};
  const auto certificate = Certificate::Parse(MakeSelfSigned(spec).der);
  ASSERT_TRUE(certificate);
  EXPECT_THAT(certificate->details().defect, HasSubstr("subjectAltName"));
  EXPECT_TRUE(certificate->dns_names().empty());
}

}  // namespace
}  // namespace postern
