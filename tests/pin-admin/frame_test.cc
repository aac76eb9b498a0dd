// tests/pin-admin/frame_test.cc
//
// What holds for every command: help with an example, answers in JSON, statuses
// that scripts can rely on, messages that say what to do next.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sstream>

#include "pin-admin/command.h"
#include "tests/pin-admin/run_pin_admin.h"

namespace postern {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<std::string> Words(std::string_view name) {
  std::vector<std::string> words;
  while (!name.empty()) {
    const std::size_t end = std::min(name.find(' '), name.size());
    words.emplace_back(name.substr(0, end));
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return words;
}

TEST(FrameTest, EveryCommandHasHelpWithAnExampleOfItself) {
  for (const Command& command : AllCommands()) {
    SCOPED_TRACE(command.spec.name);
    EXPECT_FALSE(command.spec.summary.empty());
    EXPECT_THAT(std::string(command.spec.example),
                HasSubstr("pin-admin " + std::string(command.spec.name)));
    std::vector<std::string> words = Words(command.spec.name);
    words.push_back("--help");
    const Ran ran = RunBinary(words);
    EXPECT_EQ(ran.status, 0);
    EXPECT_THAT(ran.out,
                HasSubstr("pin-admin " + std::string(command.spec.name)));
    EXPECT_THAT(ran.out, HasSubstr(std::string(command.spec.example.substr(
                             0, std::min(command.spec.example.find('\n'),
                                         command.spec.example.size())))));
    for (const OptionSpec& option : command.spec.options) {
      EXPECT_THAT(ran.out, HasSubstr("--" + std::string(option.name)));
    }
  }
}

TEST(FrameTest, ListsEveryCommandOfTheIssue) {
  const Ran ran = RunBinary({"--help"});
  EXPECT_EQ(ran.status, 0);
  for (const char* name : {"init",
                           "policy set",
                           "policy show",
                           "policy list",
                           "policy remove",
                           "policy relax",
                           "policy undo",
                           "policy apply",
                           "pin add",
                           "pin list",
                           "pin remove",
                           "pin promote",
                           "anchor add",
                           "anchor list",
                           "anchor remove",
                           "publish",
                           "probe",
                           "explain",
                           "check",
                           "verify",
                           "observations",
                           "audit",
                           "plugins",
                           "config postfix",
                           "doctor",
                           "policy import postfix",
                           "policy import cisco",
                           "policy export",
                           "pin import",
                           "pin upgrade"}) {
    EXPECT_THAT(ran.out, HasSubstr(std::string("  ") + name)) << name;
  }
  EXPECT_EQ(RunBinary({"--version"}).status, 0);
}

TEST(FrameTest, WrongInputEndsInTwoAndNamesWhatIsWrong) {
  const TestStore store;
  store.Good({"init"});
  const struct {
    std::vector<std::string> words;
    const char* named;
  } cases[] = {
      {{"polcy", "set"}, "polic"},
      {{"policy"}, "policy"},
      {{"policy", "sett"}, "did you mean policy set"},
      {{"policy", "import"}, "'policy import' needs one more word"},
      {{"policy", "import", "posfix"}, "did you mean policy import postfix"},
      {{"policy", "import", "postfix"}, "FILE"},
      {{"polcy", "nothing"}, "did you mean policy?"},
      {{"--lines", "policy", "list"}, "pin-admin COMMAND --lines"},
      {{"policy", "list", "--set", "verifers=pin"}, "--set: unknown option"},
      {{"policy", "list", "--set", "dns-timeout=soon"}, "--set dns-timeout=:"},
      {{"policy", "set", "bank.example", "fingerprnt"},
       "did you mean fingerprint?"},
      {{"audit", "--head", "abc"}, "--head"},
      {{"audit", "--head", std::string(66, 'a')}, "--head"},
      {{"policy", "set", "bank.example"}, "LEVEL"},
      {{"policy", "set", "bank.example", "sekure"}, "sekure"},
      {{"policy", "set", "bank..example", "secure"}, "bank..example"},
      {{"policy", "set", "bank.example", "secure", "colour=red"}, "colour"},
      {{"policy", "list", "--colour"}, "--colour"},
      {{"policy", "relax", "bank.example", "--to", "may", "--reason", "x"},
       "for"},
      {{"policy", "relax", "bank.example", "--to", "may", "--for", "4x",
        "--reason", "x"},
       "4x"},
      {{"policy", "undo", "minus"}, "minus"},
      {{"policy", "apply", "/nonexistent/file", "--yes"}, "/nonexistent/file"},
      {{"pin", "add", "bank.example"}, "--digest"},
      {{"pin", "add", "bank.example", "--digest", "abc"}, "abc"},
      {{"pin", "add", "*", "--digest", "abc"}, "*"},
      {{"pin", "add", "bank.example", "--digest", "aa", "--from-live"},
       "--from-live"},
      {{"pin", "add", "bank.example", "--kind", "leaf", "--digest", "aa"},
       "leaf"},
      {{"pin", "add", "bank.example", "--role", "main", "--digest", "aa"},
       "main"},
      {{"anchor", "add", "a b", "/dev/null"}, "a b"},
      {{"anchor", "add", "ca", "/nonexistent/ca.pem"}, "/nonexistent/ca.pem"},
      {{"check", "bank.example", "--days", "0"}, "--days"},
      {{"check", ".bank.example"}, ".bank.example"},
      {{"probe", "bank..example"}, "bank..example"},
      {{"explain", "bank..example"}, "bank..example"},
      {{"observations", "--limit", "none"}, "--limit"},
      {{"audit", "--since", "once"}, "--since"},
      {{"verify"}, "--chain"},
      {{"init", "--default", "sometimes"}, "sometimes"},
      {{"config", "postfix", "--program", "relative"}, "--program"},
      {{"explain", ""}, "DOMAIN|QUEUE-ID is empty"},
      {{"check", "bank.example", ""}, "DOMAIN is empty"},
      {{"policy", "set", "", "may"}, "KEY is empty"},
      {{"pin", "list", ""}, "KEY is empty"},
      {{"policy", "import", "postfix", "", "--yes"}, "FILE is empty"},
  };
  const std::string before = store.Content();
  for (const auto& c : cases) {
    std::string line;
    for (const std::string& word : c.words) line += word + " ";
    SCOPED_TRACE(line);
    const Ran ran = store.Run(c.words);
    EXPECT_EQ(ran.status, 2) << ran.out << ran.err;
    EXPECT_THAT(ran.err, HasSubstr(c.named));
    EXPECT_THAT(ran.err, HasSubstr("pin-admin"));
  }
  EXPECT_EQ(store.Content(), before);
}

TEST(FrameTest, OptionsOfAllCommandsMayStandAnywhere) {
  const TestStore store;
  store.Good({"init"});
  const std::string file = store.path("postern.conf");
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{
           {"--json", "--config", file, "policy", "list"},
           {"--config=" + file, "policy", "--json", "list"},
           {"-c", file, "policy", "list", "--json"},
           {"-c" + file, "--json", "--set", "worker-threads=3", "policy",
            "list"}}) {
    SCOPED_TRACE(words[0] + " " + words[1]);
    const Ran ran = RunBinary(words);
    EXPECT_EQ(ran.status, 0) << ran.err;
    EXPECT_EQ(ran.json()["command"].text(), "policy list");
  }
  const Ran third =
      RunBinary({"policy", "--json", "import", "-c", file, "postfix",
                 store.Write("tls_policy", "a.example encrypt\n"), "-n"});
  EXPECT_EQ(third.status, 0) << third.err;
  EXPECT_EQ(third.json()["command"].text(), "policy import postfix");
  EXPECT_THAT(
      RunBinary({"policy", "import", "--help"}).out,
      AllOf(HasSubstr("policy import cisco"), Not(HasSubstr("policy list"))));
  EXPECT_THAT(RunBinary({"--quiet", "--help"}).out, HasSubstr("policy list"));
  EXPECT_THAT(RunBinary({"policy", "--help"}).out, HasSubstr("policy list"));
  EXPECT_EQ(RunBinary({"--json"}).status, 2);
  // What stands behind the command's words is no word of it.
  EXPECT_EQ(store.Run({"check", "--days", "none"}).status, 2);
}

TEST(FrameTest, WhatCannotBeWrittenIsNoSuccess) {
  const TestStore store;
  store.Good({"init"});
  RunOptions full;
  full.disk_full = true;
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"policy", "list"},
                                             {"policy", "list", "--json"},
                                             {"policy", "list", "--lines"},
                                             {"policy", "list", "--help"},
                                             {"--help"},
                                             {"policy", "--help"},
                                             {"--version"},
                                             {"plugins"},
                                             {"config", "postfix"},
                                             {"audit"}}) {
    SCOPED_TRACE(words[0] + " " + words.back());
    const Ran ran = words.back().starts_with("--") && words.size() < 3
                        ? RunBinary(words, full)
                        : store.Run(words, full);
    EXPECT_EQ(ran.status, 4);
    EXPECT_THAT(ran.err, HasSubstr("cannot write to standard output"));
  }
  EXPECT_EQ(store.Run({"check", "--nagios"}, full).status, 3);
  RunOptions batch = full;
  batch.input = "{}\n";
  EXPECT_EQ(RunBinary({"verify", "--batch"}, batch).status, 4);
}

