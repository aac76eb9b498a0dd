#include "core/gate/planner.h"

#include <algorithm>
#include <utility>

#include "core/gate/plan_digest.h"
#include "core/policy/combine.h"
#include "core/policy/configured_mx.h"
#include "core/policy/route_rule.h"

namespace postern {
namespace {

// A plan is made anew at least this often, whatever the records' TTLs say.
constexpr std::chrono::seconds kLongestPlan{300};

// Two hops of one route= may have many hosts each.
constexpr std::size_t kMaxHosts = 40;
// The router's own bound for one hop: at it there may have been more.
constexpr std::size_t kRouterMaxHosts = 20;

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

// Why a host may not be logged in to, however its connection turns out; empty:
// it may.
std::string WhyWithheld(const Plan& plan, const NextHop& hop,
                        const HostPlan& host) {
  bool authenticating = IsAuthenticating(plan.destination.policy.line.level);
  for (const Plan::HopPolicy& held : plan.hop_policies) {
    authenticating =
        authenticating ||
        (held.hop == hop && IsAuthenticating(held.policy.line.level));
  }
  if (!authenticating) {
    return "no line that holds for " + hop.str() +
           " is at an authenticating level";
  }
  // Whoever answers DNS for an address chooses that name.
  if (host.needs_ptr) {
    return "the line of " + hop.str() + " believes a PTR name (match=ptr)";
  }
  return {};
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

std::variant<Planner::FoundHosts, RouteFailure> Planner::FindHosts(
    std::span<const NextHop> hops, Family family, Deadline deadline) {
  FoundHosts all;
  all.route.mx = Security::kSecure;
  all.route.ttl = kLongestPlan;
  std::optional<RouteFailure> failure;
  for (std::size_t i = 0; i < hops.size(); ++i) {
    auto found = router_.Find(hops[i], family, deadline);
    if (auto* failed = std::get_if<RouteFailure>(&found)) {
      // One hop's passing trouble outweighs another's permanent answer.
      const bool temporary =
          failed->error.reason() != Reason::kDomainNotFound &&
          failed->error.reason() != Reason::kNullMx;
      all.failed.push_back({hops[i], failed->error});
      if (!failure || temporary) failure = std::move(*failed);
      all.incomplete = true;
      continue;
    }
    Route& route = std::get<Route>(found);
    if (route.mx != Security::kSecure) all.route.mx = route.mx;
    all.route.ttl = std::min(all.route.ttl, route.ttl);
    all.incomplete = all.incomplete || route.hosts.size() >= kRouterMaxHosts;
    for (HostFacts& host : route.hosts) {
      if (all.route.hosts.size() == kMaxHosts) break;
      all.incomplete = all.incomplete || host.incomplete;
      host.hop = hops[i];
      all.route.hosts.push_back(std::move(host));
      all.hop.push_back(i);
    }
  }
  if (all.route.hosts.empty()) {
    return failure ? std::move(*failure)
                   : RouteFailure{Error(Reason::kNoAddress, "no host"), false};
  }
  all.incomplete = all.incomplete || all.route.hosts.size() == kMaxHosts;
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
  for (const HostFacts& found : hosts) {
    const HostFacts facts = UnderLine(destination.policy.line, found);
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
    plans.push_back(Combine(destination.policy.line, facts, contributions));
  }
  return plans;
}

Status Planner::AddHopLines(const RouteDecision& decision,
                            const FoundHosts& found, Deadline deadline,
                            Plan& plan) {
  if (!decision.hop_line_holds) return {};
  const HostName& recipient = plan.destination.recipient;
  for (std::size_t i = 0; i < decision.hops.size(); ++i) {
    const NextHop& hop = decision.hops[i];
    if (LeadsToOwnHosts(recipient, hop) && hop.port() == Port{}) continue;
    const auto policy = LookUpNextHop(store_, hop, clock_.Now());
    if (!policy) return policy.error();
    if (!*policy) continue;
    const Destination through{recipient, hop, **policy, false};
    std::vector<std::size_t> places;
    std::vector<HostFacts> hosts;
    for (std::size_t at = 0; at < plan.hosts.size(); ++at) {
      if (found.hop[at] != i) continue;
      places.push_back(at);
      hosts.push_back(found.route.hosts[at]);
    }
    std::vector<HostPlan> second = PlanHosts(through, hosts, deadline);
    for (std::size_t k = 0; k < places.size(); ++k) {
      HostPlan& host = plan.hosts[places[k]];
      host = Both(std::move(host), second[k]);
    }
    if ((*policy)->line.on_fail != plan.on_fail) plan.on_fail = OnFail::kDefer;
    plan.hop_policies.push_back({hop, **policy});
  }
  return {};
}

// Only a hop that an administrator has named host by host: a domain's hosts are
// whatever DNS says, and the credentials would go there.
void Planner::AddCredentials(const RouteDecision& decision,
                             const FoundHosts& found, Plan& plan) {
  if (credentials_ == nullptr) return;
  for (std::size_t at = 0; at < plan.hosts.size(); ++at) {
    HostPlan& host = plan.hosts[at];
    const NextHop& hop = decision.hops[found.hop[at]];
    if (!hop.bracketed()) continue;
    auto credentials = credentials_->For(hop);
    if (!credentials) {
      // Before a "no" that a dry run could pass over.
      host.refused = Finding::Undecided(credentials.error());
    } else if (*credentials) {
      host.credentials = *std::move(credentials);
      const auto why = WhyWithheld(plan, hop, host);
      if (!why.empty() && !host.refused) {
        host.refused = Finding::Violated(Reason::kCredentialsWithheld, why);
      }
    }
  }
}

Planned Planner::MakePlan(const HostName& recipient, const NextHop& hop,
                          Deadline deadline) {
  const TimePoint now = clock_.Now();
  Result<ServedPolicy> policy = PolicyFor(recipient, now);
  if (!policy) return DeferFor(policy.error());

  const RouteDecision decision = DecideRoute(policy->line, recipient, hop);
  if (decision.refused && !IsDryRun(policy->line)) {
    return WithLine(DeferFor(*decision.refused), *policy);
  }

  auto route = FindHosts(decision.hops, policy->line.family, deadline);
  if (const auto* failure = std::get_if<RouteFailure>(&route)) {
    return WithLine(
        FromRouteFailure(*failure, policy->line.level, decision.own_mx),
        *policy);
  }
  const FoundHosts& found = std::get<FoundHosts>(route);

  Plan plan{Destination{recipient, hop, std::move(*policy), decision.own_mx}};
  plan.mx = found.route.mx;
  plan.incomplete = found.incomplete;
  plan.failed_hops = found.failed;
  plan.on_fail = plan.destination.policy.line.on_fail;
  plan.hosts = PlanHosts(plan.destination, found.route.hosts, deadline);
  if (decision.refused) RefuseAll(plan.hosts, *decision.refused);
  const Status added = AddHopLines(decision, found, deadline, plan);
  if (!added) return WithLine(DeferFor(added.error()), plan.destination.policy);
  AddCredentials(decision, found, plan);

  plan.valid_until = now + std::min(found.route.ttl, kLongestPlan);
  const auto limit = [&plan](const ServedPolicy& held) {
    if (held.valid_until) {
      plan.valid_until = std::min(plan.valid_until, *held.valid_until);
    }
  };
  limit(plan.destination.policy);
  for (const HostPlan& host : plan.hosts) {
    plan.valid_until = std::min(plan.valid_until, now + host.ttl);
  }
  for (const Plan::HopPolicy& held : plan.hop_policies) limit(held.policy);
  plan.digest = DigestOf(plan);
  return plan;
}

namespace {

// The destination as each line that holds sees it: the domain's, the hops'.
std::vector<Destination> LinesOf(const Plan& plan) {
  std::vector<Destination> all{plan.destination};
  for (const Plan::HopPolicy& held : plan.hop_policies) {
    all.push_back(
        {plan.destination.recipient, held.hop, held.policy, /*own_mx=*/false});
  }
  return all;
}

}  // namespace

Status Planner::Confirm(const Plan& plan, Deadline deadline) {
  for (const Destination& destination : LinesOf(plan)) {
    for (const HostPlan& host : plan.hosts) {
      for (PolicySource* const source : sources_) {
        const Status asked =
            source->AskAfresh(destination, host.facts, deadline);
        if (!asked) return asked.error();
      }
    }
  }
  const Planned again =
      MakePlan(plan.destination.recipient, plan.destination.next_hop, deadline);
  const Plan* const now = std::get_if<Plan>(&again);
  if (now == nullptr || now->digest.empty() || now->digest != plan.digest) {
    return Error{Reason::kPolicyChanged,
                 "what " + ToString(plan.destination.recipient) +
                     " asks for is not what it was a moment ago"};
  }
  return {};
}

void Planner::NoteRefused(const Plan& plan, const HostFacts& host) {
  for (const Destination& destination : LinesOf(plan)) {
    for (PolicySource* const source : sources_) {
      source->OnRefused(destination, host);
    }
  }
}

bool Planner::StillHolds(const Plan& plan) {
  const TimePoint now = clock_.Now();
  const auto same = [](const ServedPolicy& a, const ServedPolicy& b) {
    return a.line == b.line && a.pins == b.pins && a.anchors == b.anchors;
  };
  const Result<ServedPolicy> policy =
      PolicyFor(plan.destination.recipient, now);
  if (!policy || !same(*policy, plan.destination.policy)) return false;

  const RouteDecision decision = DecideRoute(
      policy->line, plan.destination.recipient, plan.destination.next_hop);
  if (!decision.hop_line_holds) return true;
  std::size_t held = 0;
  for (const NextHop& hop : decision.hops) {
    if (LeadsToOwnHosts(plan.destination.recipient, hop) &&
        hop.port() == Port{}) {
      continue;
    }
    const auto today = LookUpNextHop(store_, hop, now);
    if (!today) return false;
    if (!*today) continue;
    if (held == plan.hop_policies.size() ||
        !same(**today, plan.hop_policies[held].policy)) {
      return false;
    }
    ++held;
  }
  return held == plan.hop_policies.size();
}

}  // namespace postern
