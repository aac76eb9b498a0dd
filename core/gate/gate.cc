#include "core/gate/gate.h"

#include <exception>
#include <utility>

namespace postern {

Gate::Gate(Parts parts)
    : store_(parts.store),
      sources_(parts.sources),
      credentials_(parts.credentials),
      left_out_(std::move(parts.left_out)),
      planner_(parts.store, parts.router, parts.sources, left_out_,
               parts.credentials, parts.clock),
      connector_(parts.resolver, parts.tls, parts.sasl, parts.clock,
                 {std::move(parts.helo), parts.timeouts, parts.refuse_8bit}) {}

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

Status Gate::Confirm(const Plan& plan, Deadline deadline) {
  try {
    return planner_.Confirm(plan, deadline);
  } catch (const std::exception& e) {
    return Error{Reason::kInternal, e.what()};
  }
}

void Gate::NoteRefused(const Plan& plan, const HostPlan& host) noexcept {
  try {
    planner_.NoteRefused(plan, host.facts);
  } catch (const std::exception&) {
    // No memory. The next refusal notes it again.
  }
}

Status Gate::RefreshPublished(const Domain& domain, Deadline deadline) {
  bool any = false;
  for (PolicySource* const source : sources_) {
    const std::optional<Status> done = source->Refresh(domain, deadline);
    if (!done) continue;
    if (!*done) return done->error();
    any = true;
  }
  if (any) return {};
  return Error{Reason::kVerifierNotBuiltIn,
               "none of the verifiers in use fetches policies"};
}

Result<bool> Gate::ForgetPublished(const Domain& domain) {
  bool any = false;
  for (PolicySource* const source : sources_) {
    const std::optional<Result<bool>> done = source->Forget(domain);
    if (!done) continue;
    if (!*done) return done->error();
    any = any || **done;
  }
  return any;
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

Verdict Gate::JudgeMade(const Plan& plan, const HostPlan& host,
                        const IpAddress& address, TlsEvidence& evidence,
                        Deadline deadline) {
  try {
    return connector_.JudgeMade(plan, host, address, evidence, deadline);
  } catch (const std::exception& e) {
    return DeferFor(Error(Reason::kInternal, e.what()));
  }
}

std::string Gate::Generation() {
  try {
    std::string generation = store_.Generation();
    if (credentials_ != nullptr && !generation.empty()) {
      generation += ' ' + credentials_->Generation();
    }
    return generation;
  } catch (const std::exception&) {
    return {};
  }
}

}  // namespace postern
