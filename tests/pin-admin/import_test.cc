// tests/pin-admin/import_test.cc
//
// policy import and pin import through the real binary: shown first, written in
// one commit, nothing left out unless somebody says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "core/x509/digest.h"
#include "pin-admin/postfix_source.h"
#include "tests/pin-admin/run_pin_admin.h"
#include "tests/testlib/certificates.h"

namespace postern {
namespace {

using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

constexpr const char* kGoodTable =
    "bank.example fingerprint match=3F:9A:00:11:22:33:44:55:66:77:88:99:AA:BB:"
    "CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD\n"
    ".partner.example secure match=mx.partner.example\n";

class ImportTest : public testing::Test {
 protected:
  void SetUp() override {
    store_.Good({"init"});
    // Whatever Postfix this machine has: only what a test puts there is asked.
    fs::create_directory(store_.path("bin"));
    Program("postconf", "exit 0\n");
    Program("postmap", "echo 'postmap: fatal: no table' >&2; exit 1\n");
    old_path_ = std::getenv("PATH");
    setenv("PATH", (store_.path("bin") + ":" + old_path_).c_str(), 1);
  }
  void TearDown() override { setenv("PATH", old_path_.c_str(), 1); }

  void Program(const std::string& name, const std::string& text) const {
    store_.Write("bin/" + name, "#!/bin/sh\n" + text);
    fs::permissions(store_.path("bin/" + name), fs::perms(0755));
  }
  std::string LineOf(const std::string& key) const {
    const Json show = store_.GoodJson({"policy", "show", key});
    return std::string(show["line"]["line"].text());
  }

  const TestStore store_;
  std::string old_path_;
};

TEST_F(ImportTest, AddsLinesAndPinsInOneCommit) {
  store_.Good({"policy", "set", "other.example", "verify"});
  store_.Good({"policy", "set", ".partner.example", "encrypt", "owner=sales"});
  const std::string file = store_.Write("tls_policy", kGoodTable);
  const Json done =
      store_.GoodJson({"policy", "import", "postfix", file, "--yes"});
  EXPECT_EQ(done["taken"].integer() ? *done["taken"].integer() : -1, 2);
  EXPECT_EQ(done["changes"].size(), 3u);
  EXPECT_EQ(LineOf("bank.example"), "bank.example fingerprint");
  EXPECT_EQ(LineOf(".partner.example"),
            ".partner.example secure match=mx.partner.example cn=no-san "
            "owner=sales");
  EXPECT_EQ(LineOf("other.example"), "other.example verify");
  const Json pins = store_.GoodJson({"pin", "list", "bank.example"});
  EXPECT_EQ((*pins["pins"].array())[0]["kind"].text(), "any");
  // Again: it is so already.
  EXPECT_EQ(
      store_.GoodJson({"policy", "import", "postfix", file, "--yes"})["changes"]
          .size(),
      0u);
  store_.Good({"policy", "undo"});
  EXPECT_EQ(LineOf(".partner.example"), ".partner.example encrypt owner=sales");
}

TEST_F(ImportTest, DryRunWritesNothingAndWantsALook) {
  const std::string before = store_.Content();
  const std::string good = store_.Write("tls_policy", kGoodTable);
  store_.Good({"policy", "import", "postfix", good, "--dry-run"});
  const std::string bad =
      store_.Write("bad", std::string(kGoodTable) + "typo.example sekure\n");
  const Ran ran =
      store_.Run({"policy", "import", "postfix", bad, "--dry-run", "--json"});
  EXPECT_EQ(ran.status, 3) << ran.err;
  const Json json = ran.json();
  ASSERT_EQ(json["refused"].size(), 1u);
  const Json& refused = (*json["refused"].array())[0];
  EXPECT_EQ(*refused["line"].integer(), 3);
  EXPECT_EQ(refused["subject"].text(), "typo.example");
  EXPECT_EQ(store_.Content(), before);
}

TEST_F(ImportTest, RefusedLinesAreLeftOutOnlyByName) {
  const std::string file = store_.Write(
      "tls_policy", std::string(kGoodTable) + "typo.example sekure\n");
  const std::string before = store_.Content();
  const Ran ran = store_.Run({"policy", "import", "postfix", file, "--yes"});
  EXPECT_EQ(ran.status, 1) << ran.out;
  EXPECT_THAT(ran.err, HasSubstr("line 3, typo.example, is not taken"));
  EXPECT_THAT(ran.err, HasSubstr("--partial"));
  EXPECT_EQ(store_.Content(), before);
  EXPECT_EQ(store_.Run({"policy", "import", "postfix", file}).status, 2);
  EXPECT_EQ(
      store_.OnTerminal({"policy", "import", "postfix", file}, "no\n").status,
      1);
  EXPECT_EQ(store_.Content(), before);
  store_.Good({"policy", "import", "postfix", file, "--yes", "--partial"});
  EXPECT_EQ(LineOf("bank.example"), "bank.example fingerprint");
}

TEST_F(ImportTest, OnATerminalItAsks) {
  const std::string file = store_.Write(
      "tls_policy", std::string(kGoodTable) + "typo.example sekure\n");
  const Ran ran =
      store_.OnTerminal({"policy", "import", "postfix", file}, "yes\n");
  EXPECT_EQ(ran.status, 0) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("leave out 1 line"));
  EXPECT_EQ(LineOf("bank.example"), "bank.example fingerprint");
}

TEST_F(ImportTest, SaysWhatGetsWeaker) {
  store_.Good({"policy", "set", "a.example", "secure"});
  store_.Good({"policy", "set", ".b.example", "verify"});
  Program("postconf", "echo 'smtp_tls_security_level = encrypt'\n");
  const std::string file =
      store_.Write("tls_policy", "a.example may\nx.b.example encrypt\n");
  const Ran ran = store_.Good({"policy", "import", "postfix", file, "--yes"});
  EXPECT_THAT(ran.err, HasSubstr("weaker than before for a.example"));
  EXPECT_THAT(ran.err, HasSubstr("weaker than the line of .b.example"));
  EXPECT_THAT(ran.err, HasSubstr("smtp_tls_security_level = encrypt"));
}

TEST_F(ImportTest, WarnsOfWhatItMakesWait) {
  store_.Run({"policy", "set", "old.example", "dane"});
  const std::string file =
      store_.Write("tls_policy", "old.example dane\nnew.example dane-only\n");
  const Ran ran = store_.Run({"policy", "import", "postfix", file, "--yes",
                              "--set", "verifiers=pin webpki"});
  EXPECT_EQ(ran.status, 3) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("'new.example dane-only' will wait"));
  EXPECT_THAT(ran.err, Not(HasSubstr("old.example")));
  EXPECT_EQ(LineOf("new.example"), "new.example dane-only");
  store_.Good({"policy", "import", "postfix", file, "--yes"});
}

