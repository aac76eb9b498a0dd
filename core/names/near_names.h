// core/names/near_names.h
//
// "did you mean": what a word that nobody knows may have been meant to be. For
// levels, attributes, options, settings and commands alike.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern {

// Of `known`, those that `word` may have been meant to be, nearest first; at
// most three.
std::vector<std::string> NearNames(std::string_view word,
                                   std::span<const std::string_view> known);

// "; did you mean --json or --quiet?" with `prefix` "--"; empty where nothing
// is near.
std::string DidYouMean(std::string_view word,
                       std::span<const std::string_view> known,
                       std::string_view prefix = "");

}  // namespace postern
