#include "core/gate/gate.h"

#include <exception>
#include <utility>

namespace postern {

Gate::Gate(Parts parts)
    : store_(parts.store),
      left_out_(std::move(parts.left_out)),
      planner_(parts.store, parts.router, parts.sources, left_out_,
               parts.clock),
      connector_(parts.resolver, parts.tls, parts.clock, std::move(parts.helo),
                 parts.timeouts) {}

Planned Gate::MakePlan(const HostName& recipient, const NextHop& hop,
                       Deadline deadline) {
  try {
    return planner_.MakePlan(recipient, hop, deadline);
  } catch (const std::exception& e) {
    return DeferFor(Error(Reason::kInternal, e.what()));
  }
}

Planned Gate::Survey(const HostName& recipient, const NextHop& hop,
                     Deadline deadline) {
  Planned planned = MakePlan(recipient, hop, deadline);
  Plan* const plan = std::get_if<Plan>(&planned);
  if (plan == nullptr) return planned;
  try {
    planner_.NotePublished(*plan, deadline);
  } catch (const std::exception& e) {
    return DeferFor(Error(Reason::kInternal, e.what()));
  }
  return planned;
}

bool Gate::StillHolds(const Plan& plan) {
  try {
    return planner_.StillHolds(plan);
  } catch (const std::exception&) {
    return false;
  }
}

Connection Gate::Connect(const Plan& plan, const HostPlan& host,
                         const IpAddress& address,
                         const ConnectRequest& request, Deadline deadline) {
  try {
    return connector_.Connect(plan, host, address, request, deadline);
  } catch (const std::exception& e) {
    Connection failed;
    failed.verdict = DeferFor(Error(Reason::kInternal, e.what()));
    return failed;
  }
}

void Gate::JudgeAgain(const Plan& plan, const HostPlan& host,
                      const IpAddress& address, Connection& connection) {
  try {
    connector_.JudgeAgain(plan, host, address, connection);
  } catch (const std::exception& e) {
    connection.verdict = DeferFor(Error(Reason::kInternal, e.what()));
  }
}

std::string Gate::Generation() {
  try {
    return store_.Generation();
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace postern