TEST(FrameTest, HelpEndsItsSentencesAndGoesOnAfterThem) {
  const std::string help = RunBinary({"policy", "list", "--help"}).out;
  EXPECT_THAT(help, HasSubstr("postern.conf; may be"));
  EXPECT_THAT(help, Not(HasSubstr("postern.conf May")));
}

TEST(FrameTest, MistakesAreAnsweredInJsonToo) {
  const TestStore store;
  const Json usage = store.Run({"policy", "set", "x", "--json"}).json();
  EXPECT_EQ(*usage["status"].integer(), 2);
  EXPECT_EQ(usage["error"]["reason"].text(), "usage");
  EXPECT_NE(usage["error"]["sentence"].text(), "");

  const Json missing = store.Run({"policy", "list", "--json"}).json();
  EXPECT_EQ(*missing["status"].integer(), 4);
  EXPECT_EQ(missing["command"].text(), "policy list");
  EXPECT_EQ(missing["error"]["reason"].text(), "policy-store-unavailable");
}

TEST(FrameTest, WithoutAStoreEveryCommandThatNeedsOneSaysInit) {
  const TestStore store;
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{
           {"policy", "list"},
           {"policy", "show", "bank.example"},
           {"policy", "set", "bank.example", "secure"},
           {"policy", "remove", "bank.example"},
           {"policy", "undo"},
           {"policy", "export"},
           {"pin", "upgrade", "--all", "--yes"},
           {"pin", "list"},
           {"pin", "remove", "bank.example", "abcdef01"},
           {"anchor", "list"},
           {"publish"},
           {"check"},
           {"audit"}}) {
    SCOPED_TRACE(words[0] + " " + words.back());
    const Ran ran = store.Run(words);
    EXPECT_EQ(ran.status, 4) << ran.err;
    EXPECT_THAT(ran.err, HasSubstr("pin-admin init"));
  }
}

