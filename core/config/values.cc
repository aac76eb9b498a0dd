#include "core/config/values.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace postern {
namespace {

Error Wrong(std::string_view text, std::string_view expected) {
  return Error(Reason::kRequestInvalid, "'" + std::string(text) + "' where " +
                                            std::string(expected) +
                                            " is expected");
}

// Takes the number off the front of `text`; false where there is none or where
// it does not fit.
bool TakeNumber(std::string_view& text, std::size_t& number) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest == text.data()) return false;
  text = std::string_view(rest, static_cast<std::size_t>(end - rest));
  return true;
}

}  // namespace

std::vector<std::string> SplitWords(std::span<const std::string> values) {
  constexpr std::string_view kBetween = " \t,";
  std::vector<std::string> words;
  for (const std::string& value : values) {
    std::size_t begin = 0;
    while ((begin = value.find_first_not_of(kBetween, begin)) !=
           std::string::npos) {
      const std::size_t end =
          std::min(value.find_first_of(kBetween, begin), value.size());
      words.push_back(value.substr(begin, end - begin));
      begin = end;
    }
  }
  return words;
}

Result<std::size_t> ParseCount(std::string_view text, std::size_t low,
                               std::size_t high) {
  std::string_view rest = text;
  std::size_t number = 0;
  if (!TakeNumber(rest, number) || !rest.empty() || number < low ||
      number > high) {
    return Wrong(text, "a number from " + std::to_string(low) + " to " +
                           std::to_string(high));
  }
  return number;
}

Result<std::size_t> ParseSize(std::string_view text) {
  std::string_view rest = text;
  std::size_t number = 0;
  std::size_t unit = 0;
  if (TakeNumber(rest, number)) {
    if (rest.empty()) unit = 1;
    if (rest == "k") unit = std::size_t{1} << 10;
    if (rest == "M") unit = std::size_t{1} << 20;
    if (rest == "G") unit = std::size_t{1} << 30;
  }
  if (unit == 0 || number == 0 ||
      number > std::numeric_limits<std::size_t>::max() / unit) {
    return Wrong(text, "a size such as 800k, 50M or 2G");
  }
  return number * unit;
}

Result<std::chrono::seconds> ParseDuration(std::string_view text) {
  constexpr std::size_t kCentury = std::size_t{100} * 366 * 24 * 60 * 60;
  std::string_view rest = text;
  std::size_t number = 0;
  std::size_t unit = 0;
  if (TakeNumber(rest, number)) {
    if (rest.empty() || rest == "s") unit = 1;
    if (rest == "m") unit = 60;
    if (rest == "h") unit = std::size_t{60} * 60;
    if (rest == "d") unit = std::size_t{24} * 60 * 60;
  }
  if (unit == 0 || number == 0 || number > kCentury / unit) {
    return Wrong(text, "a duration such as 30s, 5m, 2h or 30d");
  }
  return std::chrono::seconds(number * unit);
}

Result<bool> ParseSwitch(std::string_view text) {
  if (text == "yes") return true;
  if (text == "no") return false;
  return Wrong(text, "yes or no");
}

}  // namespace postern
