// Cisco's destination-control settings, each as one of our lines.
#include <array>

#include "core/policy/line_attributes.h"
#include "core/policy/policy_words.h"

namespace postern {
namespace {

constexpr std::array<LevelAlias, 6> kAliases{
    LevelAlias{"no", Level::kNone},
    LevelAlias{"preferred", Level::kMay},
    LevelAlias{"required", Level::kEncrypt},
    LevelAlias{"preferred-verify", Level::kVerify, true, OnFail::kDeliverClear},
    LevelAlias{"required-verify", Level::kVerify, true},
    LevelAlias{"required-verify-hosted", Level::kHosted},
};

constexpr std::array kAliasWords{
    PolicyWord{"no", "", "none"},
    PolicyWord{"preferred", "", "may"},
    PolicyWord{"required", "", "encrypt"},
    PolicyWord{"preferred-verify", "",
               "verify match=domain:ptr cn=always on-fail=deliver-clear"},
    PolicyWord{"required-verify", "", "verify match=domain:ptr cn=always"},
    PolicyWord{"required-verify-hosted", "", "hosted"},
};
static_assert(kAliasWords.size() == kAliases.size());

}  // namespace

std::span<const PolicyWord> AliasWords() { return kAliasWords; }

std::optional<LevelAlias> AliasFromWord(std::string_view word) {
  const std::string lower = ToLowerAscii(word);
  for (const LevelAlias& alias : kAliases) {
    if (alias.word == lower) return alias;
  }
  return std::nullopt;
}

void ApplyAlias(const LevelAlias& alias, PolicyLine& line) {
  line.level = alias.level;
  line.alias = alias.word;
  line.on_fail = alias.on_fail;
  if (!alias.domain_or_ptr) return;
  line.match = {MatchToken::kDomain, MatchToken::kPtr};
  line.cn = CommonName::kAlways;
}

}  // namespace postern
