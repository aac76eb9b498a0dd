#include "core/gate/planner.h"

#include <algorithm>
#include <utility>

#include "core/gate/plan_digest.h"
#include "core/policy/combine.h"
#include "core/policy/route_rule.h"

namespace postern {
namespace {

// A plan is made anew at least this often, whatever the records' TTLs say.
constexpr std::chrono::seconds kLongestPlan{300};

// Two hops of one route= may have many hosts each.
constexpr std::size_t kMaxHosts = 40;

// NXDOMAIN and null MX bounce where nothing has to be proven; an
// authenticating line believes them only if DNSSEC does (an attacker who
// forges DNS must not be able to make mail bounce). Of a relay or a route= they
// say that *our* configuration is wrong, never that the recipient is.
Verdict FromRouteFailure(const RouteFailure& failure, Level level,
                         bool own_mx) {
  Verdict verdict = DeferFor(failure.error);
  const bool permanent = failure.error.reason() == Reason::kDomainNotFound ||
                         failure.error.reason() == Reason::kNullMx;
  if (permanent && own_mx && (failure.secure || !IsAuthenticating(level))) {
    verdict.decision = Decision::kBounce;
    verdict.status = Describe(failure.error.reason()).status;
  }
  return verdict;
}

Verdict WithLine(Verdict verdict, const ServedPolicy& policy) {
  verdict.line = Format(policy.line);
  verdict.origin = policy.origin;
  return verdict;
}

// Hosts of a hop that the line forbids are planned only for a dry run: each is
// refused, with this reason.
void RefuseAll(std::vector<HostPlan>& hosts, const Error& why) {
  for (HostPlan& host : hosts) {
    if (host.refused) continue;
    host.refused = Finding::Violated(why.reason(), why.detail());
  }
}

bool IsDryRun(const PolicyLine& line) {
  return line.on_fail == OnFail::kDeliver ||
         line.on_fail == OnFail::kDeliverClear;
}

}  // namespace

Result<ServedPolicy> Planner::PolicyFor(const HostName& recipient,
                                        TimePoint now) {
  if (const auto* domain = std::get_if<Domain>(&recipient)) {
    return LookUpDomain(store_, *domain, now);
  }
  return LookUpLiteral(store_, std::get<IpAddress>(recipient), now);
}

std::variant<Route, RouteFailure> Planner::FindHosts(
    std::span<const NextHop> hops, Family family, Deadline deadline) {
  Route all;
  all.mx = Security::kSecure;
  all.ttl = kLongestPlan;
  std::optional<RouteFailure> failure;
  for (const NextHop& hop : hops) {
    auto found = router_.Find(hop, family, deadline);
    if (auto* failed = std::get_if<RouteFailure>(&found)) {
      // One hop's passing trouble outweighs another's permanent answer.
      const bool temporary =
          failed->error.reason() != Reason::kDomainNotFound &&
          failed->error.reason() != Reason::kNullMx;
      if (!failure || temporary) failure = std::move(*failed);
      continue;
    }
    Route& route = std::get<Route>(found);
    if (route.mx != Security::kSecure) all.mx = route.mx;
    all.ttl = std::min(all.ttl, route.ttl);
    std::move(route.hosts.begin(), route.hosts.end(),
              std::back_inserter(all.hosts));
  }
  if (all.hosts.empty()) {
    return failure ? std::move(*failure)
                   : RouteFailure{Error(Reason::kNoAddress, "no host"), false};
  }
  if (all.hosts.size() > kMaxHosts) {
    all.hosts.erase(all.hosts.begin() + kMaxHosts, all.hosts.end());
  }
  return all;
}

std::vector<HostPlan> Planner::PlanHosts(const Destination& destination,
                                         const std::vector<HostFacts>& hosts,
                                         Deadline deadline) {
  struct Bound {
    std::string_view name;
    Result<std::unique_ptr<const BoundSource>> source;
  };
  std::vector<Bound> bound;
  for (PolicySource* source : sources_) {
    bound.push_back(
        {source->name(), source->ForDestination(destination, deadline)});
  }

  std::vector<HostPlan> plans;
  for (const HostFacts& facts : hosts) {
    std::vector<Contribution> contributions;
    for (const Bound& source : bound) {
      Contribution contribution;
      if (source.source.ok()) {
        contribution = (*source.source)->ForHost(facts, deadline);
      } else {
        contribution.state = Contribution::State::kHostFailed;
        contribution.reason = source.source.error().reason();
        contribution.detail = source.source.error().detail();
      }
      contribution.source = source.name;
      contributions.push_back(std::move(contribution));
    }
    for (const std::string& name : left_out_) {
      Contribution contribution;
      contribution.source = name;
      contribution.state = Contribution::State::kLeftOut;
      contributions.push_back(std::move(contribution));
    }
    plans.push_back(
        Combine(destination.policy.line, facts, contributions));
  }
  return plans;
}

Planned Planner::MakePlan(const HostName& recipient, const NextHop& hop,
                          Deadline deadline) {
  const TimePoint now = clock_.Now();
  Result<ServedPolicy> policy = PolicyFor(recipient, now);
  if (!policy) return DeferFor(policy.error());
  const Result<std::optional<ServedPolicy>> hop_policy =
      LookUpNextHop(store_, hop, now);
  if (!hop_policy) return DeferFor(hop_policy.error());

  const RouteDecision decision =
      DecideRoute(policy->line, recipient, hop);
  if (decision.refused && !IsDryRun(policy->line)) {
    return WithLine(DeferFor(*decision.refused), *policy);
  }

  auto route = FindHosts(decision.hops, policy->line.family, deadline);
  if (const auto* failure = std::get_if<RouteFailure>(&route)) {
    return WithLine(FromRouteFailure(*failure, policy->line.level,
                                     decision.own_mx),
                    *policy);
  }
  const Route& found = std::get<Route>(route);

  Plan plan{Destination{recipient, hop, std::move(*policy), decision.own_mx},
            std::nullopt, {}, found.mx, {}, {}};
  plan.hosts = PlanHosts(plan.destination, found.hosts, deadline);
  if (decision.refused) RefuseAll(plan.hosts, *decision.refused);

  plan.valid_until = now + std::min(found.ttl, kLongestPlan);
  if (const auto& until = plan.destination.policy.valid_until) {
    plan.valid_until = std::min(plan.valid_until, *until);
  }

  if (decision.hop_line_holds && *hop_policy) {
    const Destination through{hop.host(), hop, **hop_policy, true};
    const auto second = PlanHosts(through, found.hosts, deadline);
    for (std::size_t i = 0; i < plan.hosts.size(); ++i) {
      plan.hosts[i] = Both(std::move(plan.hosts[i]), second[i]);
    }
    plan.hop_policy = **hop_policy;
    if (const auto& until = plan.hop_policy->valid_until) {
      plan.valid_until = std::min(plan.valid_until, *until);
    }
  }
  plan.digest = DigestOf(plan);
  return plan;
}

}  // namespace postern
