#include "core/policy/policy_line.h"

#include <algorithm>

#include "core/names/near_names.h"
#include "core/names/quoted.h"
#include "core/policy/line_attributes.h"
#include "core/policy/line_words.h"
#include "core/policy/policy_words.h"

namespace postern {
namespace {

Status SetLevel(const LineWord& word, PolicyLine& line) {
  if (!word.has_value) {
    if (const auto level = LevelFromToken(word.name)) {
      line.level = *level;
      return {};
    }
    if (const auto alias = AliasFromWord(word.name)) {
      ApplyAlias(*alias, line);
      return {};
    }
  }
  std::vector<std::string_view> known;
  std::string levels;
  for (const PolicyWord& level : LevelWords()) {
    known.push_back(level.word);
    levels += (levels.empty() ? "" : ", ") + std::string(level.word);
  }
  const std::string near =
      word.has_value ? "" : DidYouMean(ToLowerAscii(word.name), known);
  return InvalidLine(
      "after the key comes a level, and " +
      Quoted(word.has_value ? word.name + "=" + word.value : word.name) +
      " is none" + (near.empty() ? ": " : near + " The levels are ") + levels);
}

// Attributes that an alias has already decided.
bool DecidedByAlias(std::string_view name, const PolicyLine& line) {
  if (line.alias.empty()) return false;
  return name == "alias" || name == "match" || name == "cn" ||
         name == "on-fail";
}

}  // namespace

Result<PolicyLine> ParsePolicyLine(std::string_view text) {
  Result<std::vector<LineWord>> words = SplitLine(text);
  if (!words) return words.error();
  if (words->empty()) {
    return InvalidLine("the line is empty: 'example.org secure' is one");
  }
  const LineWord& first = words->front();
  Result<PolicyKey> key = PolicyKey::Parse(
      first.has_value ? first.name + "=" + first.value : first.name);
  if (!key) return key.error();
  PolicyLine line;
  line.key = *std::move(key);
  if (words->size() < 2) {
    return InvalidLine("the level is missing after " + Quoted(line.key.str()));
  }
  if (Status status = SetLevel((*words)[1], line); !status)
    return status.error();

  const bool alias = !line.alias.empty();
  for (auto word = words->begin() + 2; word != words->end(); ++word) {
    const auto same = [&](const LineWord& w) { return w.name == word->name; };
    if (word->has_value &&
        std::find_if(words->begin() + 2, word, same) != word) {
      return InvalidLine(word->name + "= is there twice");
    }
    if (alias && word->has_value && DecidedByAlias(word->name, line)) {
      return InvalidLine(word->name + "= is already decided by " + line.alias +
                         ": write the level itself (" +
                         std::string(ToString(line.level)) + ") to choose it");
    }
    if (Status status = SetAttribute(*word, line); !status) {
      return status.error();
    }
  }
  if (Status status = CheckPolicyLine(line); !status) return status.error();
  // A-labels and ports can make the canonical form the longer one, and it has
  // to be readable, too.
  if (Format(line).size() > kLongestLine) {
    return InvalidLine("the line's canonical form is longer than 8192 octets");
  }
  return line;
}

}  // namespace postern
