// tests/pin-admin/doctor_test.cc
//
// The pure parts of doctor, and what real programs can't be made to show: one
// that hangs, one that never stops talking, one that answers garbage. None of
// it may ever look good. tests/lab/doctor has the rest, with a real Postfix.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <functional>

#include "pin-admin/doctor/mta_inspection.h"
#include "pin-admin/doctor/pattern_table.h"
#include "pin-admin/doctor/postfix_coverage.h"
#include "pin-admin/doctor/postfix_tables.h"
#include "pin-admin/doctor/run_program.h"
#include "tests/pin-admin/run_pin_admin.h"
#include "tests/pin-admin/watching.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using Weight = Remark::Weight;

// Answers as told, by the program's name and its last word.
class FakePrograms final : public ProgramRunner {
 public:
  using Answer =
      std::function<Result<ProgramOutput>(const std::vector<std::string>&)>;
  explicit FakePrograms(Answer answer) : answer_(std::move(answer)) {}
  Result<ProgramOutput> Run(const std::vector<std::string>& argv,
                            const std::string&) override {
    return answer_(argv);
  }

 private:
  Answer answer_;
};

Result<ProgramOutput> Says(std::string text) {
  return ProgramOutput{0, std::move(text), ""};
}

constexpr char kMain[] =
    "transport_maps = hash:/etc/postfix/transport\n"
    "default_transport = postern\nrelay_transport = postern\n"
    "local_transport = local:here\nqueue_directory = /var/spool/postfix\n"
    "relayhost =\nmydestination =\n";
constexpr char kMaster[] =
    "smtp unix - - y - - smtp\n"
    "postern unix - n n - - pipe flags=q. user=x argv=/usr/libexec/postern/"
    "postern-transport -- ${nexthop} ${queue_id} ${sender} ${recipient}\n";

// A Postfix whose postmap is `postmap`.
FakePrograms PostfixWith(FakePrograms::Answer postmap) {
  return FakePrograms(
      [postmap = std::move(postmap)](const std::vector<std::string>& argv) {
        if (argv[0].ends_with("postmap")) return postmap(argv);
        if (argv.back() == "-M") return Says(kMaster);
        if (argv.back() == "-P") return Says("");
        return Says(kMain);
      });
}

std::vector<Diagnosis> BypassesWith(FakePrograms programs) {
  const Settings settings = *ParseSettings("");
  const auto mta = InspectPostfix(programs, {}, {settings, "/x"});
  return mta->Bypasses(Watching("bank.example secure"));
}

TEST(PostconfOutput, ValuesMayHaveAnythingInThem) {
  const auto values =
      ParsePostconf("a = b = c\nempty =\nx_y = hash:/etc/t, { k = v }\n");
  ASSERT_TRUE(values);
  EXPECT_EQ(values->at("a"), "b = c");
  EXPECT_EQ(values->at("empty"), "");
  EXPECT_EQ(values->at("x_y"), "hash:/etc/t, { k = v }");
}

TEST(PostconfOutput, GarbageIsAnErrorAndNoConfiguration) {
  for (const char* text : {"mail is a wonderful thing\n", "= value\n",
                           "two words = value\n", "\001 = x\n"}) {
    EXPECT_FALSE(ParsePostconf(text)) << text;
  }
  EXPECT_FALSE(ParsePostconfServices("smtp unix - - n -\n"));
  EXPECT_FALSE(ParsePostconfOverrides("no-slash = x\n"));
  EXPECT_FALSE(ParsePostconfOverrides("a/b c\n"));
}

TEST(PostconfOutput, ServicesKeepTheirArguments) {
  const auto services = ParsePostconfServices(
      "rewrite    unix  -  -  n  -  -  trivial-rewrite -o {a = b c}\n"
      "127.0.0.1:25 inet n - y 60 1 smtpd\n");
  ASSERT_TRUE(services);
  ASSERT_EQ(services->size(), 2u);
  EXPECT_THAT((*services)[0].arguments, ElementsAre("-o", "{a = b c}"));
  EXPECT_EQ((*services)[1].key(), "127.0.0.1:25/inet");
  EXPECT_EQ((*services)[1].limit, "1");
}

TEST(PostconfOutput, OverridesBelongToTheirService) {
  const auto overrides =
      ParsePostconfOverrides("[::1]:25/inet/content_filter = a:b\n");
  ASSERT_TRUE(overrides);
  EXPECT_EQ(overrides->at("[::1]:25/inet").at("content_filter"), "a:b");
}

