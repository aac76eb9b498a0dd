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
  return queue_.size();
}

void FetchQueue::Start(const Domain& domain, Urgency urgency) {
  const std::lock_guard lock(mutex_);
  (void)Join(domain, urgency);
}

std::optional<FetchQueue::Outcome> FetchQueue::Renew(const Domain& domain,
                                                     Deadline deadline) {
  std::unique_lock lock(mutex_);
  const std::shared_ptr<Flight> flight = Join(domain, Urgency::kMailWaits);
  landed_.wait_until(lock, deadline.at(),
                     [&] { return flight->outcome.has_value(); });
  return flight->outcome;
}

// Under the lock.
std::shared_ptr<FetchQueue::Flight> FetchQueue::Join(const Domain& domain,
                                                     Urgency urgency) {
  std::shared_ptr<Flight>& flight = flights_[domain.str()];
  if (!flight) {
    flight = std::make_shared<Flight>(Flight{domain, false, std::nullopt});
  } else if (flight->begun || urgency == Urgency::kDue) {
    return flight;
  } else {
    std::erase(queue_, flight);
  }
  if (urgency == Urgency::kMailWaits) {
    queue_.push_front(flight);
  } else {
    queue_.push_back(flight);
  }
  if (idle_ < queue_.size() && threads_.size() < most_threads_) {
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
    wanted_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    --idle_;
    if (stopping_) return;
    const std::shared_ptr<Flight> flight = std::move(queue_.front());
    queue_.pop_front();
    flight->begun = true;
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
