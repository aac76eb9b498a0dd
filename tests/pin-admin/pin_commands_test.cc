// tests/pin-admin/pin_commands_test.cc
//
// Pins and anchors through the real binary: every notation of a digest is the
// same pin, a pin that nothing would use is refused, and no message tells
// anyone to add a key without comparing it first.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/x509/digest.h"
#include "pin-admin/value_text.h"
#include "tests/pin-admin/run_pin_admin.h"
#include "tests/testlib/certificates.h"

namespace postern {
namespace {

using testing::HasSubstr;
using testing::Not;

class PinCommandsTest : public testing::Test {
 protected:
  void SetUp() override {
    store_.Good({"init"});
    store_.Good({"policy", "set", "bank.example", "fingerprint"});
  }

  Json Pin(std::size_t number) {
    const Json pins = store_.GoodJson({"pin", "list"});
    EXPECT_GT(pins["pins"].size(), number);
    return (*pins["pins"].array())[number];
  }

  const TestStore store_;
  const TestKey key_ = TestKey::Generate();
  const TestCertificate certificate_ =
      MakeSelfSigned(ForHost("mx.bank.example"), key_);
};

TEST_F(PinCommandsTest, TakesADigestInAnyNotation) {
  const std::string hex = ToHex(key_.spki_hash());
  std::string colons, upper;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    colons += (i == 0 ? "" : ":") + hex.substr(i, 2);
  }
  for (const char c : hex) {
    upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  for (const std::string& text : {hex, colons, upper, "sha256:" + hex}) {
    SCOPED_TRACE(text);
    store_.Good({"pin", "add", "bank.example", "--digest", text});
    EXPECT_EQ(Pin(0)["digest"].text(), hex);
    EXPECT_EQ(Pin(0)["kind"].text(), "spki");
    EXPECT_EQ(Pin(0)["role"].text(), "active");
    store_.Good({"pin", "remove", "bank.example", hex.substr(0, 8)});
  }
}

TEST_F(PinCommandsTest, TakesTheKeyOutOfACertificateFile) {
  const std::string file = store_.Write("next.pem", certificate_.pem());
  const Json done =
      store_.GoodJson({"pin", "add", "bank.example", "--from-file", file,
                       "--role", "backup", "--label", "mx 2027"});
  EXPECT_EQ(done["certificate"]["spki_sha256"].text(), ToHex(key_.spki_hash()));
  EXPECT_EQ(Pin(0)["digest"].text(), ToHex(key_.spki_hash()));
  EXPECT_EQ(Pin(0)["role"].text(), "backup");
  EXPECT_EQ(Pin(0)["label"].text(), "mx 2027");

  const std::string der(certificate_.der.begin(), certificate_.der.end());
  const std::string binary = store_.Write("next.der", der);
  store_.Good(
      {"pin", "add", "bank.example", "--from-file", binary, "--kind", "cert"});
  EXPECT_EQ(store_.GoodJson({"pin", "list", "bank.example"})["pins"].size(),
            2u);
}

TEST_F(PinCommandsTest, RefusesAFileThatIsNoCertificate) {
  for (const std::string& text :
       {std::string("hello"), std::string(""),
        certificate_.pem().substr(0, 200), key_.private_pem()}) {
    const std::string file = store_.Write("bad.pem", text);
    const Ran ran =
        store_.Run({"pin", "add", "bank.example", "--from-file", file});
    EXPECT_EQ(ran.status, 2) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("bad.pem"));
  }
}

TEST_F(PinCommandsTest, APinThatNoLineUsesIsRefusedWithTheLineToAdd) {
  const Ran ran = store_.Run(
      {"pin", "add", "other.example", "--digest", std::string(64, 'a')});
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("other.example fingerprint"));
  EXPECT_EQ(store_.GoodJson({"pin", "list"})["pins"].size(), 0u);
}

