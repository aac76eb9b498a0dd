// core/config/text_layout.h
//
// Lines of at most 79 columns, for help texts and explained files.
#pragma once

#include <string>
#include <string_view>

namespace postern {

// `text` broken between words; the first line begins with `first`, the others
// with `rest`. A line break in `text` is kept. Ends with a line break.
std::string Wrap(std::string_view text, std::string_view first,
                 std::string_view rest);

}  // namespace postern
