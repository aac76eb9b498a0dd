// man/roff.h
//
// Text as mdoc(7) source, in which no octet of it means anything.
#pragma once

#include <string>
#include <string_view>

namespace postern {

// Inside a line.
std::string RoffText(std::string_view text);
// Lines of text, each sentence on one of its own, as mdoc likes them. Ends with
// a line break.
std::string RoffLines(std::string_view text);
// One argument of a macro.
std::string RoffArgument(std::string_view text);

}  // namespace postern
