// pin-admin/tables/source_lines.h
//
// The logical lines of a Postfix lookup table's source, as postmap(1) and
// texthash: read them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern {

struct SourceLine {
  int number = 0;     // of the line that it begins on
  std::string key;    // up to the first blank outside quotes
  std::string value;  // empty: there was none
  // Not empty: Postfix does not read this line at all, and why.
  std::string trouble;
};

// A line that begins with a blank goes on with the one before it; empty lines
// and lines whose first character is '#' are passed over wherever they stand,
// also between a line and its continuation. A '#' further on is text.
std::vector<SourceLine> ReadSourceLines(std::string_view text);

}  // namespace postern
