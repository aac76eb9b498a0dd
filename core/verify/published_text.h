// core/verify/published_text.h
//
// BoundedText(): what a destination publishes, short enough for plans and
// records. A stranger may publish thousands of lines, which would stand in the
// record of each session once for every host.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace postern {

inline constexpr std::size_t kMostPublishedLines = 50;
inline constexpr std::size_t kLongestPublishedLine = 300;  // octets

// `lines`, the first fifty of them, each cut after 300 octets. Where anything
// was left out a last line says so, and has a digest of all of them ("... 12
// more (sha256 of all 62: 5c15…)"): different lines never become the same text.
std::vector<std::string> BoundedText(std::vector<std::string> lines);

}  // namespace postern
