// postfix-transport/destination_share.h
//
// DestinationShare: keeps one slow destination from holding every hand of the
// LMTP door. To Postfix all mail there has one next hop, so its own limits for
// a destination can't.
//
// While a destination's mail moves it may have every hand: nothing is put off.
// Once one of its messages takes long, it may have no more than its share, and
// further mail for it is tried again later.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "core/clock/clock.h"

namespace postern {

// Thread-safe; outlives its places.
class DestinationShare {
 public:
  using Time = Deadline::MonotonicClock::time_point;

  // `share`: messages at a time to a destination of which one has been under
  // way for `slow`.
  DestinationShare(std::size_t share, std::chrono::seconds slow)
      : share_(share), slow_(slow) {}
  DestinationShare(const DestinationShare&) = delete;
  DestinationShare& operator=(const DestinationShare&) = delete;

  // A message on its way; left with the object.
  class Place {
   public:
    Place(Place&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)),
          destination_(std::move(other.destination_)),
          since_(other.since_) {}
    Place& operator=(Place&&) = delete;
    ~Place();

   private:
    friend class DestinationShare;
    Place(DestinationShare* owner, std::string destination, Time since)
        : owner_(owner), destination_(std::move(destination)), since_(since) {}

    DestinationShare* owner_;
    std::string destination_;
    Time since_;
  };

  // Nothing: the destination is slow and has its share.
  std::optional<Place> Enter(const std::string& destination, Time now);

 private:
  const std::size_t share_;
  const std::chrono::seconds slow_;
  std::mutex mutex_;
  std::map<std::string, std::multiset<Time>> under_way_;  // guarded by mutex_
};

}  // namespace postern
