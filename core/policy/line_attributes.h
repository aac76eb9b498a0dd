// core/policy/line_attributes.h
//
// The attributes of a policy line: their names and how each value is read.
// Whether they make sense together is CheckPolicyLine()'s. Private to this
// room.
#pragma once

#include <string>

#include "core/policy/line_words.h"
#include "core/policy/policy_line.h"

namespace postern {

// Reads one "name=value" into `line`. Errors name the word and what would be
// right (kPolicyInvalid).
Status SetAttribute(const LineWord& word, PolicyLine& line);

// Cisco's destination-control settings, each as one of our lines.
struct LevelAlias {
  std::string_view word;
  Level level;
  bool domain_or_ptr = false;  // match=domain:ptr cn=always
  OnFail on_fail = OnFail::kDefer;
};

// Nothing for a word that is no alias; any case.
std::optional<LevelAlias> AliasFromWord(std::string_view word);

// Writes the alias's level and attributes into `line`, its word included.
void ApplyAlias(const LevelAlias& alias, PolicyLine& line);

// The ends of "the line says X": tokens of the enumerations.
std::string_view ToString(CommonName cn);
std::string_view ToString(OnFail on_fail);
std::string_view ToString(Family family);

}  // namespace postern
