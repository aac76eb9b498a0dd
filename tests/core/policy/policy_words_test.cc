// What the documentation is made from is what the parser knows.
#include "core/policy/policy_words.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "core/policy/policy_line.h"

namespace postern {
namespace {

std::string PolicyPage() {
  std::ifstream file(POSTERN_SOURCE_DIR "/docs/policy.md");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(PolicyWordsTest, EveryWordSaysWhatItMeans) {
  for (const auto words :
       {LevelWords(), AttributeWords(), AliasWords(), MatchWords()}) {
    ASSERT_FALSE(words.empty());
    for (const PolicyWord& word : words) {
      EXPECT_FALSE(word.help.empty()) << word.word;
    }
  }
  for (const PolicyWord& word : AttributeWords()) {
    EXPECT_FALSE(word.value.empty()) << word.word;
  }
}

TEST(PolicyWordsTest, AnAliasIsWrittenAsItsHelpSays) {
  for (const PolicyWord& alias : AliasWords()) {
    const Result<PolicyLine> line =
        ParsePolicyLine("example.org " + std::string(alias.word));
    ASSERT_TRUE(line.ok()) << alias.word;
    EXPECT_EQ(Format(*line), "example.org " + std::string(alias.help) +
                                 " alias=" + std::string(alias.word));
  }
}

TEST(PolicyWordsTest, ThePolicyPageHasThemAll) {
  const std::string page = PolicyPage();
  const auto has = [&page](std::string_view text) {
    return page.find(text) != std::string::npos;
  };
  for (const auto words : {LevelWords(), AliasWords(), MatchWords()}) {
    for (const PolicyWord& word : words) {
      EXPECT_TRUE(has("| `" + std::string(word.word) + "` |"))
          << "docs/policy.md has no row for " << word.word;
    }
  }
  for (const PolicyWord& word : AttributeWords()) {
    EXPECT_TRUE(has("`" + std::string(word.word) + "="))
        << "docs/policy.md does not name " << word.word << "=";
  }
}

}  // namespace
}  // namespace postern