TEST_F(ImportTest, SaysWhichPinsStayBesideThoseOfTheTable) {
  store_.Good({"policy", "set", "bank.example", "fingerprint"});
  store_.Good({"pin", "add", "bank.example", "--digest", std::string(64, 'b')});
  const std::string file = store_.Write("tls_policy", kGoodTable);
  const Ran ran = store_.Good({"policy", "import", "postfix", file, "--yes"});
  EXPECT_THAT(ran.err, HasSubstr("bank.example keeps 1 pins"));
  EXPECT_EQ(store_.GoodJson({"pin", "list"})["pins"].size(), 2u);
}

TEST_F(ImportTest, CompiledTablesAreListedByPostmap) {
  Program("postmap",
          "[ \"$*\" = '-s hash:/etc/postfix/tls_policy' ] || exit 1\n"
          "printf 'bank.example\\tencrypt\\n'\n");
  store_.Good(
      {"policy", "import", "postfix", "hash:/etc/postfix/tls_policy", "--yes"});
  EXPECT_EQ(LineOf("bank.example"), "bank.example encrypt");

  // The compiled file itself, by what it begins with.
  std::string octets(4096, '\0');
  octets.replace(12, 4, "\x61\x15\x06", 4);
  const std::string file = store_.Write("tls_policy.db", octets);
  Program("postmap", "[ \"$*\" = '-s hash:" + store_.path("tls_policy") +
                         "' ] || exit 1\nprintf 'db.example\\tencrypt\\n'\n");
  store_.Good({"policy", "import", "postfix", file, "--yes"});
  EXPECT_EQ(LineOf("db.example"), "db.example encrypt");
}

TEST_F(ImportTest, TheInstanceThatTheEnvironmentNamesIsAsked) {
  Program("postmap",
          "[ \"$*\" = '-c /etc/postfix-out -s hash:/t' ] || exit 1\n"
          "printf 'bank.example\\tencrypt\\n'\n");
  setenv("MAIL_CONFIG", "/etc/postfix-out", 1);
  store_.Good({"policy", "import", "postfix", "hash:/t", "--yes"});
  unsetenv("MAIL_CONFIG");
  EXPECT_EQ(LineOf("bank.example"), "bank.example encrypt");
}

TEST_F(ImportTest, WhatCannotBeReadSaysWhatToGive) {
  const auto refused = [this](const std::string& name) {
    const Ran ran = store_.Run({"policy", "import", "postfix", name, "--yes"});
    EXPECT_EQ(ran.status, 2) << name << ran.out;
    return ran.err;
  };
  EXPECT_THAT(refused("hash:/nowhere"), HasSubstr("no table"));
  EXPECT_THAT(refused("pcre:/etc/postfix/x"), HasSubstr("can't be listed"));
  EXPECT_THAT(refused(store_.Write("blob", std::string("a\0b", 3))),
              HasSubstr("postmap -s"));
  EXPECT_THAT(refused(store_.path("absent")), HasSubstr("absent"));
  const std::string empty = store_.Write("conf", "nothing here\n");
  const std::string table = store_.Write("tls_policy", kGoodTable);
  EXPECT_EQ(store_
                .Run({"policy", "import", "postfix", table, "--yes",
                      "--postconf", empty})
                .status,
            2);
}

