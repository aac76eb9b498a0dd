#include "core/policy/line_words.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/names/quoted.h"

namespace postern {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// Octets that follow the first one of a UTF-8 sequence; -1 if none can.
int FollowingOctets(std::uint8_t first) {
  if (first < 0x80) return 0;
  if (first >= 0xc2 && first <= 0xdf) return 1;
  if (first >= 0xe0 && first <= 0xef) return 2;
  if (first >= 0xf0 && first <= 0xf4) return 3;
  return -1;
}

// Well-formed by RFC 3629: owners and notes end in JSON and in terminals.
bool IsUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<std::uint8_t>(text[i++]);
    const int following = FollowingOctets(first);
    if (following < 0) return false;
    for (int k = 0; k < following; ++k) {
      if (i == text.size()) return false;
      const auto octet = static_cast<std::uint8_t>(text[i++]);
      // The second octet rules out overlong forms, surrogates and what is
      // beyond U+10FFFF; C1 controls are no text either.
      const std::uint8_t least = k > 0           ? 0x80
                                 : first == 0xe0 ? 0xa0
                                 : first == 0xf0 ? 0x90
                                 : first == 0xc2 ? 0xa0
                                                 : 0x80;
      const std::uint8_t most = k > 0           ? 0xbf
                                : first == 0xed ? 0x9f
                                : first == 0xf4 ? 0x8f
                                                : 0xbf;
      if (octet < least || octet > most) return false;
    }
  }
  return true;
}

// Reads a quoted value; `rest` begins behind the opening quote and ends behind
// the closing one.
Result<std::string> TakeQuoted(std::string_view& rest) {
  std::string value;
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c == '"') {
      if (!rest.empty() && !IsBlank(rest.front())) {
        return InvalidLine("a blank is missing after the quoted value " +
                           Quoted(value));
      }
      return value;
    }
    if (c != '\\') {
      value += c;
      continue;
    }
    if (rest.empty() || (rest.front() != '"' && rest.front() != '\\')) {
      return InvalidLine(
          "in quotes, a backslash stands before a quote or another "
          "backslash only");
    }
    value += rest.front();
    rest.remove_prefix(1);
  }
  return InvalidLine("the quote before " + Quoted(value) + " is never closed");
}

std::string TakePlain(std::string_view& rest) {
  const auto* const end = std::find_if(rest.begin(), rest.end(), IsBlank);
  const auto length = static_cast<std::size_t>(end - rest.begin());
  std::string text(rest.substr(0, length));
  rest.remove_prefix(length);
  return text;
}

Result<LineWord> TakeWord(std::string_view& rest) {
  LineWord word;
  const std::size_t end = rest.find_first_of(" \t=\"");
  const bool quoted_value = end != std::string_view::npos && rest[end] == '=' &&
                            rest.substr(end + 1, 1) == "\"";
  if (quoted_value) {
    word.name = ToLowerAscii(rest.substr(0, end));
    rest.remove_prefix(end + 2);
    Result<std::string> value = TakeQuoted(rest);
    if (!value) return value.error();
    word.value = *std::move(value);
    word.has_value = true;
    return word;
  }
  const std::string plain = TakePlain(rest);
  if (plain.find('"') != std::string::npos) {
    return InvalidLine(
        "quotes go around the whole value, as in note=\"a b\": " +
        Quoted(plain));
  }
  const std::size_t equals = plain.find('=');
  word.has_value = equals != std::string::npos;
  word.name = word.has_value ? ToLowerAscii(plain.substr(0, equals)) : plain;
  if (word.has_value) word.value = plain.substr(equals + 1);
  return word;
}

}  // namespace

Error InvalidLine(std::string why) {
  return {Reason::kPolicyInvalid, std::move(why)};
}

Result<std::vector<LineWord>> SplitLine(std::string_view text) {
  if (text.size() > kLongestLine) {
    return InvalidLine("the line is longer than 8192 octets");
  }
  const bool control = std::any_of(text.begin(), text.end(), [](char c) {
    return IsControl(c) && c != '\t';
  });
  if (control) return InvalidLine("the line contains a control character");
  if (!IsUtf8(text)) return InvalidLine("the line is not UTF-8 text");

  std::vector<LineWord> words;
  while (!text.empty()) {
    if (IsBlank(text.front())) {
      text.remove_prefix(1);
      continue;
    }
    Result<LineWord> word = TakeWord(text);
    if (!word) return word.error();
    words.push_back(*std::move(word));
  }
  return words;
}

std::string QuoteValue(std::string_view value) {
  if (!value.empty() &&
      value.find_first_of(" \t\"\\") == std::string_view::npos) {
    return std::string(value);
  }
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  quoted += '"';
  return quoted;
}

std::string ToLowerAscii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::vector<std::string_view> SplitAt(std::string_view text,
                                      std::string_view separators) {
  std::vector<std::string_view> parts;
  if (text.empty()) return parts;
  for (;;) {
    const std::size_t end = text.find_first_of(separators);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace postern
