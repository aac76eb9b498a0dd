// core/delivery/connection_cache.h
//
// ConnectionCache: connections that can carry another message, and how many
// there may be at once to one address of a host. Whoever wants to connect takes
// a lease: the right to one connection, and with it a kept one of the same plan
// where there is one.
//
// It keeps connections and what they showed, never verdicts: whoever takes one
// out judges it on today's plan. A kept connection belongs to no delivery, goes
// to one delivery at a time, and leaves for good when its time is over, when a
// policy commit comes, or when its server has said anything meanwhile.
#pragma once

#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>

#include "core/clock/clock.h"
#include "core/delivery/dead_hosts.h"
#include "core/gate/connection.h"
#include "core/outcome/result.h"

namespace postern {

struct ConnectionLimits {
  std::size_t kept = 0;       // of all destinations; 0: none is kept
  std::size_t per_host = 20;  // to one address of a host, kept ones included
  unsigned messages = 100;    // that one connection carries
  std::chrono::milliseconds idle = std::chrono::seconds(5);
  std::chrono::milliseconds life = std::chrono::minutes(5);
  std::chrono::milliseconds wait = std::chrono::seconds(30);  // for a lease
};

// Thread-safe; outlives its leases.
class ConnectionCache {
 public:
  struct Key {
    // All that makes a connection what it is. Empty: never a kept one, and not
    // to be kept.
    std::string plan;
    std::string peer;  // what the limit counts: host, port, address
  };

  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease();

    // Ends the connection that is there, with QUIT but without waiting, and
    // begins the life of `fresh`, which may be kept only if `keep`.
    void Renew(Connection fresh, bool keep);
    Connection connection;

   private:
    friend class ConnectionCache;
    ConnectionCache* cache_ = nullptr;  // null: no right to any connection
    Key key_;
    std::string generation_;
    Moment born_{};
  };

  explicit ConnectionCache(const ConnectionLimits& limits,
                           MomentNow now = MonotonicNow);
  ConnectionCache(const ConnectionCache&) = delete;
  ConnectionCache& operator=(const ConnectionCache&) = delete;
  ~ConnectionCache();

  // `generation`: of the policy now; connections kept under another one are
  // dropped. Waits for a lease no longer than `deadline` and the limits allow:
  // then kHostBusy; kClientGone, kServiceStopping.
  Result<Lease> Take(const Key& key, const std::string& generation,
                     Deadline deadline, const Cancellation& cancellation);

  // Keeps what the lease holds, if it may be: `generation`, of the policy now,
  // is the one under which it was taken, and its life is not over. Otherwise
  // it is ended with QUIT. Never fails: the message is delivered already.
  void Keep(Lease lease, const std::string& generation) noexcept;

  // Ends those whose time is over; the janitor does so by itself.
  void CloseExpired();

  std::size_t kept() const;

 private:
  struct Idle {
    Key key;
    Connection connection;
    Moment born, expires;
  };
  using IdleList = std::list<Idle>;
  // Who waits, first come first served; each has a descriptor to be woken by.
  struct Peer {
    std::size_t leases = 0;  // given out, and of kept connections
    std::deque<int> waiting;
  };

  // All of these need mutex_. What they put into `ended` is closed after it.
  // True: `lease` is there.
  bool TryTake(const Key& key, std::optional<Lease>& lease, IdleList& ended);
  void SetGeneration(const std::string& generation, IdleList& ended);
  void End(IdleList::iterator idle, IdleList& ended);
  void Release(const std::string& peer);
  static void Wake(const Peer& peer);

  void GiveBack(const std::string& peer) noexcept;
  Result<Lease> WaitFor(const Key& key, Deadline deadline,
                        const Cancellation& cancellation);
  static void Close(IdleList& ended) noexcept;
  void TakeExpired(IdleList& ended);
  void RunJanitor();

  const ConnectionLimits limits_;
  const MomentNow now_;
  mutable std::mutex mutex_;  // guards everything below
  IdleList idle_;             // the longest kept first
  std::string generation_;    // of all in idle_
  std::unordered_map<std::string, Peer> peers_;
  // Ends idle connections in time, so that no delivery has to.
  std::thread janitor_;
  std::condition_variable changed_;
  Moment janitor_wakes_ = Moment::max();
  bool stopping_ = false;
};

}  // namespace postern
