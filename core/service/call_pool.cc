#include "core/service/call_pool.h"

#include <sys/socket.h>

#include <exception>
#include <utility>

namespace postern {
namespace {

// The reply is one line; a client that does not read it loses it.
constexpr std::chrono::seconds kReplyBudget{10};

void SendReply(int fd, const Reply& reply) {
  // Nobody to tell if this fails: the client defers by itself.
  static_cast<void>(SendText(fd, FormatReply(reply), -1,
                             Deadline::After(kReplyBudget)));
}

}  // namespace

CallPool::CallPool(std::size_t workers, std::size_t queue, CallHandler handler)
    : workers_(workers), queue_limit_(queue), handler_(std::move(handler)) {
  threads_.reserve(workers_);
  for (std::size_t i = 0; i < workers_; ++i) {
    threads_.emplace_back([this] { Work(); });
  }
}

CallPool::~CallPool() {
  static_cast<void>(Stop(Deadline::After({})));
  for (std::thread& thread : threads_) thread.join();
}

bool CallPool::Submit(Call& call) {
  {
    const std::lock_guard lock(mutex_);
    const std::size_t idle = workers_ - busy_;
    if (stopping_ || queue_.size() >= idle + queue_limit_) return false;
    call.stopping = &stopping_;
    queue_.push_back(std::move(call));
  }
  work_.notify_one();
  return true;
}

bool CallPool::Stop(Deadline deadline) {
  std::deque<Call> refused;
  std::unique_lock lock(mutex_);
  stopping_ = true;
  refused.swap(queue_);
  // Our receiving side only: the reply still goes out by the other.
  for (const int fd : running_) shutdown(fd, SHUT_RD);
  lock.unlock();
  work_.notify_all();
  for (const Call& call : refused) {
    SendReply(call.socket.get(), ErrorReply({Reason::kServiceStopping, ""}));
  }
  lock.lock();
  return idle_.wait_until(lock, deadline.at(), [this] { return busy_ == 0; });
}

CallPool::Load CallPool::load() const {
  const std::lock_guard lock(mutex_);
  return {workers_, busy_, queue_.size()};
}

void CallPool::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    Call call = std::move(queue_.front());
    queue_.pop_front();
    ++busy_;
    const int fd = call.socket.get();
    running_.insert(fd);
    lock.unlock();
    Answer(call);
    lock.lock();
    // Before the socket closes: its number may be another's right after.
    running_.erase(fd);
    lock.unlock();
    call = Call{};
    lock.lock();
    --busy_;
    if (busy_ == 0) idle_.notify_all();
  }
}

void CallPool::Answer(Call& call) {
  Reply reply;
  try {
    reply = handler_(call);
  } catch (const std::exception& error) {
    reply = ErrorReply({Reason::kInternal, OneLine(error.what(), 200)});
  } catch (...) {
    reply = ErrorReply({Reason::kInternal, "unknown exception"});
  }
  SendReply(call.socket.get(), reply);
}

}  // namespace postern
