#include "core/clock/clock.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <limits>

namespace postern {

TimePoint SystemClock::Now() const { return std::chrono::system_clock::now(); }

Deadline Deadline::After(std::chrono::milliseconds budget) {
  return Deadline(MonotonicClock::now() + budget);
}

std::chrono::milliseconds Deadline::remaining() const {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(at_ - MonotonicClock::now());
  return std::max(left, std::chrono::milliseconds::zero());
}

int Deadline::poll_timeout() const {
  const auto left = remaining().count();
  return static_cast<int>(
      std::min<std::int64_t>(left, std::numeric_limits<int>::max()));
}

Deadline Deadline::Within(std::chrono::milliseconds budget) const {
  return Deadline(std::min(at_, MonotonicClock::now() + budget));
}

std::uint64_t SystemRandom::Below(std::uint64_t bound) {
  if (bound == 0) return 0;
  // Values below the threshold would make small results likelier.
  const std::uint64_t threshold = (0 - bound) % bound;
  for (;;) {
    std::uint64_t value = 0;
    if (getrandom(&value, sizeof value, 0) != sizeof value) {
      if (errno == EINTR) continue;
      std::abort();  // a machine without randomness must not do TLS
    }
    if (value >= threshold) return value % bound;
  }
}

std::string FormatTime(TimePoint time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(
      std::chrono::floor<std::chrono::seconds>(time));
  std::tm utc{};
  if (gmtime_r(&seconds, &utc) == nullptr) return "unknown-time";
  char text[64];
  const std::size_t length =
      std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return std::string(text, length);
}

}  // namespace postern
