// tests/pin-admin/policy_commands_test.cc
//
// Lines and exceptions through the real binary: what is set holds and is
// published at once, what a dry run shows is not written, what may not be is
// refused with a way out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/store/snapshot.h"
#include "tests/pin-admin/run_pin_admin.h"

namespace postern {
namespace {

using testing::HasSubstr;
using testing::Not;

class PolicyCommandsTest : public testing::Test {
 protected:
  void SetUp() override { store_.Good({"init"}); }

  // What the published snapshot has for a key: what the service would read.
  std::string Published(const std::string& key) {
    SnapshotStore snapshot(store_.path("policy.db"));
    const auto row = snapshot.Find(*PolicyKey::Parse(key));
    if (!row) return "error: " + row.error().detail();
    if (!row->has_value() || !(*row)->line) return "absent";
    return Format(*(*row)->line);
  }

  const TestStore store_;
};

TEST_F(PolicyCommandsTest, InitMakesOneLineAndPublishesIt) {
  EXPECT_EQ(Published("*"), "* may");
  const Json list = store_.GoodJson({"policy", "list"});
  ASSERT_EQ(list["policies"].size(), 1u);
  EXPECT_EQ((*list["policies"].array())[0]["key"].text(), "*");
  const Ran again = store_.Run({"init"});
  EXPECT_EQ(again.status, 1);
  EXPECT_THAT(again.err, HasSubstr("already"));
}

TEST_F(PolicyCommandsTest, WhatWeakensIsToldWhateverLineDoesIt) {
  store_.Good({"policy", "set", ".partner.example", "secure"});
  const Ran set = store_.Good({"policy", "set", "a.partner.example", "none"});
  EXPECT_THAT(set.err, HasSubstr("weaker than the line of .partner.example"));
  store_.Good({"policy", "set", "b.partner.example", "secure"});
  const Ran same = store_.Good({"policy", "remove", "b.partner.example"});
  EXPECT_THAT(same.err, Not(HasSubstr("weaker")));
  const Ran gone = store_.Good({"policy", "remove", ".partner.example"});
  EXPECT_THAT(gone.err, HasSubstr("for which the line of * holds then"));
}

TEST_F(PolicyCommandsTest, SetIsInForceAtOnce) {
  const Json done = store_.GoodJson(
      {"policy", "set", "bank.example", "secure", "owner=treasury"});
  EXPECT_TRUE(*done["in_force"].boolean());
  EXPECT_EQ(done["changes"].size(), 1u);
  EXPECT_EQ(done["head"].text().size(), 64u);
  EXPECT_EQ(Published("bank.example"), "bank.example secure owner=treasury");

  const Json show = store_.GoodJson({"policy", "show", "bank.example"});
  EXPECT_EQ(show["holds"]["level"].text(), "secure");
  EXPECT_EQ(show["holds"]["owner"].text(), "treasury");
  EXPECT_EQ(show["origin"].text(), "bank.example");
  EXPECT_TRUE(*show["in_force"].boolean());
}

TEST_F(PolicyCommandsTest, ValuesWithSpacesNeedNoSecondQuotes) {
  store_.Good({"policy", "set", "old.example", "may",
               "note=their STARTTLS is broken, ticket 4711"});
  const Json show = store_.GoodJson({"policy", "show", "old.example"});
  EXPECT_EQ(show["holds"]["note"].text(),
            "their STARTTLS is broken, ticket 4711");
}

TEST_F(PolicyCommandsTest, ShowFindsTheLineThatHolds) {
  store_.Good({"policy", "set", ".partner.example", "verify"});
  EXPECT_EQ(store_.GoodJson({"policy", "show", "a.b.partner.example"})["origin"]
                .text(),
            ".partner.example");
  EXPECT_EQ(
      store_.GoodJson({"policy", "show", "else.example"})["origin"].text(),
      "*");
}

TEST_F(PolicyCommandsTest, DryRunWritesNothing) {
  store_.Good({"policy", "set", "bank.example", "secure"});
  const std::string file = store_.Write("policy.txt", "* encrypt\n");
  const std::string before = store_.Content();
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{
           {"policy", "set", "bank.example", "may"},
           {"policy", "remove", "bank.example"},
           {"policy", "relax", "bank.example", "--to", "may", "--for", "1h",
            "--reason", "x"},
           {"policy", "undo"},
           {"policy", "apply", file},
           {"publish"}}) {
    std::vector<std::string> dry = words;
    dry.push_back("--dry-run");
    SCOPED_TRACE(words[1 % words.size()]);
    const Ran ran = store_.Good(dry);
    EXPECT_EQ(store_.Content(), before);
  }
  const TestStore empty;
  empty.Good({"init", "--dry-run"});
  EXPECT_EQ(empty.Content(), "");
}

TEST_F(PolicyCommandsTest, TheStandardLineCannotBeRemoved) {
  const Ran ran = store_.Run({"policy", "remove", "*"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("policy set"));
  EXPECT_EQ(Published("*"), "* may");
}

TEST_F(PolicyCommandsTest, RemoveSaysWhenThereIsNothing) {
  EXPECT_EQ(store_.Run({"policy", "remove", "none.example"}).status, 1);
  store_.Good({"policy", "set", "bank.example", "secure"});
  store_.Good({"policy", "remove", "bank.example"});
  EXPECT_EQ(Published("bank.example"), "absent");
}

TEST_F(PolicyCommandsTest, WeakeningIsSaid) {
  store_.Good({"policy", "set", "bank.example", "secure"});
  const Json weaker = store_.GoodJson({"policy", "set", "bank.example", "may"});
  ASSERT_EQ(weaker["warnings"].size(), 1u);
  EXPECT_THAT(std::string((*weaker["warnings"].array())[0].text()),
              HasSubstr("weaker"));
  const Json stronger =
      store_.GoodJson({"policy", "set", "bank.example", "secure"});
  EXPECT_EQ(stronger["warnings"].size(), 0u);
}

// Where SMTP begins in cleartext, "may" means just that; at a port that speaks
// TLS from the first octet it would mean that nothing goes.
TEST_F(PolicyCommandsTest, RelaxedToMayALineNoLongerAsksForImplicitTls) {
  for (const char* route : {"", "route=[relay.example]:587",
                            "route=[relay.example],relay.example"}) {
    SCOPED_TRACE(route);
    std::vector<std::string> words{"policy", "set", "bank.example", "encrypt",
                                   "wrapper=yes"};
    if (*route != '\0') words.emplace_back(route);
    store_.Good(words);
    store_.Good({"policy", "relax", "bank.example", "--to", "may", "--for",
                 "1h", "--reason", "x"});
    const Json show = store_.GoodJson({"policy", "show", "bank.example"});
    EXPECT_THAT(std::string(show["holds"]["line"].text()),
                Not(HasSubstr("wrapper")));
    store_.Good({"policy", "remove", "bank.example", "--exception"});
  }
  store_.Good(
      {"policy", "set", "[relay.example]:465", "encrypt", "wrapper=yes"});
  const Ran ran = store_.Run({"policy", "relax", "[relay.example]:465", "--to",
                              "may", "--for", "1h", "--reason", "x"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("relax it to encrypt"));
}

TEST_F(PolicyCommandsTest, RelaxOverlaysAndKeepsTheRoute) {
  store_.Good({"policy", "set", "clinic.example", "hosted",
               "route=[relay.clinic.example]:465", "wrapper=yes"});
  const auto relax = [this](const std::string& level) {
    return store_.Run({"policy", "relax", "clinic.example", "--to", level,
                       "--for", "4h", "--reason", "expired, ticket 4711"});
  };
  // Implicit TLS has no cleartext to fall back to.
  EXPECT_EQ(relax("may").status, 1);
  EXPECT_THAT(relax("may").err, HasSubstr("encrypt"));
  const Ran ran = relax("encrypt");
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("to whoever answers"));
  const Json show = store_.GoodJson({"policy", "show", "clinic.example"});
  EXPECT_EQ(show["holds"]["level"].text(), "encrypt");
  EXPECT_THAT(std::string(show["holds"]["line"].text()),
              HasSubstr("route=[relay.clinic.example]:465"));
  EXPECT_EQ(show["line"]["level"].text(), "hosted");
  EXPECT_THAT(std::string(show["exception"]["note"].text()), HasSubstr("4711"));

  store_.Good({"policy", "remove", "clinic.example", "--exception"});
  EXPECT_EQ(
      store_.GoodJson({"policy", "show", "clinic.example"})["holds"]["level"]
          .text(),
      "hosted");
}

TEST_F(PolicyCommandsTest, RelaxDropsWhatTheNewLevelHasNoUseFor) {
  store_.Good({"policy", "set", "bank.example", "secure",
               "match=mx.bank.example", "cn=no-san",
               "ca=/etc/ssl/certs/ca-certificates.crt", "on-fail=bounce",
               "servername=mx.bank.example", "ciphers=high"});
  for (const char* level : {"none", "may", "encrypt"}) {
    SCOPED_TRACE(level);
    store_.Good({"policy", "relax", "bank.example", "--to", level, "--for",
                 "1h", "--reason", "x"});
  }
}

TEST_F(PolicyCommandsTest, AnExceptionCanBeExtended) {
  store_.Good({"policy", "set", ".partner.example", "secure"});
  for (const char* span : {"1h", "2h"}) {
    store_.Good({"policy", "relax", "a.partner.example", "--to", "may", "--for",
                 span, "--reason", "ticket 4711"});
  }
  EXPECT_EQ(
      store_.GoodJson({"policy", "show", "a.partner.example"})["holds"]["level"]
          .text(),
      "may");
}

TEST_F(PolicyCommandsTest, RelaxRefusesToStrengthen) {
  store_.Good({"policy", "set", "bank.example", "may"});
  const Ran ran = store_.Run({"policy", "relax", "bank.example", "--to",
                              "secure", "--for", "4h", "--reason", "x"});
  EXPECT_EQ(ran.status, 1) << ran.err;
  EXPECT_THAT(ran.err, HasSubstr("policy set"));
}

TEST_F(PolicyCommandsTest, UndoTakesBackTheLatest) {
  store_.Good({"policy", "set", "bank.example", "secure"});
  store_.Good({"policy", "set", "bank.example", "may"});
  store_.Good({"policy", "undo"});
  EXPECT_EQ(Published("bank.example"), "bank.example secure");
  store_.Good({"policy", "undo"});
  EXPECT_EQ(Published("bank.example"), "absent");
}

TEST_F(PolicyCommandsTest, ApplyMakesItWhatTheFileSays) {
  store_.Good({"policy", "set", "gone.example", "secure"});
  store_.Good({"policy", "set", "kept.example", "fingerprint"});
  const std::string digest(64, 'a');
  const std::string file = store_.Write(
      "policy.txt",
      "# ours\n* encrypt\n\nkept.example fingerprint\n    pin spki sha256:" +
          digest + " role=active label=\"mx 2026\"\nnew.example secure\n");
  const Json done = store_.GoodJson({"policy", "apply", file, "--yes"});
  EXPECT_EQ(done["changes"].size(), 4u);
  EXPECT_EQ(Published("*"), "* encrypt");
  EXPECT_EQ(Published("gone.example"), "absent");
  EXPECT_EQ(Published("new.example"), "new.example secure");
  EXPECT_EQ(store_.GoodJson({"pin", "list"})["pins"].size(), 1u);

  // What list prints, apply reads; applied again it changes nothing.
  const std::string listed = store_.Good({"policy", "list", "--lines"}).out;
  EXPECT_THAT(listed, HasSubstr("label=\"mx 2026\""));
  const std::string same = store_.Write("same.txt", listed);
  const std::string before = store_.Content();
  EXPECT_EQ(
      store_.GoodJson({"policy", "apply", same, "--yes"})["changes"].size(),
      0u);
  EXPECT_EQ(store_.Content(), before);

  // One transaction: taken back as one.
  store_.Good({"policy", "undo"});
  EXPECT_EQ(Published("gone.example"), "gone.example secure");
}

TEST_F(PolicyCommandsTest, AFileWithoutPinsLeavesPinsAlone) {
  store_.Good({"policy", "set", "bank.example", "fingerprint"});
  store_.Good({"pin", "add", "bank.example", "--digest", std::string(64, 'b')});
  const std::string file =
      store_.Write("policy.txt", "* may\nbank.example fingerprint\n");
  EXPECT_EQ(
      store_.GoodJson({"policy", "apply", file, "--yes"})["changes"].size(),
      0u);
  EXPECT_EQ(store_.GoodJson({"pin", "list"})["pins"].size(), 1u);
}

TEST_F(PolicyCommandsTest, ApplyRefusesWhatItCannotReadAsAWhole) {
  const std::string before = store_.Content();
  for (const char* text :
       {"* may\nbank.example sekure\n", "bank.example secure\n",
        "    pin spki sha256:00\n* may\n", "* may\n* encrypt\n",
        "* may\nb.example fingerprint\n  pin leaf sha256:00\n",
        "* may\nb.example fingerprint\n  pin spki abc\n",
        "* may\nb.example fingerprint note=\"x\n"}) {
    SCOPED_TRACE(text);
    const std::string file = store_.Write("policy.txt", text);
    const Ran ran = store_.Run({"policy", "apply", file, "--yes"});
    EXPECT_TRUE(ran.status == 2 || ran.status == 1) << ran.status << ran.err;
    EXPECT_EQ(store_.Content(), before);
  }
}

TEST_F(PolicyCommandsTest, ApplyOfAnEmptyFileSaysSo) {
  const std::string before = store_.Content();
  for (const char* text : {"", "\n\n", "# nothing\n", "@whole\n"}) {
    SCOPED_TRACE(text);
    const std::string file = store_.Write("policy.txt", text);
    for (const char* how : {"--yes", "--dry-run"}) {
      const Ran ran = store_.Run({"policy", "apply", file, how});
      EXPECT_EQ(ran.status, 2);
      EXPECT_THAT(ran.err, HasSubstr("names no line: nothing was changed"));
      EXPECT_EQ(ran.out, "");
    }
  }
  EXPECT_EQ(store_.Content(), before);
}

TEST_F(PolicyCommandsTest, ApplyWithoutATerminalAsksForYes) {
  const std::string file = store_.Write("policy.txt", "* encrypt\n");
  const Ran ran = store_.Run({"policy", "apply", file});
  EXPECT_EQ(ran.status, 2);
  EXPECT_THAT(ran.err, HasSubstr("--yes"));
  EXPECT_EQ(Published("*"), "* may");
}

TEST_F(PolicyCommandsTest, OnATerminalApplyAsksAndTakesOnlyYes) {
  const std::string file = store_.Write("policy.txt", "* encrypt\n");
  for (const char* answer : {"no\n", "y\n", "\n", "\x04"}) {
    const Ran ran = store_.OnTerminal({"policy", "apply", file}, answer);
    EXPECT_EQ(ran.status, 1) << ran.out;
    EXPECT_EQ(Published("*"), "* may");
  }
  const Ran ran = store_.OnTerminal({"policy", "apply", file}, "yes\n");
  EXPECT_EQ(ran.status, 0) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("\033["));  // colours, here
  EXPECT_EQ(Published("*"), "* encrypt");
}

TEST_F(PolicyCommandsTest, AMissingSnapshotComesBackAtTheNextCommand) {
  ASSERT_EQ(std::remove(store_.path("policy.db").c_str()), 0);
  const Ran ran = store_.Good({"policy", "list"});
  EXPECT_THAT(ran.err, HasSubstr("published again"));
  EXPECT_EQ(Published("*"), "* may");
}

TEST_F(PolicyCommandsTest, PublishSaysWhetherItHadTo) {
  EXPECT_FALSE(*store_.GoodJson({"publish"})["was_stale"].boolean());
  store_.Write("policy.db", "damaged");
  EXPECT_TRUE(*store_.GoodJson({"publish"})["was_stale"].boolean());
  EXPECT_EQ(Published("*"), "* may");
}

TEST_F(PolicyCommandsTest, AuditShowsTheHistoryAndFindsTampering) {
  store_.Good({"policy", "set", "bank.example", "secure"});
  const Json audit = store_.GoodJson({"audit", "bank.example"});
  EXPECT_TRUE(*audit["history_intact"].boolean());
  ASSERT_EQ(audit["history"].size(), 1u);
  EXPECT_EQ((*audit["history"].array())[0]["after"].text(),
            "bank.example secure");
  const std::string head(audit["head"].text());
  store_.Good({"policy", "undo"});
  store_.Good({"audit", "--head", head});
  const Ran wrong = store_.Run({"audit", "--head", std::string(64, '0')});
  EXPECT_EQ(wrong.status, 1) << wrong.out << wrong.err;
}

}  // namespace
}  // namespace postern
