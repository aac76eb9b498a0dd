// core/delivery/connections.h
//
// Connections: how a delivery comes by a connection. A kept one that passes
// today's plan; else a new one, within what its host may have, and not to an
// address that was found dead a moment ago.
#pragma once

#include "core/clock/clock.h"
#include "core/delivery/connection_cache.h"
#include "core/delivery/dead_hosts.h"
#include "core/gate/gate.h"

namespace postern {

// Thread-safe; borrows the gate; outlives its leases.
class Connections {
 public:
  using Lease = ConnectionCache::Lease;

  Connections(Gate& gate, const ConnectionLimits& limits,
              const MomentNow& now = MonotonicNow)
      : gate_(gate), now_(now), cache_(limits, now), dead_(now) {}

  struct Wanted {
    const Plan& plan;
    const HostPlan& host;
    const IpAddress& address;
    ConnectRequest how;
    // The delivery has only dead addresses: it may be the one that tries.
    bool insist = false;
  };

  // Whether every address of the plan is remembered as dead.
  bool AllDead(const Plan& plan) const;

  // What came of it is in the connection's verdict. A connection that has
  // carried messages before is ready and was passed now; whoever finds that its
  // server has gone all the same calls Reconnect().
  Lease Open(const Wanted& wanted, Deadline deadline);
  // A new connection in place of the one in `lease`, by the same right. Always
  // tried: dead or not, something has just spoken there.
  void Reconnect(Lease& lease, const Wanted& wanted, Deadline deadline);

  // After a message was taken: for the next one, if that may be.
  void Keep(Lease lease) noexcept;

 private:
  Gate& gate_;
  const MomentNow now_;
  ConnectionCache cache_;
  DeadHosts dead_;
};

}  // namespace postern
