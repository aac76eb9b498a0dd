// tests/core/config/command_line_test.cc
//
// What a command doesn't know it refuses, and says what may have been meant;
// help shows every option and fits a terminal.
#include "core/config/command_line.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

using Args = std::vector<std::string>;

const CommandSpec kRelax{
    .name = "policy relax",
    .summary = "Weakens one destination's policy for a while.",
    .text = "The line beneath holds again when the time is over.",
    .arguments = {{"DOMAIN", "whose mail"}},
    .options = {{"to", 0, "LEVEL", "The level meanwhile.", "may"},
                {"for", 'f', "TIME", "How long.", "", false, true},
                {"reason", 'r', "TEXT", "Why; shown by check.", "", true},
                {"dry-run", 'n', "", "Changes nothing."}},
    .example = "pin-admin policy relax bank.example --for 4h\nsecond line"};
const CommandSpec kShow{.name = "policy show",
                        .summary = "Shows lines.",
                        .arguments = {{"DOMAIN", "which", true, true}},
                        .options = {}};
const CommandSpec kInit{
    .name = "init", .summary = "Begins.", .arguments = {}, .options = {}};
const std::vector<OptionSpec> kCommon{
    {"json", 0, "", "For machines."},
    {"config", 'c', "FILE", "Settings.", "/etc/postern/postern.conf"}};
const std::vector<CommandSpec> kCommands{kRelax, kShow, kInit};

std::string ErrorOf(const CommandSpec& command, const Args& args) {
  const Result<ParsedCommand> parsed = ParseCommand(command, kCommon, args);
  return parsed ? "accepted" : parsed.error().detail();
}

TEST(CommandLineTest, ReadsOptionsArgumentsAndDefaults) {
  const Result<ParsedCommand> parsed =
      ParseCommand(kRelax, kCommon,
                   Args{"bank.example", "-f4h", "--reason", "ticket 7",
                        "--json", "--reason=more"});
  ASSERT_TRUE(parsed.ok()) << parsed.error().detail();
  EXPECT_EQ(parsed->arguments(), Args{"bank.example"});
  EXPECT_EQ(parsed->Argument(0), "bank.example");
  EXPECT_EQ(parsed->Argument(1), "");
  EXPECT_EQ(parsed->Get("for"), "4h");
  EXPECT_EQ(parsed->Get("to"), "may");
  EXPECT_FALSE(parsed->Has("to"));
  EXPECT_EQ(parsed->All("reason"), (Args{"ticket 7", "more"}));
  EXPECT_TRUE(parsed->Has("json"));
  EXPECT_FALSE(parsed->Has("dry-run"));
  EXPECT_EQ(parsed->Find("nothing"), std::nullopt);
}

TEST(CommandLineTest, AfterTwoHyphensEverythingIsAnArgument) {
  const Result<ParsedCommand> parsed = ParseCommand(
      kShow, kCommon, Args{"--json", "--", "--for", "[::1]:25", ""});
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->arguments(), (Args{"--for", "[::1]:25", ""}));
}

TEST(CommandLineTest, RefusesWhatItDoesNotKnow) {
  EXPECT_NE(ErrorOf(kRelax, {"d", "-f1h", "--reson", "x"}).find("--reason"),
            std::string::npos);
  // An abbreviation might mean something else tomorrow.
  EXPECT_NE(ErrorOf(kRelax, {"d", "-f1h", "--reas", "x"})
                .find("did you mean --reason"),
            std::string::npos);
  for (const Args& args :
       {Args{"d"}, Args{"-f1h"}, Args{"d", "e", "-f1h"}, Args{"d", "-f"},
        Args{"d", "-f1h", "-f2h"}, Args{"d", "-f1h", "-x"},
        Args{"d", "-f1h", "--dry-run=yes"}}) {
    EXPECT_NE(ErrorOf(kRelax, args), "accepted")
        << testing::PrintToString(args);
  }
  EXPECT_EQ(ErrorOf(kRelax, {"d", "-f1h", "-n", "-n"}), "accepted");
}

TEST(CommandLineTest, HelpNeedsNothingElse) {
  const Result<ParsedCommand> parsed =
      ParseCommand(kRelax, kCommon, Args{"-h"});
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(parsed->Has("help"));
}

TEST(CommandLineTest, FindsTheCommandOrItsNeighbours) {
  const Result<CommandMatch> found =
      FindCommand(kCommands, Args{"policy", "show", "x"});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->command->name, "policy show");
  EXPECT_EQ(found->words, 2u);

  const auto error = [](const Args& args) {
    const Result<CommandMatch> match = FindCommand(kCommands, args);
    return match ? "found" : match.error().detail();
  };
  EXPECT_NE(error({"policy"}).find("policy relax, policy show"),
            std::string::npos);
  EXPECT_NE(error({"policy", "shw"}).find("policy show"), std::string::npos);
  EXPECT_NE(error({"polcy", "show"}).find("did you mean policy show"),
            std::string::npos);
  EXPECT_NE(error({"int"}).find("init"), std::string::npos);
  // Nearest first, then all there are; and a family whose second word is wrong
  // as well, or missing.
  EXPECT_NE(error({"policy", "shw"}).find("did you mean policy show? There"),
            std::string::npos);
  EXPECT_NE(error({"polcy", "xxxxxxxx"}).find("did you mean policy?"),
            std::string::npos);
  EXPECT_NE(error({"polcy"}).find("did you mean policy?"), std::string::npos);
  EXPECT_NE(error({}), "found");
}

TEST(CommandLineTest, ACommandOfThreeWordsHasNeighboursOfItsOwn) {
  std::vector<CommandSpec> commands;
  for (const char* name : {"policy list", "policy in x", "policy in why"}) {
    commands.push_back({.name = name, .summary = ""});
  }
  const auto found = FindCommand(commands, Args{"policy", "in", "x", "y"});
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->words, 3u);
  const auto none = FindCommand(commands, Args{"policy", "in", "whi", "y"});
  ASSERT_FALSE(none.ok());
  const std::string& said = none.error().detail();
  EXPECT_NE(said.find("'policy in whi'; did you mean policy in why"),
            std::string::npos)
      << said;
  EXPECT_TRUE(said.ends_with("There are policy in x, policy in why")) << said;
}

TEST(CommandLineTest, HelpShowsEverythingAndFitsATerminal) {
  const std::string help = RenderHelp("pin-admin", kRelax, kCommon);
  for (const char* part :
       {"Usage: pin-admin policy relax", "--for TIME", "-r, --reason TEXT",
        "[may]", "Required.", "--json", "-h, --help", "DOMAIN", "second line",
        "The line beneath"}) {
    EXPECT_NE(help.find(part), std::string::npos) << part << " in\n" << help;
  }
  const std::string list = RenderCommandList(
      "pin-admin", std::string(300, 'x') + " and words " + std::string(60, 'y'),
      kCommands, kCommon);
  EXPECT_NE(list.find("  policy relax  Weakens"), std::string::npos) << list;
  EXPECT_NE(list.find("\nand words "), std::string::npos);
}

}  // namespace
}  // namespace postern
