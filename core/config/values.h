// core/config/values.h
//
// The forms of values in postern.conf. An Error says what was expected; the
// caller adds which option it was.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/outcome/result.h"

namespace postern {

// Words between white space or commas, of all the values together.
std::vector<std::string> SplitWords(std::span<const std::string> values);

// A whole number in [low, high].
Result<std::size_t> ParseCount(std::string_view text, std::size_t low,
                               std::size_t high);

// Octets: a number, and k, M or G (1024 each).
Result<std::size_t> ParseSize(std::string_view text);

// A number and s, m, h or d; seconds without one. Not zero.
Result<std::chrono::seconds> ParseDuration(std::string_view text);

// "yes" or "no".
Result<bool> ParseSwitch(std::string_view text);

}  // namespace postern
