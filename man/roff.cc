#include "man/roff.h"

namespace postern {
namespace {

constexpr std::string_view kEllipsis = "…";

std::string_view Escape(char c) {
  switch (c) {
    case '\\':
      return "\\e";
    case '-':
      return "\\-";  // a plain one may become a hyphen that can't be pasted
    case '\'':
      return "\\(aq";
    case '`':
      return "\\(ga";
    case '^':
      return "\\(ha";
    case '~':
      return "\\(ti";
    case '"':
      return "\\(dq";
    default:
      return {};
  }
}

}  // namespace

std::string RoffText(std::string_view text) {
  std::string out;
  // A line that begins with a dot would be a request.
  if (text.starts_with('.')) out += "\\&";
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with(kEllipsis)) {
      out += "...";
      i += kEllipsis.size() - 1;
      continue;
    }
    const std::string_view escaped = Escape(text[i]);
    if (escaped.empty()) {
      out += text[i];
    } else {
      out += escaped;
    }
  }
  return out;
}

std::string RoffLines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t end = text.find_first_of('\n');
    if (const std::size_t stop = text.find(". "); stop < end) end = stop + 1;
    out += RoffText(text.substr(0, end)) + "\n";
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

std::string RoffArgument(std::string_view text) {
  // The \& keeps mdoc from taking "No" or "|" for a macro or a delimiter.
  const std::string escaped = "\\&" + RoffText(text);
  return text.find(' ') == std::string_view::npos ? escaped
                                                  : '"' + escaped + '"';
}

}  // namespace postern
