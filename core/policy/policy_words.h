// core/policy/policy_words.h
//
// The words of a policy line, each with what it means, from the tables that the
// parser reads: the man page postern-policy(5) is made from these, and a test
// holds docs/policy.md to them. A word can't be known to the parser and unknown
// here.
#pragma once

#include <span>
#include <string_view>

namespace postern {

struct PolicyWord {
  std::string_view word;   // "fingerprint", "match"
  std::string_view value;  // of an attribute: "NAMES", "yes|no"; else empty
  std::string_view help;   // sentences
};

// Refer to static storage.
std::span<const PolicyWord> LevelWords();      // in the order of strength
std::span<const PolicyWord> AttributeWords();  // those that people write
std::span<const PolicyWord> AliasWords();      // help: what it is written as
std::span<const PolicyWord> MatchWords();      // the tokens of match=

}  // namespace postern
