#include "pin-admin/tables/source_lines.h"

#include "pin-admin/tables/table_text.h"

namespace postern {
namespace {

// isspace(3) of the C locale, as Postfix has it; a table may end its lines in
// CR LF.
constexpr std::string_view kSpace = " \t\r\v\f";

std::string_view TrimEnd(std::string_view text) {
  const std::size_t last = text.find_last_not_of(kSpace);
  return last == std::string_view::npos ? "" : text.substr(0, last + 1);
}

// Where the key ends: at the first blank outside quotes; npos for quotes that
// are never closed.
std::size_t KeyEnd(std::string_view text) {
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && kSpace.find(text[i]) != std::string_view::npos) {
      return i;
    }
  }
  return quoted ? std::string_view::npos : text.size();
}

SourceLine Split(int number, const std::string& text) {
  SourceLine line;
  line.number = number;
  const std::string_view whole = TrimEnd(text);
  const std::size_t end = KeyEnd(whole);
  if (end == std::string_view::npos) {
    line.key = whole;
    line.trouble = "a quote is not closed, so Postfix ignores the line";
    return line;
  }
  line.key = whole.substr(0, end);
  const std::string_view rest = whole.substr(end);
  const std::size_t start = rest.find_first_not_of(kSpace);
  if (start == std::string_view::npos) {
    line.trouble =
        "there is nothing after the key, so Postfix ignores the line";
    return line;
  }
  line.value = rest.substr(start);
  return line;
}

}  // namespace

std::vector<SourceLine> ReadSourceLines(std::string_view text) {
  std::vector<SourceLine> lines;
  std::string logical;
  int begun = 0;
  const auto finish = [&] {
    if (begun != 0) lines.push_back(Split(begun, logical));
    begun = 0;
  };
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = TakeLine(text);
    const std::size_t start = line.find_first_not_of(kSpace);
    if (start == std::string_view::npos || line[start] == '#') continue;
    if (start == 0) {
      finish();
      logical = line;
      begun = number;
    } else if (begun != 0) {
      logical += line;
    } else {
      SourceLine stray;
      stray.number = number;
      stray.key = TrimEnd(line.substr(start));
      stray.trouble =
          "it begins with a blank and there is no line for it to go on with, "
          "so Postfix ignores it";
      lines.push_back(std::move(stray));
    }
  }
  finish();
  return lines;
}

}  // namespace postern
