#include "core/clock/clock.h"

namespace postern {
namespace {

// Takes exactly `width` digits off the front of `text`.
std::optional<int> TakeNumber(std::string_view& text, std::size_t width) {
  int value = 0;
  if (text.size() < width) return std::nullopt;
  for (const char c : text.substr(0, width)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(width);
  return value;
}

bool TakeAny(std::string_view& text, std::string_view accepted) {
  if (text.empty() || accepted.find(text.front()) == std::string_view::npos) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

std::optional<std::chrono::sys_days> TakeDate(std::string_view& text) {
  const auto year = TakeNumber(text, 4);
  // TimePoint counts nanoseconds and ends in 2262; what lies beyond must not
  // come back as the past.
  if (!year || *year < 1700 || *year > 2260 || !TakeAny(text, "-"))
    return std::nullopt;
  const auto month = TakeNumber(text, 2);
  if (!month || !TakeAny(text, "-")) return std::nullopt;
  const auto day = TakeNumber(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date{
      std::chrono::year(*year),
      std::chrono::month(static_cast<unsigned>(*month)),
      std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

std::optional<std::chrono::seconds> TakeTimeOfDay(std::string_view& text) {
  const auto hour = TakeNumber(text, 2);
  if (!hour || *hour > 23 || !TakeAny(text, ":")) return std::nullopt;
  const auto minute = TakeNumber(text, 2);
  if (!minute || *minute > 59 || !TakeAny(text, ":")) return std::nullopt;
  const auto second = TakeNumber(text, 2);
  if (!second || *second > 60) return std::nullopt;  // 60: a leap second
  if (TakeAny(text, ".")) {
    if (!TakeNumber(text, 1)) return std::nullopt;
    while (TakeNumber(text, 1)) {
    }
  }
  return std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

std::optional<std::chrono::seconds> TakeOffset(std::string_view& text) {
  if (TakeAny(text, "Zz")) return std::chrono::seconds::zero();
  const bool negative = !text.empty() && text.front() == '-';
  if (!TakeAny(text, "+-")) return std::nullopt;
  const auto hour = TakeNumber(text, 2);
  if (!hour || *hour > 23 || !TakeAny(text, ":")) return std::nullopt;
  const auto minute = TakeNumber(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  const std::chrono::seconds offset =
      std::chrono::hours(*hour) + std::chrono::minutes(*minute);
  return negative ? -offset : offset;
}

}  // namespace

std::optional<TimePoint> ParseTime(std::string_view text) {
  const auto date = TakeDate(text);
  if (!date) return std::nullopt;
  if (text.empty()) return TimePoint(*date);
  if (!TakeAny(text, "Tt ")) return std::nullopt;
  const auto time = TakeTimeOfDay(text);
  if (!time) return std::nullopt;
  const auto offset = TakeOffset(text);
  if (!offset || !text.empty()) return std::nullopt;
  return TimePoint(*date) + *time - *offset;
}

}  // namespace postern
