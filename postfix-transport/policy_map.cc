#include "postfix-transport/policy_map.h"

#include <algorithm>

#include "core/service/line_protocol.h"

namespace postern {
namespace {

constexpr std::string_view kMapName = "policy";
// What DNS said about a destination at `auto` is believed so long at most; the
// resolver's own cache makes asking again cheap.
constexpr std::chrono::seconds kRemember{60};
constexpr std::size_t kMostRemembered = 10'000;

PolicyMapAnswer Defer(const Error& error) {
  return {SocketMapReply::Temp(ErrorReply(error).rest), {}};
}

// Postfix logs a hundred octets of it: the reason comes first.
PolicyMapAnswer CannotSay(const NextHop& hop, const std::string& why) {
  return {SocketMapReply::Temp(hop.str() + ": " + why +
                               "; hint: send it by postern's lmtp or pipe "
                               "transport"),
          {}};
}

// Where what is published might decide; empty: nothing is published for any
// host that the mail may go to.
std::string PublishedFor(const Plan& plan) {
  if (plan.incomplete || !plan.failed_hops.empty()) {
    return "auto: not all of its hosts could be found out";
  }
  if (plan.hosts.empty()) return "auto: it has no host";
  for (const HostPlan& host : plan.hosts) {
    const std::string name = ToString(host.facts.host);
    if (host.facts.failure) return "auto: " + host.facts.failure->ToString();
    if (host.published) return "auto: DANE or MTA-STS decides for " + name;
    if (host.refused) return "auto: " + host.refused->detail();
  }
  return "";
}

bool AsksForNothing(const PolicyLine& line) {
  PolicyLine bare;
  bare.key = line.key;
  bare.level = line.level;
  bare.until = line.until;
  bare.owner = line.owner;
  bare.note = line.note;
  return (line.level == Level::kMay || line.level == Level::kNone) &&
         bare == line;
}

}  // namespace

std::optional<SocketMapReply> PolicyMap::Known(const SocketMapQuery& query) {
  if (query.map != kMapName) {
    return SocketMapReply::Temp("there is no map of this name; it is called " +
                                std::string(kMapName));
  }
  const Result<NextHop> hop = NextHop::Parse(query.key);
  if (!hop) return Defer(hop.error()).reply;
  std::optional<PolicyMapAnswer> answer = FromStore(*hop, false);
  if (!answer) return std::nullopt;
  return std::move(answer->reply);
}

SocketMapReply PolicyMap::Find(const SocketMapQuery& query, Deadline deadline) {
  const Result<NextHop> hop = NextHop::Parse(query.key);
  if (!hop || query.map != kMapName) return Known(query).value();
  return AnswerFor(*hop, deadline).reply;
}

std::string PolicyMap::OwnerOf(const SocketMapQuery& query) {
  const Result<NextHop> hop = NextHop::Parse(query.key);
  return hop ? hop->str() : std::string();
}

PolicyMapAnswer PolicyMap::AnswerFor(const NextHop& hop, Deadline deadline) {
  // A commit meanwhile makes a new question; one at every turn is not waited
  // for.
  std::string looked;  // the generation for which nothing was found published
  for (int i = 0; i < 4; ++i) {
    const std::string generation = gate_.Generation();
    const bool unpublished = !looked.empty() && looked == generation;
    if (auto known = FromStore(hop, unpublished)) return *known;
    const auto refused = LookForPublished(hop, deadline);
    if (!refused) {
      looked = generation;
    } else if (gate_.Generation() == generation) {
      return *refused;
    }
  }
  return Defer({Reason::kPolicyChanged, hop.str()});
}

Result<ServedPolicy> PolicyMap::LineFor(const NextHop& hop) {
  const TimePoint now = clock_.Now();
  if (hop.bracketed() || hop.domain() == nullptr) {
    Result<std::optional<ServedPolicy>> own = LookUpNextHop(store_, hop, now);
    if (!own) return own.error();
    if (*own) return **std::move(own);
    return Error{Reason::kPolicyMissing,
                 "smtp(8) asks for the next hop " + hop.str() +
                     " and does not say whose mail it is; give " + hop.str() +
                     " a line of its own"};
  }
  Result<ServedPolicy> policy = LookUpDomain(store_, *hop.domain(), now);
  if (!policy || hop.port() == Port{}) return policy;

  const auto row = store_.Find(PolicyKey::ForNextHop(hop));
  if (!row) return row.error();
  if (!*row) return policy;
  Result<std::optional<ServedPolicy>> own = LookUpNextHop(store_, hop, now);
  if (!own) return own.error();
  if (!*own || (*own)->line.key != PolicyKey::ForNextHop(hop)) return policy;
  if (AsksForNothing(policy->line)) return **std::move(own);
  return Error{Reason::kPolicyInvalid,
               "the lines of " + policy->origin + " and " + hop.str() +
                   " both hold, and smtp(8) can be told one"};
}

std::optional<PolicyMapAnswer> PolicyMap::FromStore(const NextHop& hop,
                                                    bool unpublished) {
  const Result<ServedPolicy> policy = LineFor(hop);
  if (!policy) return Defer(policy.error());
  const bool own_mx = !hop.bracketed() && hop.port() == Port{};
  if (policy->line.level != Level::kAuto || !own_mx) {
    return Translate(*policy, hop);
  }
  PolicyMapAnswer floor = Translate(*policy, hop);
  // What the floor can't say, no DNS answer can make it say.
  const bool said = floor.reply.status == SocketMapReply::Status::kOk;
  if (said && !unpublished && !IsUnpublished(hop)) return std::nullopt;
  return floor;
}

PolicyMapAnswer PolicyMap::Translate(const ServedPolicy& policy,
                                     const NextHop& hop) {
  ServedPolicy local = policy;
  const bool own_mx = !hop.bracketed() && hop.port() == Port{};
  // FromStore() tells the floor only where nothing else may hold.
  if (local.line.level == Level::kAuto && own_mx) {
    local.line.level = LocalLevel(policy.line);
    local.line.floor.reset();
  }
  SmtpPolicy said = ToSmtpPolicy(local, hop, client_, clock_.Now());
  if (!said.value) return CannotSay(hop, said.why);
  return {SocketMapReply::Ok(*std::move(said.value)), std::move(said.notes)};
}

std::optional<PolicyMapAnswer> PolicyMap::LookForPublished(const NextHop& hop,
                                                           Deadline deadline) {
  const std::string generation = gate_.Generation();
  const TimePoint since = clock_.Now();
  const Planned planned = gate_.MakePlan(*hop.domain(), hop, deadline);
  if (const auto* verdict = std::get_if<Verdict>(&planned)) {
    return PolicyMapAnswer{
        SocketMapReply::Temp(hop.str() + ": " +
                             std::string(Describe(verdict->reason).token) +
                             ": " + verdict->sentence),
        {}};
  }
  const Plan& plan = std::get<Plan>(planned);
  const std::string published = PublishedFor(plan);
  if (!published.empty()) return CannotSay(hop, published);
  Remember(hop,
           {generation, since, std::min(plan.valid_until, since + kRemember)});
  return std::nullopt;
}

bool PolicyMap::IsUnpublished(const NextHop& hop) {
  const std::string generation = gate_.Generation();
  const TimePoint now = clock_.Now();
  const std::lock_guard lock(mutex_);
  const auto found = unpublished_.find(hop.str());
  if (found == unpublished_.end()) return false;
  // From before the clock was set back it says nothing.
  if (found->second.generation == generation && found->second.since <= now &&
      now < found->second.until) {
    return true;
  }
  unpublished_.erase(found);
  return false;
}

void PolicyMap::Remember(const NextHop& hop, Unpublished found) {
  if (found.generation.empty()) return;
  const std::lock_guard lock(mutex_);
  // Half of them, whichever: they are asked for again.
  if (unpublished_.size() >= kMostRemembered) {
    unpublished_.erase(unpublished_.begin(),
                       std::next(unpublished_.begin(), kMostRemembered / 2));
  }
  unpublished_.insert_or_assign(hop.str(), std::move(found));
}

}  // namespace postern
