// Advice that cannot be followed is worse than none: every pin-admin command
// that a message, a hint or a page of documentation names exists.
#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>

#include "pin-admin/command.h"
#include "tests/pin-admin/run_pin_admin.h"

namespace postern {
namespace {

namespace fs = std::filesystem;

// What stands behind "pin-admin" in quotes, backquotes or at a line's
// beginning; in sources, where literals go on in the next line, with those
// joined.
std::set<std::string> Named(const std::string& text) {
  static const std::regex kBroken("\"\\s*\\n\\s*\"");
  static const std::regex kCommand(
      "(?:['`\"(]|\\\\n)pin-admin ([a-z][a-z-]*(?: [a-z][a-z-]*){0,2})");
  const std::string joined = std::regex_replace(text, kBroken, "");
  std::set<std::string> named;
  for (std::sregex_iterator at(joined.begin(), joined.end(), kCommand), end;
       at != end; ++at) {
    named.insert((*at)[1]);
  }
  return named;
}

void ExpectCommands(const std::string& where, const std::string& text,
                    std::size_t& count) {
  std::vector<CommandSpec> specs;
  for (const Command& command : AllCommands()) specs.push_back(command.spec);
  for (const std::string& name : Named(text)) {
    ++count;
    std::istringstream in(name);
    const std::vector<std::string> words{std::istream_iterator<std::string>(in),
                                         {}};
    EXPECT_TRUE(FindCommand(specs, words).ok())
        << where << " names 'pin-admin " << name << "'";
  }
}

TEST(HintsTest, EveryReasonNamesCommandsThatExist) {
  std::size_t count = 0;
  for (const ReasonInfo& info : AllReasons()) {
    ExpectCommands(std::string(info.token),
                   std::string(info.sentence) + "\n" + std::string(info.hint),
                   count);
  }
  EXPECT_GT(count, 4u);
}

TEST(HintsTest, EveryMessageAndPageNamesCommandsThatExist) {
  const fs::path top = POSTERN_SOURCE_DIR;
  std::size_t count = 0;
  ExpectCommands("README.md", ReadAll((top / "README.md").string()), count);
  for (const char* room : {"core", "plugins", "pin-admin", "posternd",
                           "postfix-transport", "docs"}) {
    for (const fs::directory_entry& entry :
         fs::recursive_directory_iterator(top / room)) {
      const std::string end = entry.path().extension().string();
      if (end != ".cc" && end != ".h" && end != ".md") continue;
      ExpectCommands(entry.path().string(), ReadAll(entry.path().string()),
                     count);
    }
  }
  EXPECT_GT(count, 50u);
}

TEST(HintsTest, TheSearchFindsWhatIsBrokenOverLines) {
  EXPECT_EQ(Named("\"run 'pin-admin \"\n    \"pin list'\""),
            std::set<std::string>{"pin list"});
  std::size_t count = 0;
  EXPECT_EQ(Named("see `pin-admin no-such thing`").size(), 1u);
  ExpectCommands("here", "nothing named", count);
  EXPECT_EQ(count, 0u);
}

}  // namespace
}  // namespace postern
