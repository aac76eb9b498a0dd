// core/service/call_pool.h
//
// CallPool: the worker threads of one door and the bounded queue before them.
// A call that finds the queue full is given back at once, so that its client
// hears "busy" instead of waiting.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "core/clock/clock.h"
#include "core/service/line_protocol.h"
#include "core/service/owned_fd.h"
#include "core/service/unix_socket.h"

namespace postern {

// One request and the connection it came by.
struct Call {
  Request request;
  PeerCredentials peer;
  // Connected to the client; the worker answers on it. Its hang-up (POLLRDHUP)
  // means that the client is gone or that the service is stopping.
  OwnedFd socket;
  OwnedFd passed;  // the descriptor sent with the request, if there was one
  std::chrono::steady_clock::time_point received_at;
  // Set while the service stops. Outlives the call.
  const std::atomic<bool>* stopping = nullptr;
};

// Answers a call, on a worker thread; several at a time. What it throws
// becomes an internal error's reply.
using CallHandler = std::function<Reply(Call&)>;

// Submit() from any thread; Stop() once.
class CallPool {
 public:
  CallPool(std::size_t workers, std::size_t queue, CallHandler handler);
  // Waits for running calls, however long they take: see Stop().
  ~CallPool();
  CallPool(const CallPool&) = delete;
  CallPool& operator=(const CallPool&) = delete;

  // True: the pool has the call and will answer it. False: no worker and no
  // place in the queue; `call` is untouched.
  [[nodiscard]] bool Submit(Call& call);

  // Refuses what is queued ("service-stopping"), makes the sockets of running
  // calls look hung up, so that deliveries before the final dot give up, and
  // waits for the rest. False: some still ran at the deadline.
  [[nodiscard]] bool Stop(Deadline deadline);

  struct Load {
    std::size_t workers = 0, busy = 0, queued = 0;
  };
  Load load() const;

 private:
  void Work();
  void Answer(Call& call);

  const std::size_t workers_, queue_limit_;
  const CallHandler handler_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::condition_variable work_, idle_;
  std::deque<Call> queue_;       // guarded by mutex_
  std::set<int> running_;        // sockets of running calls; guarded by mutex_
  std::size_t busy_ = 0;         // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace postern
