// pin-admin/tables/table_text.h
//
// Pieces of text that every table has. Private to this room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern {

// ASCII only; other octets stay.
std::string LowerCase(std::string_view text);

// Without the blanks (CR is one) at both ends.
std::string_view Trim(std::string_view text);

// The next line of `text`, which loses it; without its newline.
std::string_view TakeLine(std::string_view& text);

// Without empty parts.
std::vector<std::string> SplitWords(std::string_view text,
                                    std::string_view separators);
// With colons between them.
std::string JoinParts(const std::vector<std::string>& parts);

}  // namespace postern
