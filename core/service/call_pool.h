// core/service/call_pool.h
//
// CallPool: the worker threads of one door and the bounded queue before them.
// A call that finds the queue full is given back at once, so that its client
// hears "busy" instead of waiting. The calls of one owner get a quarter of the
// workers and of the queue, so that a destination whose servers keep everybody
// waiting does not do so for all others.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
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
  // Connected to the client; the worker answers on it. Hangs up (POLLHUP) when
  // the client has gone.
  OwnedFd socket;
  OwnedFd passed;  // the descriptor sent with the request, if there was one
  // Whom it is for, such as a destination; empty: nobody in particular.
  std::string owner{};
  std::chrono::steady_clock::time_point received_at;
  // Hangs up (POLLHUP) when the service stops. Borrowed; outlives the call.
  int stop_fd = -1;
};

// The owner of what is asked about a recipient's domain (domain=): that domain,
// canonical. Empty where there is none. Pure.
std::string DestinationOf(const Request& request);

// Answers a call, on a worker thread; several at a time. What it throws
// becomes an internal error's reply.
using CallHandler = std::function<Reply(Call&)>;

// How the service's own words are written to a client: FormatReply() for the
// line protocol. Empty: nothing is said. Must not throw.
using ReplyFormat = std::function<std::string(const Reply&)>;

// Submit() from any thread; Stop() once.
class CallPool {
 public:
  // Throws std::system_error where threads or descriptors are lacking.
  CallPool(std::size_t workers, std::size_t queue, CallHandler handler,
           ReplyFormat format = FormatReply);
  // Waits for running calls, however long they take: see Stop().
  ~CallPool();
  CallPool(const CallPool&) = delete;
  CallPool& operator=(const CallPool&) = delete;

  // True: the pool has the call and will answer it. False: no worker and no
  // place in the queue, for anybody or for its owner; `call` is untouched.
  [[nodiscard]] bool Submit(Call& call);

  // Refuses what is queued ("service-stopping"), makes stop_fd hang up, so that
  // deliveries before the final dot give up, and waits for the rest. False:
  // some still ran at the deadline.
  [[nodiscard]] bool Stop(Deadline deadline);

  struct Load {
    std::size_t workers = 0, busy = 0, queued = 0;
  };
  Load load() const;

 private:
  // How many calls of one owner there are.
  struct Share {
    std::size_t busy = 0, queued = 0;
  };
  static std::size_t Quarter(std::size_t all) {
    return std::max<std::size_t>(1, all / 4);
  }
  bool IsTurnOf(const Call& call) const;
  std::deque<Call>::iterator NextCall();
  void Ended(const std::string& owner);

  void Join();
  void Work();
  Reply Answer(Call& call) const;
  void Say(int fd, const Reply& reply) const;

  const std::size_t workers_, queue_limit_;
  const CallHandler handler_;
  const ReplyFormat format_;
  OwnedFd stop_reader_;
  mutable std::mutex mutex_;
  std::condition_variable work_, idle_;
  std::deque<Call> queue_;               // guarded by mutex_
  std::map<std::string, Share> owners_;  // guarded by mutex_
  OwnedFd stop_writer_;       // closed once stopping; guarded by mutex_
  std::size_t busy_ = 0;      // handlers running; guarded by mutex_
  std::size_t replying_ = 0;  // replies being sent; guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace postern
