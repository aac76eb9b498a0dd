#include "core/config/text_layout.h"

namespace postern {
namespace {

constexpr std::size_t kColumns = 79;

void WrapLine(std::string_view text, std::string line, std::string_view rest,
              std::string& out) {
  bool empty = true;  // no word on this line yet
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size() < text.size() ? word.size() + 1
                                                 : text.size());
    if (word.empty()) continue;
    if (!empty && line.size() + 1 + word.size() > kColumns) {
      out += line + "\n";
      line = rest;
      empty = true;
    }
    if (!empty) line += ' ';
    line += word;
    empty = false;
  }
  // No white space at the end of an empty line.
  line.erase(line.find_last_not_of(' ') + 1);
  out += line + "\n";
}

}  // namespace

std::string Wrap(std::string_view text, std::string_view first,
                 std::string_view rest) {
  std::string out;
  std::string_view begin = first;
  for (;;) {
    const std::size_t end = text.find('\n');
    WrapLine(text.substr(0, end), std::string(begin), rest, out);
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
    begin = rest;
  }
}

}  // namespace postern
