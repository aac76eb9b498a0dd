// plugins/mta_sts/fetch_queue.h
//
// FetchQueue: a few threads that renew policies, each domain once at a time,
// however many ask for it. What mail waits for goes before what is only due;
// among equals the first goes first.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/clock/clock.h"
#include "core/names/domain.h"
#include "core/outcome/result.h"
#include "core/policy/published_cache.h"

namespace postern {

// Thread-safe.
class FetchQueue {
 public:
  using Outcome = Result<PublishedEntry>;
  using Work = std::function<Outcome(const Domain&)>;
  enum class Urgency { kMailWaits, kDue };

  // At most so many renewals at a time; a thread is made when it is needed.
  // `work` throws nothing but std::bad_alloc.
  FetchQueue(Work work, std::size_t threads);
  // Waits for those under way; `work` has to end soon by then. The others
  // never begin. Nobody may wait any longer.
  ~FetchQueue();
  FetchQueue(const FetchQueue&) = delete;
  FetchQueue& operator=(const FetchQueue&) = delete;

  // Begins the renewal of `domain`, or joins the one that is under way.
  void Start(const Domain& domain, Urgency urgency);
  // The same, and waits for its end. Errors besides those of `work`, where it
  // is not over by the deadline and goes on: kServiceBusy, the queue has taken
  // more than half of the wait; kDeadlineExceeded, it has not.
  Outcome Renew(const Domain& domain, Deadline deadline);

  // Not begun yet.
  std::size_t waiting() const;

 private:
  struct Flight {
    Domain domain;
    Urgency urgency;
    std::optional<Deadline::MonotonicClock::time_point> begun{};
    std::optional<Outcome> outcome{};
  };
  using Flights = std::map<std::string, std::shared_ptr<Flight>>;

  std::shared_ptr<Flight> Join(const Domain& domain, Urgency urgency);
  void Run();
  std::size_t Waiting() const { return wanted_now_.size() + due_.size(); }

  const Work work_;
  const std::size_t most_threads_;
  mutable std::mutex mutex_;  // of what follows
  std::condition_variable wanted_, landed_;
  bool stopping_ = false;
  std::size_t idle_ = 0;
  Flights flights_;
  std::deque<std::shared_ptr<Flight>> wanted_now_, due_;  // not begun
  std::vector<std::thread> threads_;
};

}  // namespace postern
