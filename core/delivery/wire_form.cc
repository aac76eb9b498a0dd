#include "core/delivery/wire_form.h"

#include <algorithm>

namespace postern {
namespace {

constexpr const char* kSingleDot =
    "a line begins with a dot that is not doubled";

// Room for the space that a folded line begins with, and an octet.
constexpr std::size_t kShortestLimit = 2;

Error NotWireForm(const std::string& what) {
  return Error{Reason::kRequestInvalid,
               "the message is not in wire form: " + what};
}

}  // namespace

WireForm::WireForm(std::size_t line_limit)
    : line_limit_(line_limit == 0 ? 0 : std::max(line_limit, kShortestLimit)) {}

Status WireForm::Feed(std::string_view octets, std::string& out) {
  while (!octets.empty()) {
    if (cr_pending_) {
      cr_pending_ = false;
      if (octets.front() == '\n') {
        if (lone_dot()) return NotWireForm(kSingleDot);
        out += "\r\n";
        line_ = Line::kEmpty;
        column_ = 0;
        octets.remove_prefix(1);
        continue;
      }
      if (lone_dot()) return NotWireForm(kSingleDot);
      AddText(" ", out);
    }
    const std::size_t end = octets.find_first_of("\r\n");
    const std::string_view text = octets.substr(0, end);
    if (!text.empty()) {
      if (lone_dot() && text.front() != '.') return NotWireForm(kSingleDot);
      const bool first_dot = line_ == Line::kEmpty && text.front() == '.';
      if (first_dot && text.size() > 1 && text[1] != '.') {
        return NotWireForm(kSingleDot);
      }
      line_ = first_dot && text.size() == 1 ? Line::kDot : Line::kText;
      // The doubled dot does not count (RFC 5321 section 4.5.3.1.6).
      if (first_dot) out += '.';
      AddText(text.substr(first_dot ? 1 : 0), out);
    }
    if (end == std::string_view::npos) return {};
    if (octets[end] == '\n') return NotWireForm("a line ends in LF alone");
    cr_pending_ = true;
    octets.remove_prefix(end + 1);
  }
  return {};
}

Status WireForm::End(std::string& out) {
  if (lone_dot()) return NotWireForm(kSingleDot);
  if (cr_pending_) AddText(" ", out);
  cr_pending_ = false;
  return {};
}

void WireForm::AddText(std::string_view text, std::string& out) {
  if (line_ == Line::kEmpty) line_ = Line::kText;
  while (line_limit_ != 0 && column_ + text.size() > line_limit_) {
    out += text.substr(0, line_limit_ - column_);
    text.remove_prefix(line_limit_ - column_);
    out += "\r\n ";
    column_ = 1;
  }
  out += text;
  column_ += text.size();
}

}  // namespace postern
