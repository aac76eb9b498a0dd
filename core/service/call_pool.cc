#include "core/service/call_pool.h"

#include <fcntl.h>

#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

#include "core/names/next_hop.h"

namespace postern {
namespace {

// The reply is one line; a client that does not read it loses it.
constexpr std::chrono::seconds kReplyBudget{10};

}  // namespace

std::string DestinationOf(const Request& request) {
  const std::string* name = request.Find("domain");
  const auto domain = ParseRecipientDomain(name == nullptr ? "" : *name);
  return domain ? ToString(*domain) : std::string();
}

CallPool::CallPool(std::size_t workers, std::size_t queue, CallHandler handler,
                   ReplyFormat format)
    : workers_(workers),
      queue_limit_(queue),
      handler_(std::move(handler)),
      format_(std::move(format)) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::system_category(), "pipe");
  }
  stop_reader_.Reset(ends[0]);
  stop_writer_.Reset(ends[1]);
  threads_.reserve(workers_);
  try {
    for (std::size_t i = 0; i < workers_; ++i) {
      threads_.emplace_back([this] { Work(); });
    }
  } catch (...) {
    Join();
    throw;
  }
}

CallPool::~CallPool() { Join(); }

void CallPool::Join() {
  static_cast<void>(Stop(Deadline::After({})));
  for (std::thread& thread : threads_) thread.join();
}

bool CallPool::Submit(Call& call) {
  {
    const std::lock_guard lock(mutex_);
    const std::size_t idle = workers_ - busy_;
    if (!stop_writer_ || queue_.size() >= idle + queue_limit_) return false;
    if (!call.owner.empty()) {
      Share& own = owners_[call.owner];
      const std::size_t free = Quarter(workers_) - own.busy;
      if (own.queued >= free + Quarter(queue_limit_)) return false;
      ++own.queued;
    }
    call.stop_fd = stop_reader_.get();
    queue_.push_back(std::move(call));
  }
  work_.notify_one();
  return true;
}

bool CallPool::IsTurnOf(const Call& call) const {
  return call.owner.empty() || owners_.at(call.owner).busy < Quarter(workers_);
}

std::deque<Call>::iterator CallPool::NextCall() {
  return std::find_if(queue_.begin(), queue_.end(),
                      [this](const Call& call) { return IsTurnOf(call); });
}

void CallPool::Ended(const std::string& owner) {
  const auto found = owners_.find(owner);
  if (found == owners_.end()) return;
  Share& own = found->second;
  --own.busy;
  if (own.busy + own.queued == 0) owners_.erase(found);
}

bool CallPool::Stop(Deadline deadline) {
  std::deque<Call> refused;
  std::unique_lock lock(mutex_);
  stop_writer_.Reset();
  refused.swap(queue_);
  lock.unlock();
  work_.notify_all();
  for (const Call& call : refused) {
    Say(call.socket.get(), ErrorReply({Reason::kServiceStopping, ""}));
  }
  lock.lock();
  return idle_.wait_until(lock, deadline.at(),
                          [this] { return busy_ + replying_ == 0; });
}

CallPool::Load CallPool::load() const {
  const std::lock_guard lock(mutex_);
  return {workers_, busy_, queue_.size()};
}

void CallPool::Work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    auto next = queue_.end();
    work_.wait(lock, [&] {
      next = NextCall();
      return !stop_writer_ || next != queue_.end();
    });
    if (next == queue_.end()) return;
    Call call = std::move(*next);
    queue_.erase(next);
    const std::string owner = call.owner;
    if (!owner.empty()) {
      --owners_[owner].queued;
      ++owners_[owner].busy;
    }
    ++busy_;
    lock.unlock();
    const Reply reply = Answer(call);
    // Idle before the client hears of it: its next call must not find its last
    // one in the way.
    lock.lock();
    --busy_;
    if (!owner.empty()) Ended(owner);
    ++replying_;
    lock.unlock();
    // It may have been waited for by one that was passed over.
    if (!owner.empty()) work_.notify_one();
    Say(call.socket.get(), reply);
    call = Call{};  // closes the connection
    lock.lock();
    --replying_;
    if (busy_ + replying_ == 0) idle_.notify_all();
  }
}

void CallPool::Say(int fd, const Reply& reply) const {
  const std::string text = format_(reply);
  if (text.empty()) return;
  // Nobody to tell if this fails: the client defers by itself.
  static_cast<void>(SendText(fd, text, -1, Deadline::After(kReplyBudget)));
}

Reply CallPool::Answer(Call& call) const {
  try {
    return handler_(call);
  } catch (const std::exception& error) {
    return ErrorReply({Reason::kInternal, OneLine(error.what(), 200)});
  } catch (...) {
    return ErrorReply({Reason::kInternal, "unknown exception"});
  }
}

}  // namespace postern
