// tests/plugins/webpki/webpki_source_test.cc
//
// The source speaks at `verify`, `secure` and `hosted`; what it can't read
// condemns the host, and never widens what is trusted.
#include "plugins/webpki/webpki_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "tests/testlib/certificates.h"

namespace postern {
namespace {

using State = Contribution::State;

const Deadline kDeadline = Deadline::After(std::chrono::minutes(1));
const TimePoint kToday{std::chrono::hours(500'000)};

class WebpkiSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "postern-webpki-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    roots_ = Write("roots.pem", root_.certificate.pem());
    source_ = MakeWebpkiSource(roots_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
    return path;
  }

  Contribution Ask(const std::string& line, std::vector<Anchor> anchors = {}) {
    const Domain domain = Domain::Parse("example.org").value();
    const Destination destination{
        .recipient = domain,
        .next_hop = NextHop::ForDomain(domain),
        .policy = {.line = ParsePolicyLine("example.org " + line).value(),
                   .origin = "exact",
                   .pins = {},
                   .anchors = std::move(anchors),
                   .valid_until = {}},
        .own_mx = true};
    const HostFacts mx{.host = Domain::Parse("mx.example.net").value(),
                       .port = {},
                       .mx = Security::kInsecure,
                       .address = Security::kInsecure,
                       .ips = {},
                       .expanded = {},
                       .preference = 0,
                       .failure = {}};
    const auto bound = source_->ForDestination(destination, kDeadline);
    return bound.value()->ForHost(mx, kDeadline);
  }

  Finding Check(const Contribution& answer, const CertificateSpec& spec) {
    if (answer.verifier == nullptr) {
      return Finding::Undecided(Error(answer.reason, answer.detail));
    }
    return answer.verifier->Check(TlsEvidence({root_.Issue(spec).der}), kToday);
  }

  static CertificateSpec CommonNameOnly(const char* name) {
    CertificateSpec spec = ForHost(name);
    spec.dns_names.clear();
    return spec;
  }

  const TestAuthority root_ = TestAuthority::Make("Root");
  std::string directory_, roots_;
  std::unique_ptr<PolicySource> source_;
};

TEST_F(WebpkiSourceTest, SpeaksAtItsLevelsOnly) {
  for (const char* line : {"verify", "secure", "hosted", "auto floor=secure"}) {
    EXPECT_EQ(Ask(line).state, State::kApplies) << line;
  }
  for (const char* line : {"none", "may", "encrypt", "fingerprint", "auto"}) {
    EXPECT_EQ(Ask(line).state, State::kAbsent) << line;
  }
}

TEST_F(WebpkiSourceTest, EachLevelExpectsItsOwnNames) {
  const CertificateSpec host = ForHost("mx.example.net");
  const CertificateSpec domain = ForHost("example.org");
  const CertificateSpec below = ForHost("mx.example.org");
  const Finding by_host = Check(Ask("verify"), host);
  EXPECT_TRUE(by_host.satisfied()) << by_host.detail();
  EXPECT_TRUE(by_host.noteworthy()) << "the name came from unsigned DNS";
  EXPECT_FALSE(Check(Ask("verify"), domain).satisfied());
  EXPECT_FALSE(Check(Ask("secure"), host).satisfied());
  EXPECT_TRUE(Check(Ask("secure"), domain).satisfied());
  EXPECT_TRUE(Check(Ask("secure"), below).satisfied());
  EXPECT_TRUE(Check(Ask("hosted"), domain).satisfied());
  EXPECT_TRUE(Check(Ask("secure match=mx.example.net"), host).satisfied());
}

TEST_F(WebpkiSourceTest, TheCommonNameCountsAsTheLineSays) {
  const CertificateSpec only_cn = CommonNameOnly("example.org");
  CertificateSpec beside = ForHost("other.example");
  beside.common_name = "example.org";
  EXPECT_EQ(Check(Ask("secure"), only_cn).reason(),
            Reason::kCertificateCommonNameOnly);
  EXPECT_TRUE(Check(Ask("secure cn=no-san"), only_cn).satisfied());
  EXPECT_FALSE(Check(Ask("secure cn=no-san"), beside).satisfied());
  EXPECT_TRUE(Check(Ask("secure cn=always"), beside).satisfied());
  EXPECT_TRUE(Check(Ask("hosted"), only_cn).satisfied());
  EXPECT_FALSE(Check(Ask("hosted"), beside).satisfied());
}

TEST_F(WebpkiSourceTest, ATrustStoreThatCannotBeReadCondemnsTheHost) {
  const std::string damaged = Write("damaged.pem", "damaged");
  for (const std::string& ca : {directory_ + "/missing", damaged, directory_,
                                std::string("anchor:unknown")}) {
    const Contribution answer = Ask("secure ca=" + ca);
    EXPECT_EQ(answer.state, State::kHostFailed) << ca;
    EXPECT_EQ(answer.reason, Reason::kTrustStoreUnavailable);
    EXPECT_EQ(answer.verifier, nullptr);
  }
  source_ = MakeWebpkiSource(directory_ + "/missing");
  EXPECT_EQ(Ask("secure").state, State::kHostFailed);
  EXPECT_EQ(Ask("secure ca=" + roots_).state, State::kApplies);
}

TEST_F(WebpkiSourceTest, CaReplacesTheSystemsTrust) {
  const TestAuthority other = TestAuthority::Make("Other");
  const std::string path = Write("other.pem", other.certificate.pem());
  EXPECT_TRUE(Check(Ask("secure"), ForHost("example.org")).satisfied());
  EXPECT_EQ(Check(Ask("secure ca=" + path), ForHost("example.org")).reason(),
            Reason::kCertificateChainIncomplete);
}

TEST_F(WebpkiSourceTest, AStoredAnchorIsTrustedForItsLine) {
  Anchor anchor;
  anchor.name = "partner";
  anchor.certificate.assign(root_.certificate.der.begin(),
                            root_.certificate.der.end());
  source_ = MakeWebpkiSource(directory_ + "/missing");
  EXPECT_TRUE(
      Check(Ask("secure ca=anchor:partner", {anchor}), ForHost("example.org"))
          .satisfied());
  anchor.certificate = "damaged";
  EXPECT_EQ(Ask("secure ca=anchor:partner", {anchor}).reason,
            Reason::kTrustStoreUnavailable);
}

TEST_F(WebpkiSourceTest, RevocationIsLookedAtWhereTheLineNamesAList) {
  const TestCertificate leaf = root_.Issue(ForHost("example.org"));
  CrlSpec spec;
  spec.revoked = {leaf.der};
  const std::string path = Write("crl.pem", MakeCrl(root_.certificate, spec));
  const Contribution answer = Ask("secure crl=" + path);
  ASSERT_EQ(answer.state, State::kApplies);
  EXPECT_EQ(answer.verifier->Check(TlsEvidence({leaf.der}), kToday).reason(),
            Reason::kCertificateRevoked);
  EXPECT_TRUE(Check(answer, ForHost("example.org")).satisfied());
  EXPECT_EQ(Ask("secure crl=" + directory_ + "/missing").reason,
            Reason::kCrlUnavailable);
}

TEST_F(WebpkiSourceTest, ARenewedTrustStoreBitesAtTheNextPlan) {
  EXPECT_TRUE(Check(Ask("secure"), ForHost("example.org")).satisfied());
  Write("roots.pem", TestAuthority::Make("Other").certificate.pem());
  EXPECT_FALSE(Check(Ask("secure"), ForHost("example.org")).satisfied());
}

}  // namespace
}  // namespace postern
