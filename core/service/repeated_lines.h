// core/service/repeated_lines.h
//
// RepeatedLines: the lines of a door's log that a client can cause at will. So
// many a minute are written; the rest is counted, and the next line that is
// written says how many. Private to this room.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "core/clock/clock.h"
#include "core/service/service.h"

namespace postern {

// Used by one thread at a time. Borrows the log.
class RepeatedLines {
 public:
  using Monotonic = Deadline::MonotonicClock;
  static constexpr std::size_t kMostAMinute = 5;

  RepeatedLines(const ServiceLog& log, std::string door,
                std::function<Monotonic::time_point()> now = &Monotonic::now)
      : log_(log), door_(std::move(door)), now_(std::move(now)) {}

  // "door: text".
  void Write(const std::string& text);

 private:
  const ServiceLog& log_;
  const std::string door_;
  const std::function<Monotonic::time_point()> now_;
  Monotonic::time_point since_{};  // of the minute that is counted
  std::size_t written_ = 0, unwritten_ = 0;
};

}  // namespace postern
