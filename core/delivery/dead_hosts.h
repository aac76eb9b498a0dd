// core/delivery/dead_hosts.h
//
// DeadHosts: addresses that TCP failed to reach a moment ago, so that a hundred
// messages to a host that is down don't make a hundred connections. It only
// ever defers: what it says is a failure of the network remembered, never a
// policy's "no".
//
// A failure is remembered for a minute. One trial is always allowed, by one
// delivery at a time: after that minute, and before it by a delivery that has
// nowhere else to go.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/clock/clock.h"
#include "core/gate/connection.h"
#include "core/outcome/result.h"

namespace postern {

using Moment = Deadline::MonotonicClock::time_point;
using MomentNow = std::function<Moment()>;
Moment MonotonicNow();

// Thread-safe. `peer` is an address, port and source address, in any one form.
class DeadHosts {
 public:
  static constexpr std::chrono::seconds kMemory{60};
  // Between two trials by deliveries that have nowhere else to go.
  static constexpr std::chrono::seconds kBetweenTrials{1};
  // A host that nobody has tried for so long starts anew.
  static constexpr std::chrono::minutes kForget{10};
  static constexpr std::size_t kMaxEntries = 10'000;

  explicit DeadHosts(MomentNow now = MonotonicNow) : now_(std::move(now)) {}

  // Why `peer` is not to be tried now, as a whole sentence; nothing: it may be,
  // and End() must say what came of it. `insist`: the delivery has no other
  // address.
  std::optional<Error> Begin(const std::string& peer, bool insist);
  // `why`: with the sentence to repeat.
  void End(const std::string& peer, Connection::Reach reach, const Error& why);

  // Whether its last failure is still remembered. For `insist`.
  bool Remembers(const std::string& peer) const;

 private:
  struct Entry {
    Error why;
    Moment at;  // of the last failure
    bool trial = false;
  };
  void MakeRoom(Moment now);

  const MomentNow now_;
  mutable std::mutex mutex_;  // guards entries_
  std::unordered_map<std::string, Entry> entries_;
  // Its size: most of the time nothing is dead, and nobody has to wait.
  std::atomic<std::size_t> count_{0};
};

}  // namespace postern
