#include "core/names/quoted.h"

namespace postern {

std::string Quoted(std::string_view text) {
  constexpr std::size_t kMost = 100;
  std::string quoted = "'";
  for (const char c : text.substr(0, kMost)) {
    quoted += c < 0x20 || c > 0x7e || c == '\'' ? '?' : c;
  }
  if (text.size() > kMost) quoted += "...";
  quoted += '\'';
  return quoted;
}

}  // namespace postern
