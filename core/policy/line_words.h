// core/policy/line_words.h
//
// The words of a policy line, before they mean anything. Private to this room.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "core/outcome/result.h"

namespace postern {

// In its canonical form as well.
inline constexpr std::size_t kLongestLine = 8192;  // octets

// kPolicyInvalid.
Error InvalidLine(std::string why);

// "name=value" or a bare word (`name` holds it, `has_value` is false).
struct LineWord {
  std::string name;   // lower case where it has a value
  std::string value;  // without its quotes
  bool has_value = false;
};

// Splits at blanks. A value may stand in double quotes, in which \" and \\ are
// the quote and the backslash. Refuses control characters, text that is not
// UTF-8, unfinished quotes and lines over 8192 octets (kPolicyInvalid).
Result<std::vector<LineWord>> SplitLine(std::string_view text);

// `value` as SplitLine() reads it back: in quotes where it needs them.
std::string QuoteValue(std::string_view value);

// ASCII only; other octets stay.
std::string ToLowerAscii(std::string_view text);

// At every `separator`, empty parts included; no parts for empty text.
std::vector<std::string_view> SplitAt(std::string_view text,
                                      std::string_view separators);

}  // namespace postern
