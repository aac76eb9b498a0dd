#include "plugins/mta_sts/fetch_queue.h"

#include <algorithm>
#include <exception>
#include <system_error>
#include <utility>

namespace postern {

FetchQueue::FetchQueue(Work work, std::size_t threads)
    : work_(std::move(work)), most_threads_(threads) {}

FetchQueue::~FetchQueue() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wanted_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

std::size_t FetchQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  return Waiting();
}

void FetchQueue::Start(const Domain& domain, Urgency urgency) {
  const std::lock_guard lock(mutex_);
  (void)Join(domain, urgency);
}

FetchQueue::Outcome FetchQueue::Renew(const Domain& domain, Deadline deadline) {
  const auto asked = Deadline::MonotonicClock::now();
  std::unique_lock lock(mutex_);
  const std::shared_ptr<Flight> flight = Join(domain, Urgency::kMailWaits);
  landed_.wait_until(lock, deadline.at(),
                     [&] { return flight->outcome.has_value(); });
  if (flight->outcome) return *flight->outcome;
  if (!flight->begun || *flight->begun > asked + (deadline.at() - asked) / 2) {
    return Error{Reason::kServiceBusy,
                 "too many policies are being fetched; that of " +
                     domain.str() + " has to wait"};
  }
  return Error{Reason::kDeadlineExceeded,
               "the policy of " + domain.str() + " is still being fetched"};
}

// Under the lock.
std::shared_ptr<FetchQueue::Flight> FetchQueue::Join(const Domain& domain,
                                                     Urgency urgency) {
  std::shared_ptr<Flight>& flight = flights_[domain.str()];
  if (!flight) {
    flight = std::make_shared<Flight>(Flight{domain, urgency});
  } else if (flight->begun || urgency == Urgency::kDue ||
             flight->urgency == Urgency::kMailWaits) {
    return flight;
  } else {
    std::erase(due_, flight);
    flight->urgency = urgency;
  }
  (urgency == Urgency::kMailWaits ? wanted_now_ : due_).push_back(flight);
  if (idle_ < Waiting() && threads_.size() < most_threads_) {
    try {
      threads_.emplace_back([this] { Run(); });
    } catch (const std::system_error&) {
      // The threads that there are take it in turn. Without any the caller's
      // deadline ends the wait, and the next one tries again.
    }
  }
  wanted_.notify_one();
  return flight;
}

void FetchQueue::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    wanted_.wait(lock, [this] { return stopping_ || Waiting() > 0; });
    --idle_;
    if (stopping_) return;
    auto& queue = wanted_now_.empty() ? due_ : wanted_now_;
    const std::shared_ptr<Flight> flight = std::move(queue.front());
    queue.pop_front();
    flight->begun = Deadline::MonotonicClock::now();
    lock.unlock();
    std::optional<Outcome> outcome;
    try {
      outcome = work_(flight->domain);
    } catch (const std::exception& e) {
      outcome = Error{Reason::kInternal, e.what()};
    }
    lock.lock();
    flight->outcome = std::move(outcome);
    flights_.erase(flight->domain.str());
    landed_.notify_all();
  }
}

}  // namespace postern