TEST(FrameTest, WhoIsNotRootIsToldSo) {
  const TestStore store;
  store.Good({"init"});
  RunOptions options;
  if (geteuid() == 0) {
    options.as_nobody = true;
  } else {
    ASSERT_EQ(chmod(store.path("private").c_str(), 0), 0);
  }
  const Ran ran = store.Run({"policy", "list"}, options);
  if (geteuid() != 0) chmod(store.path("private").c_str(), 0700);
  EXPECT_EQ(ran.status, 4) << ran.out;
  EXPECT_THAT(ran.err, HasSubstr("root"));
  EXPECT_THAT(ran.err, HasSubstr("sudo"));
}

TEST(FrameTest, AnIdOfSendmailsThatIsNotRecordedIsExplained) {
  const TestStore store;
  store.Good({"init"});
  for (const char* id : {"6AMCUbTf012345", "6AMCUbTf0123456"}) {
    const Ran ran = store.Run({"explain", id});
    EXPECT_EQ(ran.status, 1) << ran.out;
    EXPECT_THAT(ran.err, HasSubstr("submission queue"));
    EXPECT_THAT(ran.err, HasSubstr("pin-admin audit DOMAIN --failed"));
  }
  for (const char* id : {"4Zb1cD2eF3z", "1vMkXd-000Abc-1Z", "6AMCUbTf01234x"}) {
    const Ran ran = store.Run({"explain", id});
    EXPECT_EQ(ran.status, 1) << ran.out;
    EXPECT_THAT(ran.err, Not(HasSubstr("submission queue")));
    EXPECT_THAT(ran.err, HasSubstr("did not come to Postern"));
  }
  // As mailq marks what is being sent.
  EXPECT_THAT(store.Run({"explain", "5BFCB690*"}).err,
              HasSubstr("recorded for 5BFCB690:"));
}

TEST(FrameTest, AFileWithoutTheStandardLineIsToldWhatItLacks) {
  const TestStore store;
  store.Good({"init"});
  store.Write("lines.txt", "a.example secure\n");
  const Ran ran =
      store.Run({"policy", "apply", store.path("lines.txt"), "--yes"});
  EXPECT_EQ(ran.status, 1) << ran.out;
  EXPECT_THAT(ran.err, HasSubstr("a file for 'policy apply' has to have one"));
}

TEST(FrameTest, WhoMayNotReadTheRecordsIsNotToldThatTheyAreDamaged) {
  const TestStore store;
  store.Good({"init"});
  RunOptions options;
  options.as_nobody = geteuid() == 0;
  const std::string closed = store.path("closed");
  ASSERT_EQ(mkdir(closed.c_str(), 0), 0);
  const std::vector<std::vector<std::string>> commands{
      {"observations", "--set", "state=" + closed + "/state.db"},
      {"explain", "4Zb1cD2eF3z", "--set", "state=" + closed + "/state.db"},
      {"sts", "show", "--set", "published=" + closed + "/published.db"},
      {"explain", "bank.example", "--here", "--set",
       "snapshot=" + closed + "/policy.db"}};
  for (const std::vector<std::string>& words : commands) {
    const Ran ran = store.Run(words, options);
    EXPECT_EQ(ran.status, 4) << words.front() << ran.out;
    EXPECT_THAT(ran.err, HasSubstr("run pin-admin as root, with sudo"));
  }
  rmdir(closed.c_str());
}

