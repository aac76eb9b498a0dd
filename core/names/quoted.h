// core/names/quoted.h
//
// Text of unknown origin made fit for a log line or an error: one line,
// printable ASCII, bounded, in quotes.
#pragma once

#include <string>
#include <string_view>

namespace postern {

// 'text', with every octet that is not printable ASCII (and the quote itself)
// shown as '?', cut after 100 octets with "...".
std::string Quoted(std::string_view text);

}  // namespace postern
