// tests/pin-admin/upgrade_test.cc
//
// pin upgrade against servers in this process: the old digest has to match the
// certificate that is really shown, or the pin stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/x509/certificate.h"
#include "tests/pin-admin/run_pin_admin.h"
#include "tests/testlib/scripted_smtp_server.h"

namespace postern {
namespace {

using testing::HasSubstr;

class UpgradeTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(store_.path("trust"));
    store_.Good({"init"});
  }

  static std::string HopOf(const ScriptedSmtpServer& server) {
    return "[127.0.0.1]:" + std::to_string(server.port().value);
  }
  static ServerBehaviour Showing(const TestCertificate& certificate) {
    ServerBehaviour behaviour;
    behaviour.tls = Presenting(certificate);
    return behaviour;
  }
  std::string Fingerprint(DigestAlgorithm algorithm) const {
    return ToHex(*Certificate::Parse(certificate_.der)->Fingerprint(algorithm));
  }
  std::string KeyDigest(DigestAlgorithm algorithm) const {
    return ToHex(*Certificate::Parse(certificate_.der)->SpkiDigest(algorithm));
  }
  // A line and a pin of the server's, as an import would have left them.
  void Pin(const std::string& key, const std::string& words) {
    const std::string file = store_.Write(
        "policy.txt", store_.Good({"policy", "list", "--lines"}).out + key +
                          " fingerprint\n    pin " + words + "\n");
    store_.Good({"policy", "apply", file, "--yes", "--allow-weak"});
  }
  std::string Pins() { return store_.Good({"policy", "list", "--lines"}).out; }

  TestStore store_;
  const TestKey key_ = TestKey::Generate();
  const TestCertificate certificate_ = MakeSelfSigned(ForHost("mx.test"), key_);
};

TEST_F(UpgradeTest, ReplacesWhatTheLiveCertificateMatches) {
  for (const std::string& words :
       {"any md5:" + Fingerprint(DigestAlgorithm::kMd5),
        "any sha1:" + KeyDigest(DigestAlgorithm::kSha1),
        "cert sha1:" + Fingerprint(DigestAlgorithm::kSha1),
        "spki md5:" + KeyDigest(DigestAlgorithm::kMd5)}) {
    SCOPED_TRACE(words);
    ScriptedSmtpServer server(Ordinary(Showing(certificate_)));
    const std::string hop = HopOf(server);
    Pin(hop, words + " role=backup label=\"mx 2019\"");
    const Ran check = store_.Run({"check", hop});
    EXPECT_EQ(check.status, 3) << check.out;
    EXPECT_THAT(check.out, HasSubstr("pin-admin pin upgrade " + hop));
    const std::string before = store_.Content();
    const Json dry = store_.GoodJson({"pin", "upgrade", hop, "--dry-run"});
    EXPECT_EQ(dry["upgraded"].size(), 1u);
    EXPECT_EQ(store_.Content(), before);
    EXPECT_EQ(store_.Run({"pin", "upgrade", hop}).status, 2);
    EXPECT_EQ(store_.OnTerminal({"pin", "upgrade", hop}, "no\n").status, 1);
    EXPECT_EQ(store_.Content(), before);

    store_.Good({"pin", "upgrade", hop, "--yes"});
    EXPECT_THAT(Pins(), HasSubstr(hop + " fingerprint\n    pin spki sha256:" +
                                  ToHex(key_.spki_hash()) +
                                  " role=backup label=\"mx 2019\"\n"));
    for (const ConnectionRecord& record : server.Records()) {
      EXPECT_FALSE(record.Saw("MAIL"));
    }
    store_.Good({"pin", "upgrade", hop, "--yes"});  // nothing left
  }
}

TEST_F(UpgradeTest, LeavesAPinThatTheServerDoesNotMatch) {
  const TestCertificate other = MakeSelfSigned(ForHost("mx.test"));
  ScriptedSmtpServer server(Ordinary(Showing(other)));
  const std::string hop = HopOf(server);
  Pin(hop, "any sha1:" + Fingerprint(DigestAlgorithm::kSha1));
  const std::string before = store_.Content();
  const Ran ran = store_.Run({"pin", "upgrade", hop, "--yes"});
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("compare the new one with its owner"));
  EXPECT_EQ(store_.Content(), before);
}

TEST_F(UpgradeTest, AKindThatLooksElsewhereDoesNotMatch) {
  ScriptedSmtpServer server(Ordinary(Showing(certificate_)));
  const std::string hop = HopOf(server);
  // The certificate's digest where the key's should be, and the other way.
  Pin(hop, "spki sha1:" + Fingerprint(DigestAlgorithm::kSha1) +
               "\n    pin cert sha1:" + KeyDigest(DigestAlgorithm::kSha1));
  const std::string before = store_.Content();
  EXPECT_EQ(store_.Run({"pin", "upgrade", hop, "--yes"}).status, 1);
  EXPECT_EQ(store_.Content(), before);
}

TEST_F(UpgradeTest, NobodyThereIsNotFoundOut) {
  std::string hop;
  {
    ScriptedSmtpServer server(Ordinary(Showing(certificate_)));
    hop = HopOf(server);
  }
  Pin(hop, "any sha1:" + Fingerprint(DigestAlgorithm::kSha1));
  const std::string before = store_.Content();
  const Ran ran = store_.Run({"pin", "upgrade", "--all", "--yes"});
  EXPECT_EQ(ran.status, 4) << ran.out << ran.err;
  EXPECT_EQ(store_.Content(), before);
}

TEST_F(UpgradeTest, AllTakesWhatMatchesAndTellsOfTheRest) {
  ScriptedSmtpServer good(Ordinary(Showing(certificate_)));
  ScriptedSmtpServer changed(
      Ordinary(Showing(MakeSelfSigned(ForHost("mx.test")))));
  const std::string md5 = "any md5:" + Fingerprint(DigestAlgorithm::kMd5);
  // Two old digests of one key become one pin.
  Pin(HopOf(good),
      md5 + "\n    pin any sha1:" + Fingerprint(DigestAlgorithm::kSha1));
  Pin(HopOf(changed), md5);
  Pin(".parent.example", md5);
  const Json done = store_.GoodJson({"pin", "upgrade", "--all", "--yes"});
  EXPECT_EQ(done["upgraded"].size(), 1u);
  EXPECT_EQ(done["kept"].size(), 1u);
  EXPECT_EQ(done["warnings"].size(), 2u);
  EXPECT_EQ(done["changes"].size(), 3u);
  EXPECT_THAT(Pins(), HasSubstr(HopOf(good) + " fingerprint\n    pin spki "
                                              "sha256:"));
  EXPECT_THAT(Pins(), HasSubstr(HopOf(changed) + " fingerprint\n    pin any "
                                                 "md5:"));
}

TEST_F(UpgradeTest, WantsAKeyOrAll) {
  EXPECT_EQ(store_.Run({"pin", "upgrade", "--yes"}).status, 2);
  EXPECT_EQ(
      store_.Run({"pin", "upgrade", "a.example", "--all", "--yes"}).status, 2);
}

}  // namespace
}  // namespace postern