TEST(PostfixValues, TimesAndLists) {
  EXPECT_EQ(ParsePostfixTime("1000s", 'd'), 1000);
  EXPECT_EQ(ParsePostfixTime("5", 'd'), 432000);
  EXPECT_EQ(ParsePostfixTime("2w", 's'), 1209600);
  for (const char* bad : {"", "x", "-1", "5y", "5dd", "$x"}) {
    EXPECT_FALSE(ParsePostfixTime(bad, 's')) << bad;
  }
  EXPECT_THAT(SplitPostfixList("hash:/a, inline:{ {k = v}, {l = m} }\tb"),
              ElementsAre("hash:/a", "inline:{ {k = v}, {l = m} }", "b"));
}

TEST(PatternTable, ReadsLogicalLines) {
  const auto lines = ParsePatternTable(
      "# comment\n/^a@/  smtp:\nif /b/\n!/c/ error:no\n  more words\nendif\n"
      "/d\\/e/i x:\n");
  ASSERT_TRUE(lines);
  ASSERT_EQ(lines->size(), 3u);
  EXPECT_EQ((*lines)[0].pattern, "^a@");
  EXPECT_EQ((*lines)[0].result, "smtp:");
  EXPECT_EQ((*lines)[1].pattern, "");
  EXPECT_TRUE((*lines)[1].conditional);
  EXPECT_EQ((*lines)[1].result, "error:no more words");
  EXPECT_FALSE((*lines)[2].conditional);
  EXPECT_EQ((*lines)[2].pattern, "");  // its flag may change what it means
  for (const char* bad :
       {"word smtp:\n", "/unclosed smtp:\n", "/x/\n", "/\n"}) {
    EXPECT_FALSE(ParsePatternTable(bad)) << bad;
  }
}

TEST(PatternTable, OnlyAPlainEndBindsToADomain) {
  EXPECT_EQ(DomainOfPattern("^.*@Bank\\.example$"), "bank.example");
  for (const char* open :
       {"@bank\\.example", "@bank.example$", "@(a|b)\\.example$",
        "x|@bank\\.example$", "[@]bank\\.example$", "@bank\\.example?$",
        "bank\\.example$", "\\@bank\\.example$", "@$", "@.*\\.example$"}) {
    EXPECT_FALSE(DomainOfPattern(open)) << open;
  }
  EXPECT_TRUE(MatchesAll(".*@bank\\.example$", "bank.example"));
  EXPECT_TRUE(MatchesAll("^", "bank.example"));
  EXPECT_FALSE(MatchesAll("^boss@bank\\.example$", "bank.example"));
  EXPECT_FALSE(MatchesAll("@other\\.example$", "bank.example"));
}

TEST(WatchedPolicyTest, TheNearestKeyHolds) {
  WatchedPolicy policy;
  policy.keys = {"*", ".a.example", ".example", "x.a.example"};
  SortKeys(policy);
  EXPECT_EQ(policy.HoldingKey("x.a.example"), "x.a.example");
  EXPECT_EQ(policy.HoldingKey("y.x.a.example"), ".a.example");
  EXPECT_EQ(policy.HoldingKey("a.example"), ".example");
  EXPECT_EQ(policy.HoldingKey("example"), "*");
}

TEST(WatchedPolicyTest, LinesThatAskForNothingAreNotWatched) {
  for (const char* line : {"a.example may", "a.example none", "a.example auto",
                           "* encrypt", "[a.example]:25 secure"}) {
    EXPECT_TRUE(Watching(line).lines.empty()) << line;
  }
  EXPECT_TRUE(Watching("* secure").lines.at(0).must);
  EXPECT_TRUE(Watching("a.example auto floor=secure").lines.at(0).must);
  EXPECT_FALSE(Watching("a.example encrypt").lines.at(0).must);
}

