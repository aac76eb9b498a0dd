#include "core/delivery/connection_cache.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/tls/socket_wait.h"

namespace postern {

ConnectionCache::Lease::Lease(Lease&& other) noexcept
    : connection(std::move(other.connection)),
      cache_(std::exchange(other.cache_, nullptr)),
      key_(std::move(other.key_)),
      generation_(std::move(other.generation_)),
      born_(other.born_) {}

ConnectionCache::Lease::~Lease() {
  if (cache_ == nullptr) return;
  // Closed before somebody else may have one in its place.
  connection.session.reset();
  cache_->GiveBack(key_.peer);
}

void ConnectionCache::Lease::Renew(Connection fresh, bool keep) {
  if (connection.session) connection.session->QuitAtOnce();
  connection = std::move(fresh);
  if (!keep) key_.plan.clear();
  if (cache_ != nullptr) born_ = cache_->now_();
}

ConnectionCache::ConnectionCache(const ConnectionLimits& limits, MomentNow now)
    : limits_(limits), now_(std::move(now)) {}

ConnectionCache::~ConnectionCache() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (janitor_.joinable()) janitor_.join();
  Close(idle_);
}

std::size_t ConnectionCache::kept() const {
  const std::lock_guard lock(mutex_);
  return idle_.size();
}

void ConnectionCache::Close(IdleList& ended) noexcept {
  for (Idle& idle : ended) idle.connection.session->QuitAtOnce();
  ended.clear();
}

void ConnectionCache::Wake(const Peer& peer) {
  if (!peer.waiting.empty()) (void)eventfd_write(peer.waiting.front(), 1);
}

void ConnectionCache::Release(const std::string& name) {
  const auto peer = peers_.find(name);
  if (peer == peers_.end()) return;
  --peer->second.leases;
  Wake(peer->second);
  if (peer->second.leases == 0 && peer->second.waiting.empty()) {
    peers_.erase(peer);
  }
}

void ConnectionCache::GiveBack(const std::string& peer) noexcept {
  const std::lock_guard lock(mutex_);
  Release(peer);
}

void ConnectionCache::End(IdleList::iterator idle, IdleList& ended) {
  Release(idle->key.peer);
  ended.splice(ended.end(), idle_, idle);
}

void ConnectionCache::SetGeneration(const std::string& generation,
                                    IdleList& ended) {
  if (generation == generation_) return;
  while (!idle_.empty()) End(idle_.begin(), ended);
  generation_ = generation;
}

bool ConnectionCache::TryTake(const Key& key, std::optional<Lease>& lease,
                              IdleList& ended) {
  const Moment now = now_();
  Peer& peer = peers_[key.peer];
  Lease made;
  made.key_ = key;
  made.generation_ = generation_;
  made.born_ = now;
  const auto same_peer = [&key](const Idle& idle) {
    return idle.key.peer == key.peer;
  };
  // The latest first: the others may then end in peace.
  const auto found =
      key.plan.empty()
          ? idle_.rend()
          : std::find_if(idle_.rbegin(), idle_.rend(), [&](const Idle& idle) {
              return idle.expires > now && same_peer(idle) &&
                     idle.key.plan == key.plan;
            });
  if (found != idle_.rend()) {
    made.born_ = found->born;
    made.connection = std::move(found->connection);
    idle_.erase(std::next(found).base());
  } else if (peer.leases < limits_.per_host) {
    ++peer.leases;
  } else {
    // One that is kept for another plan gives way.
    const auto other = std::find_if(idle_.begin(), idle_.end(), same_peer);
    if (other == idle_.end()) return false;
    ended.splice(ended.end(), idle_, other);
  }
  made.cache_ = this;
  lease.emplace(std::move(made));
  return true;
}

Result<ConnectionCache::Lease> ConnectionCache::Take(
    const Key& key, const std::string& generation, Deadline deadline,
    const Cancellation& cancellation) {
  for (;;) {
    IdleList ended;
    std::optional<Lease> lease;
    {
      const std::lock_guard lock(mutex_);
      SetGeneration(generation, ended);
      const auto peer = peers_.find(key.peer);
      // Nobody overtakes those who wait.
      if (peer == peers_.end() || peer->second.waiting.empty()) {
        TryTake(key, lease, ended);
      }
    }
    Close(ended);
    if (!lease) {
      Result<Lease> waited = WaitFor(key, deadline, cancellation);
      if (!waited) return waited.error();
      lease.emplace(*std::move(waited));
    }
    SmtpSession* const session = lease->connection.session.get();
    if (session == nullptr) return std::move(*lease);
    if (session->Idle()) {
      session->SetCancellation(cancellation);
      return std::move(*lease);
    }
    // The server has gone, or said what nobody asked: the next one.
  }
}

