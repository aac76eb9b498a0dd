// pin-admin/doctor/pattern_table.h
//
// Postfix's tables of patterns (regexp_table(5), pcre_table(5), cidr_table(5))
// as files: postmap can't list them, so what they may answer is read here. Only
// ever used to say more might bypass Postern, never to say less.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/outcome/result.h"

namespace postern {

struct PatternLine {
  int number = 0;
  std::string pattern;       // without its delimiters; empty: a negated one
  bool conditional = false;  // within if ... endif
  std::string result;
};

// "/pattern/flags result" lines. An Error for what can't be read so.
Result<std::vector<PatternLine>> ParsePatternTable(std::string_view text);
// "network/bits result" lines.
Result<std::vector<PatternLine>> ParseCidrTable(std::string_view text);

// The domain to which a pattern's matches are bound by "@domain$" at its end;
// nothing where it may match addresses of others.
std::optional<std::string> DomainOfPattern(std::string_view pattern);
// Does the pattern match every address of the domain? Known forms only.
bool MatchesAll(std::string_view pattern, const std::string& domain);

}  // namespace postern