TEST(SystemProgramsTest, FeedsAndGathers) {
  std::signal(SIGPIPE, SIG_IGN);  // as every program of ours does
  SystemPrograms programs;
  const std::string much(300'000, 'x');
  const auto cat = programs.Run({"/bin/cat"}, much);
  ASSERT_TRUE(cat) << cat.error().detail();
  EXPECT_EQ(cat->out, much);
  const auto no = programs.Run({"/bin/sh", "-c", "echo no >&2; exit 3"}, "");
  ASSERT_TRUE(no);
  EXPECT_EQ(no->status, 3);
  EXPECT_EQ(no->err, "no\n");
  // One that does not read what it is given.
  EXPECT_TRUE(programs.Run({"/bin/true"}, much));
}

TEST(SystemProgramsTest, WhatHangsIsKilledAndIsAnError) {
  SystemPrograms programs({milliseconds(50), 1 << 20});
  for (const char* script :
       {"sleep 600", "sleep 600 & sleep 600", "exec >&- 2>&-; sleep 600",
        "trap '' TERM; while :; do sleep 600; done"}) {
    const auto ran = programs.Run({"/bin/sh", "-c", script}, "");
    ASSERT_FALSE(ran) << script;
    EXPECT_EQ(ran.error().reason(), Reason::kDeadlineExceeded);
  }
}

TEST(SystemProgramsTest, TooMuchOrNothingToRunIsAnError) {
  SystemPrograms programs({milliseconds(60'000), 100'000});
  const auto much = programs.Run({"/usr/bin/yes"}, "");
  ASSERT_FALSE(much);
  EXPECT_THAT(much.error().detail(), HasSubstr("too much"));
  const auto none = programs.Run({"/nowhere/postconf"}, "");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().detail(), HasSubstr("No such file"));
  const auto killed = programs.Run({"/bin/sh", "-c", "kill -9 $$"}, "");
  ASSERT_FALSE(killed);
}

TEST(SystemProgramsTest, NothingOfOurEnvironmentIsPassedOn) {
  setenv("MAIL_CONFIG", "/elsewhere", 1);
  SystemPrograms programs;
  const auto ran = programs.Run({"/usr/bin/env"}, "");
  unsetenv("MAIL_CONFIG");
  ASSERT_TRUE(ran);
  EXPECT_EQ(ran->out, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C\n");
}

TEST(PostfixCoverageTest, GoodWhereATableSaysSo) {
  EXPECT_THAT(BypassesWith(PostfixWith([](const auto&) { return Says(""); })),
              testing::IsEmpty());
}

TEST(PostfixCoverageTest, WhatCannotBeFoundOutIsNeverGood) {
  const struct {
    const char* what;
    FakePrograms::Answer postmap;
  } cases[] = {
      {"hangs",
       [](const auto&) -> Result<ProgramOutput> {
         return Error(Reason::kDeadlineExceeded, "postmap: did not end");
       }},
      {"garbage", [](const auto&) { return Says("no tab in here\n"); }},
      {"fails",
       [](const auto&) -> Result<ProgramOutput> {
         return ProgramOutput{1, "", "postmap: fatal: open database\n"};
       }},
      {"fails without a word",
       [](const auto&) -> Result<ProgramOutput> {
         return ProgramOutput{75, "", ""};
       }},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    const auto found = BypassesWith(PostfixWith(c.postmap));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].weight, Weight::kUnknown);
    EXPECT_EQ(found[0].code, "routing-unknown");
    EXPECT_EQ(StatusOf(found), ExitStatus::kUnknown);
  }
}

TEST(PostfixCoverageTest, APostconfThatLacksWhatIsAskedIsNotBelieved) {
  const auto found =
      BypassesWith(FakePrograms([](const auto&) { return Says("a = b\n"); }));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].weight, Weight::kUnknown);
  EXPECT_THAT(found[0].what, HasSubstr("lacks transport_maps"));
}

TEST(PostfixCoverageTest, ATableThatCannotBeListedLeavesAQuestionOpen) {
  const auto found = BypassesWith(PostfixWith(
      [](const std::vector<std::string>& argv) -> Result<ProgramOutput> {
        if (argv[3] == "-s") {
          return ProgramOutput{
              1, "",
              "postmap: fatal: table x: sequence operation is not supported\n"};
        }
        return ProgramOutput{1, "", ""};
      }));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].code, "routing-undecidable");
  EXPECT_EQ(found[0].weight, Weight::kUnknown);
}

// Straight after the installation: what the quickstart goes on with.
TEST(PostfixCoverageTest, WhereNothingIsSetUpYetTheRecommendedWayIsAdvised) {
  const auto found =
      BypassesWith(FakePrograms([](const std::vector<std::string>& argv) {
        if (argv.back() == "-M") return Says("smtp unix - - y - - smtp\n");
        if (argv.back() == "-P") return Says("");
        return Says(
            "transport_maps =\ndefault_transport = smtp\nrelayhost =\n"
            "relay_transport = smtp\nlocal_transport = local:here\n"
            "mydestination =\nqueue_directory = /var/spool/postfix\n");
      }));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].code, "bypass");
  EXPECT_THAT(found[0].mend, StartsWith("pin-admin config postfix"));
  EXPECT_THAT(found[0].mend,
              HasSubstr("\nbank.example postern-lmtp:unix:postern/lmtp\n"));
  // In one line each step stands apart; a file's name belongs to its line.
  EXPECT_THAT(ToRemark(found[0]).text,
              HasSubstr("/transport: bank.example postern-lmtp:unix:postern/"
                        "lmtp; postmap hash:"));
}

