// core/clock/clock.h
//
// Time and chance come in as arguments: Clock for what is written down and
// compared with dates, Deadline for how long something may still take, Random
// for choices that must not be predictable. Nothing else in the tree reads a
// clock or a random device.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern {

using TimePoint = std::chrono::system_clock::time_point;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() const = 0;

 protected:
  Clock() = default;
};

class SystemClock final : public Clock {
 public:
  TimePoint Now() const override;
};

// A moment of the monotonic clock that something must not outlast. A value;
// changes of the wall clock don't move it.
class Deadline {
 public:
  using MonotonicClock = std::chrono::steady_clock;

  static Deadline After(std::chrono::milliseconds budget);
  explicit Deadline(MonotonicClock::time_point at) : at_(at) {}

  bool expired() const { return MonotonicClock::now() >= at_; }
  // Never negative.
  std::chrono::milliseconds remaining() const;
  // For poll(2): whole milliseconds, rounded up, never negative.
  int poll_timeout() const;
  // The earlier of this one and `budget` from now.
  Deadline Within(std::chrono::milliseconds budget) const;
  MonotonicClock::time_point at() const { return at_; }

 private:
  MonotonicClock::time_point at_;
};

// Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  // Uniform in [0, bound); 0 for a bound of 0.
  virtual std::uint64_t Below(std::uint64_t bound) = 0;

 protected:
  Random() = default;
};

// getrandom(2); does not fail once the kernel's pool is ready.
class SystemRandom final : public Random {
 public:
  std::uint64_t Below(std::uint64_t bound) override;
};

// RFC 3339 in UTC, whole seconds: "2026-01-31T12:00:00Z".
std::string FormatTime(TimePoint time);

// RFC 3339 with any offset, or a bare date, which is its first second in UTC.
// Nothing for what is neither, a date that does not exist included, and for
// years outside 1700 to 2260, which TimePoint can't hold.
std::optional<TimePoint> ParseTime(std::string_view text);

}  // namespace postern
