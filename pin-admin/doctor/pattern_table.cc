#include "pin-admin/doctor/pattern_table.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace postern {
namespace {

struct LogicalLine {
  int number = 0;
  std::string text;
};

bool IsSpace(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}
bool IsAlnum(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

// One that begins with white space continues the last; comments are left out.
std::vector<LogicalLine> LogicalLines(std::string_view text) {
  std::vector<LogicalLine> lines;
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
    ++number;
    while (!line.empty() && IsSpace(line.back())) line.remove_suffix(1);
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos || line[first] == '#') continue;
    if (first > 0 && !lines.empty()) {
      lines.back().text += " " + std::string(line.substr(first));
    } else {
      lines.push_back({number, std::string(line.substr(first))});
    }
  }
  return lines;
}

Error Unreadable(int number) {
  return {Reason::kServiceUnavailable,
          "line " + std::to_string(number) +
              " of the table can't be read as a pattern and its result"};
}

// "if /x/" +1, "endif" -1, 0 for any other line.
int Nesting(std::string_view line) {
  std::string word;
  for (const char c : line.substr(0, 5)) {
    word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  if (word == "endif") return -1;
  return word.starts_with("if") && word.size() > 2 && !IsAlnum(word[2]) ? 1 : 0;
}

Result<PatternLine> ParseLine(const LogicalLine& line) {
  const std::string& text = line.text;
  const bool negated = text[0] == '!';
  const std::size_t begin = negated ? 1 : 0;
  if (begin >= text.size() || IsAlnum(text[begin])) {
    return Unreadable(line.number);
  }
  std::size_t close = begin + 1;
  while (close < text.size() && text[close] != text[begin]) {
    close += text[close] == '\\' ? 2 : 1;
  }
  const std::size_t space =
      close < text.size() ? text.find_first_of(" \t", close) : close;
  const std::size_t result = space < text.size()
                                 ? text.find_first_not_of(" \t", space)
                                 : std::string::npos;
  if (result == std::string::npos) return Unreadable(line.number);
  PatternLine pattern;
  pattern.number = line.number;
  // A negated pattern matches everybody else; flags may change what a pattern
  // means.
  if (!negated && space == close + 1) {
    pattern.pattern = text.substr(1, close - 1);
  }
  pattern.result = text.substr(result);
  return pattern;
}

}  // namespace

Result<std::vector<PatternLine>> ParsePatternTable(std::string_view text) {
  std::vector<PatternLine> lines;
  int depth = 0;
  for (const LogicalLine& line : LogicalLines(text)) {
    const int nesting = Nesting(line.text);
    depth += nesting;
    if (nesting != 0) continue;
    Result<PatternLine> pattern = ParseLine(line);
    if (!pattern) return pattern.error();
    pattern->conditional = depth != 0;
    lines.push_back(*std::move(pattern));
  }
  return lines;
}

Result<std::vector<PatternLine>> ParseCidrTable(std::string_view text) {
  std::vector<PatternLine> lines;
  for (const LogicalLine& line : LogicalLines(text)) {
    if (Nesting(line.text) != 0) continue;
    const std::size_t space = line.text.find_first_of(" \t");
    if (space == std::string::npos) return Unreadable(line.number);
    PatternLine pattern;
    pattern.number = line.number;
    pattern.result =
        line.text.substr(line.text.find_first_not_of(" \t", space));
    lines.push_back(std::move(pattern));
  }
  return lines;
}

std::optional<std::string> DomainOfPattern(std::string_view pattern) {
  if (!pattern.ends_with('$') || pattern.find('|') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::size_t at = pattern.rfind('@');
  if (at == std::string_view::npos) return std::nullopt;
  // In a class or escaped, the "@" is not what it seems.
  if (at > 0 && (pattern[at - 1] == '[' || pattern[at - 1] == '\\')) {
    return std::nullopt;
  }
  std::string_view rest = pattern.substr(at + 1, pattern.size() - at - 2);
  std::string domain;
  while (!rest.empty()) {
    if (rest.starts_with("\\.")) {
      domain += '.';
      rest.remove_prefix(2);
      continue;
    }
    const char c = rest.front();
    if (!IsAlnum(c) && c != '-') return std::nullopt;
    domain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    rest.remove_prefix(1);
  }
  if (domain.empty()) return std::nullopt;
  return domain;
}

bool MatchesAll(std::string_view pattern, const std::string& domain) {
  for (const std::string_view all : {".", ".*", "^", "@", "^.*", "^.*$"}) {
    if (pattern == all) return true;
  }
  if (DomainOfPattern(pattern) != std::optional(domain)) return false;
  const std::string_view before = pattern.substr(0, pattern.rfind('@'));
  for (const std::string_view any :
       {"", ".*", "^.*", "(.*)", "^(.*)", "^.+", "^(.+)"}) {
    if (before == any) return true;
  }
  return false;
}

}  // namespace postern