// 'check' asks only the second.
TEST(SendmailInspectionTest, AConfigurationThatIsNotReadIsNeverGood) {
  FakePrograms programs([](const auto&) { return Says(""); });
  const auto mta =
      InspectSendmail(programs, {"/usr/sbin/sendmail", "/nowhere.cf"}, "/s");
  for (const auto& found :
       {mta->Setup(), mta->Bypasses(Watching("bank.example secure"))}) {
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].code, "sendmail-unreadable");
    EXPECT_EQ(found[0].weight, Weight::kUnknown);
  }
}

TEST(DiagnosisTest, AcknowledgedFindingsAreNotes) {
  std::vector<Diagnosis> found{{Weight::kNo, "bypass", "", "x", "y", "z"},
                               {Weight::kUnknown, "other", "", "x", "y", "z"}};
  Acknowledge({"bypass"}, found);
  EXPECT_EQ(found[0].weight, Weight::kNote);
  EXPECT_EQ(found[1].weight, Weight::kUnknown);
}

TEST(DoctorCommandTest, SendmailIsLookedAtWhereItIsAlone) {
  if (std::filesystem::exists("/etc/postfix/main.cf")) {
    GTEST_SKIP() << "there is a Postfix here";
  }
  TestStore store;
  store.Good({"init"});
  store.Good({"policy", "set", "bank.example", "secure"});
  const std::string program = store.Write("sendmail", "#!/bin/sh\nexit 1\n");
  const Ran ran = store.Run({"doctor", "--no-dns", "--exim-program", "/nowhere",
                             "--sendmail-program", program});
  EXPECT_THAT(ran.out, HasSubstr("sendmail"));
  EXPECT_EQ(ran.out.find("postfix-unreadable"), std::string::npos) << ran.out;
}

// What to do about a store that can't be read.
std::string MendOfTheStore(const TestStore& store,
                           const RunOptions& options = {}) {
  const Ran ran =
      store.Run({"doctor", "--no-dns", "--no-mta", "--json"}, options);
  const Json document = ran.json();
  for (const Json& finding : *document["findings"].array()) {
    if (finding["code"].text() == "store-unreadable") {
      return std::string(finding["mend"].text());
    }
  }
  return "no store-unreadable: " + ran.out;
}

TEST(DoctorCommandTest, InitIsAdviceOnlyWhereThereIsNothingToLose) {
  TestStore store;
  EXPECT_EQ(MendOfTheStore(store), "pin-admin init");
  store.Good({"init"});
  const std::string author = store.path("private/author.db");
  ASSERT_TRUE(std::filesystem::exists(author));
  std::filesystem::resize_file(author, 100);
  EXPECT_THAT(MendOfTheStore(store), HasSubstr("restore the store"));
  if (geteuid() == 0) {
    RunOptions options;
    options.as_nobody = true;
    EXPECT_EQ(MendOfTheStore(store, options), "sudo pin-admin doctor");
  }
  std::filesystem::remove(author);  // and the published policy is there
  EXPECT_THAT(MendOfTheStore(store), HasSubstr("restore the store"));
}

TEST(DoctorCommandTest, WithoutPostfixItIsNeverGood) {
  TestStore store;
  store.Good({"init"});
  store.Good({"policy", "set", "bank.example", "secure"});
  const Ran ran = store.Run(
      {"doctor", "--no-dns", "--json", "--postfix-programs", "/nowhere"});
  EXPECT_EQ(ran.status, 4) << ran.out << ran.err;
  const Json document = ran.json();
  int unreadable = 0;
  for (const Json& finding : *document["findings"].array()) {
    if (finding["code"].text() == "postfix-unreadable") ++unreadable;
  }
  EXPECT_EQ(unreadable, 1) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("service-silent"));
  const Ran quiet = store.Run({"doctor", "--no-dns", "--no-mta", "--quiet"});
  EXPECT_EQ(quiet.out.find("postfix-unreadable"), std::string::npos);
  EXPECT_THAT(quiet.out, HasSubstr("[service-silent]"));
}

}  // namespace
}  // namespace postern
