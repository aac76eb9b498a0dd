#include "core/gate/made_connection.h"

#include <utility>

#include "core/gate/explain.h"

namespace postern {

std::optional<HostName> ParseMadeHost(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) {
    Result<HostName> literal = ParseRecipientDomain(text);
    if (!literal) return std::nullopt;
    return *std::move(literal);
  }
  if (auto address = IpAddress::Parse(text)) return HostName(*address);
  if (text.ends_with('.')) text.remove_suffix(1);
  if (auto domain = Domain::Parse(text)) return HostName(*std::move(domain));
  return std::nullopt;
}

const HostPlan* FindHost(const Plan& plan, const HostName& name,
                         std::optional<Port> port) {
  const HostPlan* found = nullptr;
  const HostPlan* alias = nullptr;
  bool ambiguous = false;
  for (const HostPlan& candidate : plan.hosts) {
    const HostFacts& facts = candidate.facts;
    if (port && facts.port != *port) continue;
    if (facts.host == name) {
      if (found != nullptr && found->facts.port != facts.port) return nullptr;
      if (found == nullptr) found = &candidate;
    } else if (facts.expanded && HostName(*facts.expanded) == name) {
      ambiguous = ambiguous || alias != nullptr;
      alias = &candidate;
    }
  }
  if (found != nullptr) return found;
  return ambiguous ? nullptr : alias;
}

Verdict NoLogin() {
  Verdict verdict =
      DeferFor(Error(Reason::kCredentialsWithheld,
                     "this MTA would log in before anything is judged, so its "
                     "connections never do"));
  verdict.hint =
      "let the relay take this host's mail by its address, and take the next "
      "hop out of the file of 'credentials'; or send such mail by Postfix, "
      "whose connections Postern makes";
  return verdict;
}

SessionRecord RecordOf(std::string door, const Plan& plan, const HostPlan& host,
                       const std::string& queue_id, const Verdict& verdict,
                       TimePoint now) {
  SessionRecord record;
  record.at = now;
  record.door = std::move(door);
  record.queue_id = queue_id;
  record.destination = ToString(plan.destination.recipient);
  record.next_hop = plan.destination.next_hop.str();
  record.level = ToString(plan.destination.policy.line.level);
  record.plan_digest = plan.digest;
  record.plan = PlanJson(plan);
  record.policies = host.policies;
  record.verdict = verdict;
  return record;
}

}  // namespace postern
