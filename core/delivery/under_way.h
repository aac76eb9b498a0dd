// core/delivery/under_way.h
//
// UnderWay: which deliveries this process is at. An MTA that was stopped while
// a server thinks about a message begins anew when it is started again, and the
// journal can't say yet what comes of the delivery before. So the next one
// waits for that, and then asks the journal.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/tls/socket_wait.h"

namespace postern {

// Thread-safe; outlives its places.
class UnderWay {
 public:
  // The names of deliveries, each at most once.
  using Names = std::set<std::string>;

  UnderWay() = default;
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;

  // As long as it lives nobody else is at these deliveries. Movable.
  class Place {
   public:
    Place() = default;
    Place(Place&& other) noexcept;
    Place& operator=(Place&&) = delete;
    ~Place();

   private:
    friend class UnderWay;
    Place(UnderWay& owner, Names names);
    UnderWay* owner_ = nullptr;
    Names names_;
  };

  // All of them or none: who waits holds nothing that another waits for. Error:
  // kDeliveryUnderWay at `deadline`; kClientGone, kServiceStopping.
  Result<Place> Enter(Names names, Deadline deadline,
                      const Cancellation& cancellation);

 private:
  bool Free(const Names& names) const;

  std::mutex mutex_;
  std::condition_variable left_;
  Names under_way_;  // guarded by mutex_
};

}  // namespace postern
