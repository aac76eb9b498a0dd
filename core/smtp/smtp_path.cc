#include "core/smtp/smtp_path.h"

#include <algorithm>

namespace postern {

namespace {

constexpr std::size_t kMaxPath = 1000;

Error Refuse(const char* why) {
  return Error{Reason::kRequestInvalid,
               std::string("an address of the envelope ") + why};
}

}  // namespace

Status CheckPath(std::string_view address) {
  if (address.size() > kMaxPath) return Refuse("is too long");
  bool quoted = false;
  bool escaped = false;
  for (const char c : address) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7f) {
      return Refuse("holds a control character");
    }
    if (escaped) {
      escaped = false;
    } else if (quoted && c == '\\') {
      escaped = true;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ' ' || c == '<' || c == '>')) {
      return Refuse("holds a space or an angle bracket outside quotes");
    }
  }
  if (quoted) return Refuse("has a quoted string without an end");
  return {};
}

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x80;
  });
}

}  // namespace postern
