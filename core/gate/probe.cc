#include "core/gate/probe.h"

#include <utility>

#include "core/tls/socket_wait.h"

namespace postern {

std::vector<ProbedAddress> ProbeHosts(Gate& gate, const Plan& plan,
                                      const ProbeOptions& options,
                                      Deadline deadline) {
  ConnectRequest request;
  request.basis = Basis::kProbe;
  request.cancellation = options.cancellation;

  std::vector<ProbedAddress> probed;
  for (const HostPlan& host : plan.hosts) {
    if (host.refused || host.facts.failure) continue;
    for (const IpAddress& address : host.facts.ips) {
      if (probed.size() == options.max_addresses || deadline.expired()) {
        return probed;
      }
      Connection found = gate.Connect(plan, host, address, request,
                                      deadline.Within(options.each));
      if (found.session) found.session->Quit();
      found.session.reset();
      probed.push_back(
          {host.facts.host, host.facts.port, address, std::move(found)});
      if (IsCancelled(options.cancellation)) return probed;
    }
  }
  return probed;
}

}  // namespace postern
