// Planner::NotePublished(): what a destination publishes, beside what its line
// asks for.
#include <algorithm>

#include "core/gate/planner.h"

namespace postern {
namespace {

// The line as it would be if it asked for what is published and nothing else.
PolicyLine AsPublished(const PolicyLine& line) {
  PolicyLine asked;
  asked.key = line.key;
  asked.level = Level::kAuto;
  asked.mx = line.mx;
  return asked;
}

// How `host` asks for less than `published`, the same host as `auto` has it.
std::string WeakerThan(const HostPlan& host, const HostPlan& published) {
  if (host.refused) return {};
  if (published.refused) {
    // Where nothing is built in for it, nobody wants to hear of it each time.
    if (published.refused->reason() == Reason::kVerifierNotBuiltIn) return {};
    if (published.refused->state() == Finding::State::kViolated) {
      return "what the destination publishes rules this host out: " +
             published.refused->detail();
    }
    return "what the destination publishes could not be found out: " +
           published.refused->detail();
  }
  if (!published.verifiers.empty() && host.verifiers.empty()) {
    return "the destination publishes " +
           std::string(published.verifiers.front()->name()) +
           ", and the line does not ask for it; also=auto would";
  }
  if (published.published && published.tls > host.tls) {
    return "the destination publishes TLSA records, none of them usable, which "
           "still asks for TLS; the line does not";
  }
  return {};
}

}  // namespace

void Planner::NotePublished(Plan& plan, Deadline deadline) {
  const PolicyLine& line = plan.destination.policy.line;
  if (line.level == Level::kAuto || line.also_auto) return;
  Destination published = plan.destination;
  published.policy.line = AsPublished(line);
  for (HostPlan& host : plan.hosts) {
    if (host.facts.failure) continue;
    const HostPlan asked = PlanHosts(published, {host.facts}, deadline).front();
    for (const PublishedPolicy& policy : asked.policies) {
      const bool known = std::find(host.policies.begin(), host.policies.end(),
                                   policy) != host.policies.end();
      if (!known) host.policies.push_back(policy);
    }
    host.weaker = WeakerThan(host, asked);
  }
}

}  // namespace postern
