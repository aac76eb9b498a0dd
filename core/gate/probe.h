// core/gate/probe.h
//
// Looking without sending: connects to every address that a plan allows, up to
// the verdict, and hangs up. Mail is judged again on its own connection.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/gate/gate.h"

namespace postern {

struct ProbedAddress {
  HostName host;
  Port port;
  IpAddress address;
  Connection connection;  // its session is closed
};

struct ProbeOptions {
  std::size_t max_addresses = 16;
  std::chrono::milliseconds each{60'000};  // for one address
  Cancellation cancellation;
};

// In the plan's order; hosts that it refuses are not connected to. Ends early
// at the deadline or when whoever asked has gone.
std::vector<ProbedAddress> ProbeHosts(Gate& gate, const Plan& plan,
                                      const ProbeOptions& options,
                                      Deadline deadline);

}  // namespace postern