Result<ConnectionCache::Lease> ConnectionCache::WaitFor(
    const Key& key, Deadline deadline, const Cancellation& cancellation) {
  const Deadline until = deadline.Within(limits_.wait);
  const int woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (woken < 0) return Error{Reason::kInternal, "no descriptor to wait with"};
  IdleList ended;
  std::optional<Lease> lease;
  Status ready;
  {
    std::unique_lock lock(mutex_);
    Peer& peer = peers_[key.peer];  // there while somebody waits
    peer.waiting.push_back(woken);
    Wake(peer);  // something may have come free meanwhile
    try {
      do {
        lock.unlock();
        ready = WaitForSocket(woken, SocketReady::kToRead, until, cancellation);
        lock.lock();
        if (!ready.ok()) break;
        eventfd_t count = 0;
        (void)eventfd_read(woken, &count);
      } while (!TryTake(key, lease, ended));
    } catch (const std::bad_alloc&) {
      if (!lock.owns_lock()) lock.lock();
      ready = Error{Reason::kInternal, "no memory"};
    }
    std::erase(peer.waiting, woken);
    Wake(peer);  // more than one may be free
    if (peer.leases == 0 && peer.waiting.empty()) peers_.erase(key.peer);
  }
  Close(ended);
  close(woken);
  if (lease) return std::move(*lease);
  if (ready.error().reason() != Reason::kConnectionTimeout) {
    return ready.error();
  }
  return Error{Reason::kHostBusy,
               "all " + std::to_string(limits_.per_host) + " are in use"};
}

void ConnectionCache::Keep(Lease lease,
                           const std::string& generation) noexcept {
  if (lease.cache_ == nullptr || !lease.connection.session) return;
  const auto quit = [&lease] { lease.connection.session->QuitAtOnce(); };
  const Moment now = now_();
  const Moment expires =
      std::min(now + limits_.idle, lease.born_ + limits_.life);
  if (limits_.kept == 0 || lease.key_.plan.empty() || generation.empty() ||
      generation != lease.generation_ || expires <= now ||
      ++lease.connection.carried >= limits_.messages) {
    quit();
    return;
  }
  IdleList ended;
  try {
    lease.connection.session->SetCancellation(Cancellation{});
    IdleList one;
    one.push_back({lease.key_, {}, lease.born_, expires});
    const std::lock_guard lock(mutex_);
    if (!janitor_.joinable()) janitor_ = std::thread([this] { RunJanitor(); });
    SetGeneration(generation, ended);
    one.front().connection = std::move(lease.connection);
    lease.cache_ = nullptr;  // the kept connection holds the right now
    Wake(peers_[lease.key_.peer]);
    idle_.splice(idle_.end(), one);
    if (idle_.size() > limits_.kept) End(idle_.begin(), ended);
    if (expires < janitor_wakes_) changed_.notify_all();
  } catch (const std::exception&) {
    // No memory or no thread: then without it.
    if (lease.connection.session) quit();
  }
  Close(ended);
}

void ConnectionCache::TakeExpired(IdleList& ended) {
  const Moment now = now_();
  for (auto idle = idle_.begin(); idle != idle_.end();) {
    const auto here = idle++;
    if (here->expires <= now) End(here, ended);
  }
}

void ConnectionCache::CloseExpired() {
  IdleList ended;
  {
    const std::lock_guard lock(mutex_);
    TakeExpired(ended);
  }
  Close(ended);
}

void ConnectionCache::RunJanitor() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    IdleList ended;
    TakeExpired(ended);
    if (!ended.empty()) {
      lock.unlock();
      Close(ended);
      lock.lock();
      continue;
    }
    const auto first = std::min_element(
        idle_.begin(), idle_.end(),
        [](const Idle& a, const Idle& b) { return a.expires < b.expires; });
    // Where it sleeps longer than it need, nobody has to wake it: a busy cache
    // costs no thread's attention for each message.
    if (first == idle_.end()) {
      janitor_wakes_ = Moment::max();
      changed_.wait(lock);
    } else {
      janitor_wakes_ = first->expires;
      changed_.wait_for(lock, first->expires - now_());
    }
  }
}

}  // namespace postern
