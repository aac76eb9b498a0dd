// core/names/quoted.h
//
// Text of unknown origin made fit for a log line or an error: one line,
// printable ASCII, bounded, in quotes. And what no line may hold.
#pragma once

#include <string>
#include <string_view>

namespace postern {

// 'text', with every octet that is not printable ASCII (and the quote itself)
// shown as '?', cut after 100 octets with "...".
std::string Quoted(std::string_view text);

// US-ASCII's control characters: 0 to 31, a tab among them, and 127.
inline bool IsControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

}  // namespace postern