TEST_F(ImportTest, AnEmptyFileWasMeantToBeAnother) {
  const std::string empty = store_.Write("nothing", "# no line\n");
  const std::string before = store_.Content();
  const std::vector<std::vector<std::string>> commands{
      {"policy", "import", "postfix", empty, "--yes"},
      {"policy", "import", "cisco", empty, "--yes"},
      {"pin", "import", empty, "--yes"}};
  for (const std::vector<std::string>& words : commands) {
    const Ran ran = store_.Run(words);
    EXPECT_EQ(ran.status, 3) << words[1] << ran.out;
    EXPECT_THAT(ran.err, HasSubstr(empty + " has no line to take over"));
  }
  EXPECT_EQ(store_.Content(), before);
}

TEST_F(ImportTest, TexthashIsItsSource) {
  const std::string file = store_.Write("tls_policy", kGoodTable);
  store_.Good({"policy", "import", "postfix", "texthash:" + file, "--yes"});
  EXPECT_EQ(LineOf("bank.example"), "bank.example fingerprint");
}

TEST(CompiledTableTypeTest, KnowsTheMagicInBothOrders) {
  const auto with = [](std::size_t at, const std::string& magic) {
    std::string octets(64, '\0');
    octets.replace(at, magic.size(), magic);
    return std::string(CompiledTableType(octets));
  };
  EXPECT_EQ(with(12, std::string("\x61\x15\x06\x00", 4)), "hash");
  EXPECT_EQ(with(12, std::string("\x00\x06\x15\x61", 4)), "hash");
  EXPECT_EQ(with(12, std::string("\x62\x31\x05\x00", 4)), "btree");
  EXPECT_EQ(with(16, std::string("\xde\xc0\xef\xbe", 4)), "lmdb");
  EXPECT_EQ(with(30, "x"), "");
  EXPECT_EQ(CompiledTableType("short"), "");
}

TEST_F(ImportTest, CiscoSettingsBecomeLines) {
  const std::string file = store_.Write(
      "destconfig.txt",
      "[DEFAULT]\ntable_tls = on\n[bank.example]\ntable_tls = require_verify\n"
      "bounce_profile = tls_failed\n");
  const Json done =
      store_.GoodJson({"policy", "import", "cisco", file, "--yes"});
  EXPECT_EQ(done["refused"].size(), 0u);
  EXPECT_EQ(done["notes"].size(), 1u);
  EXPECT_EQ(LineOf("bank.example"),
            "bank.example verify match=domain:ptr cn=always "
            "alias=required-verify");
  EXPECT_EQ(LineOf("*"), "* may alias=preferred");
}

TEST_F(ImportTest, PinsComeFromDigestsAndFilesBesideTheList) {
  const TestKey key = TestKey::Generate();
  store_.Good({"policy", "set", "bank.example", "fingerprint"});
  store_.Write("next.pem", MakeSelfSigned(ForHost("mx"), key).pem());
  const std::string file = store_.Write(
      "pins.csv", "domain,pin,label,role\nbank.example," +
                      std::string(64, 'a') +
                      ",mx 2026\nbank.example,next.pem,mx 2027,backup\n");
  const std::string before = store_.Content();
  store_.Good({"pin", "import", file, "--dry-run"});
  EXPECT_EQ(store_.Content(), before);
  store_.Good({"pin", "import", file, "--yes"});
  const Json pins = store_.GoodJson({"pin", "list"});
  ASSERT_EQ(pins["pins"].size(), 2u);
  std::string text = pins.Dump();
  EXPECT_THAT(text, HasSubstr(ToHex(key.spki_hash())));
  EXPECT_THAT(text, HasSubstr("mx 2027"));
  // Again: notes, and no change.
  const Json again = store_.GoodJson({"pin", "import", file, "--yes"});
  EXPECT_EQ(again["notes"].size(), 2u);
  EXPECT_EQ(again["changes"].size(), 0u);
}

TEST_F(ImportTest, APinThatNoLineUsesIsRefusedWithItsLine) {
  store_.Good({"policy", "set", "bank.example", "fingerprint"});
  const std::string file = store_.Write(
      "pins", "bank.example " + std::string(64, 'a') + "\nidle.example " +
                  std::string(64, 'a') + "\nbank.example absent.pem\n");
  const std::string before = store_.Content();
  const Ran ran = store_.Run({"pin", "import", file, "--yes"});
  EXPECT_EQ(ran.status, 1) << ran.out;
  EXPECT_THAT(ran.err, HasSubstr("line 2, idle.example, is not taken"));
  EXPECT_THAT(ran.err, HasSubstr("absent.pem"));
  EXPECT_EQ(store_.Content(), before);
  store_.Good({"pin", "import", file, "--yes", "--partial"});
  EXPECT_EQ(store_.GoodJson({"pin", "list"})["pins"].size(), 1u);
}

}  // namespace
}  // namespace postern