TEST_F(PinCommandsTest, RotationGoesOverTheBackup) {
  store_.Good({"pin", "add", "bank.example", "--digest", std::string(64, 'a'),
               "--label", "old"});
  store_.Good({"pin", "add", "bank.example", "--digest", std::string(64, 'b'),
               "--label", "new", "--role", "backup"});
  EXPECT_EQ(store_.Run({"pin", "promote", "bank.example", "old"}).status, 1);
  store_.Good({"pin", "promote", "bank.example", "new"});
  store_.Good({"pin", "remove", "bank.example", "old"});
  EXPECT_EQ(Pin(0)["label"].text(), "new");
  EXPECT_EQ(Pin(0)["role"].text(), "active");
}

TEST_F(PinCommandsTest, OpensslsFingerprintIsPinnedAsTheCertificateItIsOf) {
  const std::string text = "sha256 Fingerprint=" + std::string(64, 'a');
  const Ran key = store_.Run(
      {"pin", "add", "bank.example", "--digest", text, "--kind", "spki"});
  EXPECT_EQ(key.status, 2);
  EXPECT_THAT(key.err, HasSubstr("--kind cert"));
  const Ran ran = store_.Good({"pin", "add", "bank.example", "--digest", text});
  EXPECT_THAT(ran.err, HasSubstr("kind cert"));
  const Json list = store_.GoodJson({"pin", "list"});
  ASSERT_EQ(list["pins"].size(), 1u);
  EXPECT_EQ((*list["pins"].array())[0]["kind"].text(), "cert");
}

TEST_F(PinCommandsTest, PeopleReadSentencesAndMachinesTheWhole) {
  const std::string digest(64, 'a');
  const std::string added =
      store_
          .Good({"pin", "add", "bank.example", "--digest", digest, "--label",
                 "mx 2026", "--valid-until", "2099-01-01"})
          .out;
  EXPECT_THAT(added, HasSubstr("+ pin of bank.example: key sha256 "
                               "aaaaaaaaaaaaaaaa…, active, until 2099-01-01"));
  EXPECT_THAT(added, HasSubstr("'mx 2026'"));
  const std::string anchored =
      store_
          .Good({"anchor", "add", "partner-ca",
                 store_.Write("ca.pem", certificate_.pem())})
          .out;
  EXPECT_THAT(anchored, HasSubstr("+ anchor partner-ca: certificate sha256 "));
  const Ran removed =
      store_.Good({"pin", "remove", "bank.example", "aaaaaaaaaaaaaaaa…"});
  EXPECT_THAT(removed.out, HasSubstr("- pin of bank.example: key sha256 "));
  const std::string audit = store_.Good({"audit"}).out;
  for (const std::string& text : {added, removed.out, audit}) {
    EXPECT_THAT(text, Not(HasSubstr(digest)));
    EXPECT_THAT(text, Not(HasSubstr("{")));
  }
  const Json json = store_.GoodJson({"audit"});
  EXPECT_THAT(std::string((*json["history"].array())[0]["before"].text()),
              HasSubstr(digest));
}

TEST_F(PinCommandsTest, AnUnclearNameOfAPinIsAnsweredWithThoseThereAre) {
  store_.Good({"pin", "add", "bank.example", "--digest",
               "aaaaaaaa" + std::string(56, 'b'), "--label", "one"});
  store_.Good({"pin", "add", "bank.example", "--digest",
               "aaaaaaaa" + std::string(56, 'c'), "--label", "two"});
  // Two are meant by the first; the others are a "no", as of any other absent
  // thing.
  const std::pair<const char*, int> cases[] = {
      {"aaaaaaaa", 2}, {"aaaaaaa", 1}, {"three", 1}};
  for (const auto& [which, status] : cases) {
    SCOPED_TRACE(which);
    for (const char* verb : {"remove", "promote"}) {
      const Ran ran = store_.Run({"pin", verb, "bank.example", which});
      EXPECT_EQ(ran.status, status) << ran.err;
      EXPECT_THAT(ran.err, HasSubstr("'one'"));
    }
  }
  const Ran none = store_.Run({"pin", "remove", "clinic.example", "one"});
  EXPECT_EQ(none.status, 1) << none.err;
  EXPECT_THAT(none.err, HasSubstr("no pins for this key"));
  EXPECT_EQ(store_.GoodJson({"pin", "list"})["pins"].size(), 2u);
}