TEST(FrameTest, AFileAndAPipeGetNoColour) {
  const TestStore store;
  store.Good({"init"});
  const Ran ran = store.Good({"policy", "list"});
  EXPECT_THAT(ran.out + ran.err, Not(HasSubstr("\033")));
}

TEST(FrameTest, QuietSaysNothingWhenAllIsGood) {
  const TestStore store;
  EXPECT_EQ(store.Good({"init", "--quiet"}).out, "");
  EXPECT_EQ(store.Good({"policy", "set", "a.example", "secure", "-q"}).out, "");
  EXPECT_THAT(store.Good({"policy", "list", "-q"}).out, HasSubstr("a.example"));
}

TEST(FrameTest, NagiosStatusesAreThoseOfTheMonitoringPlugins) {
  const TestStore store;
  // 4, could not find out, is 3 there; so is wrong usage.
  const Ran none = store.Run({"check", "--nagios"});
  EXPECT_EQ(none.status, 3);
  // Who is paged sees the first line only.
  EXPECT_THAT(none.out, HasSubstr("could not check: "));
  EXPECT_THAT(none.out, Not(HasSubstr("standard error")));
  EXPECT_EQ(store.Run({"check", "--nagios", "--no-such"}).status, 3);
  store.Good({"init"});
  const Ran ran = store.Run({"check", "--nagios"});
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("POSTERN OK - 0 destinations"));
  // The document's status is the process's, whatever that counts by.
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{
           {"check", "--nagios", "--json"},
           {"check", "--nagios", "--json", "--no-such"}}) {
    const Ran both = store.Run(words);
    EXPECT_EQ(*both.json()["status"].integer(), both.status);
    EXPECT_EQ(both.json()["nagios"].text(),
              both.status == 0 ? "OK" : "UNKNOWN");
  }
}

TEST(FrameTest, AnOverrideThatIsWrongIsNotTheFilesFault) {
  const TestStore store;
  for (const char* set : {"no-such=1", "dns-timeout=soon", "nothing"}) {
    SCOPED_TRACE(set);
    const Ran ran = store.Run({"plugins", "--set", set});
    EXPECT_EQ(ran.status, 2);
    EXPECT_THAT(ran.err, HasSubstr("--set"));
    EXPECT_THAT(ran.err, Not(HasSubstr("postern.conf:")));
  }
  // Each good by itself: both are named.
  const Ran ran = store.Run({"plugins", "--set", "total-timeout=5m"});
  EXPECT_EQ(ran.status, 4);
  EXPECT_THAT(ran.err, HasSubstr("--set does not go with"));
}

TEST(FrameTest, ABrokenConfigurationIsNamed) {
  const TestStore store;
  const std::string file = store.Write("broken.conf", "no-such-option = 1\n");
  const Ran ran = RunBinary({"policy", "list", "--config", file});
  EXPECT_EQ(ran.status, 4);
  EXPECT_THAT(ran.err, HasSubstr("no-such-option"));
  EXPECT_EQ(RunBinary({"policy", "list", "--config", "/nonexistent"}).status,
            4);
}

// The library knows one socket; the questions by ${readsocket} name theirs.
TEST(ConfigEximTest, AnotherDoorIsOnlyForReadsocket) {
  TestStore store;
  const std::vector<std::string> set = {"--set", "door-exim=/run/other/exim"};
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.end(), set.begin(), set.end());
    return store.Run(words);
  };
  EXPECT_EQ(run({"config", "exim"}).status, 1);
  const Ran by_socket = run({"config", "exim", "--readsocket"});
  EXPECT_EQ(by_socket.status, 0) << by_socket.err;
  EXPECT_THAT(by_socket.out, HasSubstr("${readsocket{/run/other/exim}"));
  const Ran closed =
      store.Run({"config", "exim", "--readsocket", "--set", "door-exim="});
  EXPECT_EQ(closed.status, 1);
  EXPECT_THAT(closed.err, HasSubstr("door-exim"));
}

TEST(ConfigSendmailTest, M4CallsNothingOfItsComments) {
  const TestStore store;
  store.Good({"init", "--default", "auto"});
  for (const char* strict : {"--quiet", "--strict"}) {
    std::string head = store.Good({"config", "sendmail", strict}).out;
    ASSERT_THAT(head, HasSubstr("\ndnl # --- sendmail.mc, at its end\n"));
    head.resize(head.find("define("));
    std::istringstream lines(head);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_TRUE(line.empty() || line.starts_with("dnl #")) << line;
    }
  }
}

}  // namespace
}  // namespace postern