TEST_F(PinCommandsTest, TimesAreKeptAndChecked) {
  store_.Good({"pin", "add", "bank.example", "--digest", std::string(64, 'a'),
               "--valid-until", "2050-01-31"});
  EXPECT_EQ(Pin(0)["valid_until"].text(), "2050-01-31T00:00:00Z");
  for (const std::vector<std::string>& times :
       std::vector<std::vector<std::string>>{
           {"--valid-until", "2020-01-01"},
           {"--valid-until", "soon"},
           {"--valid-from", "2051-01-01", "--valid-until", "2050-01-01"}}) {
    std::vector<std::string> words{"pin", "add", "bank.example", "--digest",
                                   std::string(64, 'c')};
    words.insert(words.end(), times.begin(), times.end());
    EXPECT_EQ(store_.Run(words).status, 2) << times[1];
  }
}

TEST_F(PinCommandsTest, DryRunWritesNothing) {
  store_.Good({"pin", "add", "bank.example", "--digest", std::string(64, 'a'),
               "--role", "backup"});
  const std::string ca =
      store_.Write("ca.pem", MakeSelfSigned(ForAuthority("Test CA")).pem());
  store_.Good({"anchor", "add", "ca", ca});
  const std::string before = store_.Content();
  store_.Good({"pin", "add", "bank.example", "--digest", std::string(64, 'b'),
               "--dry-run"});
  store_.Good({"pin", "promote", "bank.example", "aaaaaaaa", "--dry-run"});
  store_.Good({"pin", "remove", "bank.example", "aaaaaaaa", "--dry-run"});
  store_.Good({"anchor", "remove", "ca", "--dry-run"});
  store_.Good({"anchor", "add", "ca2", ca, "--dry-run"});
  EXPECT_EQ(store_.Content(), before);
}

TEST_F(PinCommandsTest, NoMessageSaysAddWithoutCompare) {
  const Ran set = store_.Good({"policy", "set", "new.example", "fingerprint"});
  EXPECT_THAT(set.out, HasSubstr("confirmed"));
  const Ran help = RunBinary({"pin", "add", "--help"});
  EXPECT_THAT(help.out, HasSubstr("Compare the digest"));
  const Ran live = store_.Run({"pin", "add", "bank.example", "--from-live"});
  EXPECT_EQ(live.status, 2);
  EXPECT_THAT(live.err, HasSubstr("compare"));
}

TEST_F(PinCommandsTest, AnchorsAreUsedByLines) {
  const TestCertificate ca = MakeSelfSigned(ForAuthority("Partner CA"));
  const std::string file = store_.Write("ca.pem", ca.pem());
  const Json done = store_.GoodJson({"anchor", "add", "partner-ca", file});
  EXPECT_THAT(std::string(done["certificate"]["subject"].text()),
              HasSubstr("Partner CA"));
  const Json list = store_.GoodJson({"anchor", "list"});
  ASSERT_EQ(list["anchors"].size(), 1u);
  const Json& anchor = (*list["anchors"].array())[0];
  EXPECT_EQ(anchor["name"].text(), "partner-ca");
  EXPECT_EQ(anchor["cert_sha256"].text().size(), 64u);

  store_.Good(
      {"policy", "set", "partner.example", "secure", "ca=anchor:partner-ca"});
  EXPECT_EQ(store_.Run({"anchor", "remove", "partner-ca"}).status, 1);
  store_.Good({"policy", "remove", "partner.example"});
  store_.Good({"anchor", "remove", "partner-ca"});
  EXPECT_EQ(store_.Run({"anchor", "remove", "partner-ca"}).status, 1);
}

TEST_F(PinCommandsTest, ALineWithAnUnknownAnchorIsRefused) {
  const Ran ran = store_.Run(
      {"policy", "set", "partner.example", "secure", "ca=anchor:nobody"});
  EXPECT_EQ(ran.status, 1) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("nobody"));
}

}  // namespace
}  // namespace postern
