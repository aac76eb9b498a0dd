#include "core/delivery/connections.h"

#include <utility>

namespace postern {
namespace {

// Two routes of one plan may lead to one host and ask for different TLS there,
// so the plan's digest alone is not enough. What the line adds to a connection
// (helo, source, client certificate) is in the digest.
std::string MadeAs(const Connections::Wanted& wanted) {
  const HostPlan& host = wanted.host;
  if (wanted.plan.digest.empty() || wanted.how.without_tls ||
      wanted.how.keep_refused || host.refused) {
    return {};
  }
  std::string text = wanted.plan.digest;
  text += ' ' + std::to_string(static_cast<int>(host.tls));
  text += host.wrapper ? " wrapper" : "";
  for (const std::string* word :
       {&host.protocols, &host.ciphers, &host.exclude}) {
    text += '\n' + *word;
  }
  text += '\n';
  if (host.servername) text += host.servername->str();
  if (host.credentials) {
    text += "\nlogin " + std::to_string(host.credentials->id());
  }
  return text;
}

std::string PeerOf(const HostFacts& host, const IpAddress& address) {
  return ToString(host.host) + ':' + std::to_string(host.port.value) + ' ' +
         address.str();
}

// Another source address may be routed otherwise.
std::string DeadAs(const Plan& plan, const HostFacts& host,
                   const IpAddress& address) {
  const auto& source = plan.destination.policy.line.source;
  return address.str() + ' ' + std::to_string(host.port.value) +
         (source ? " from " + source->str() : "");
}

}  // namespace

bool Connections::AllDead(const Plan& plan) const {
  bool any = false;
  for (const HostPlan& host : plan.hosts) {
    if (host.refused) continue;
    for (const IpAddress& address : host.facts.ips) {
      if (!dead_.Remembers(DeadAs(plan, host.facts, address))) return false;
      any = true;
    }
  }
  return any;
}

Connections::Lease Connections::Open(const Wanted& wanted, Deadline deadline) {
  const auto refuse = [&wanted](const Error& why) {
    Lease none;
    none.connection =
        NotConnected(wanted.plan, wanted.host, wanted.address, why);
    return none;
  };
  if (wanted.host.credentials) {
    const auto said = wanted.host.credentials->RefusedLately(now_());
    if (said) {
      Lease none = refuse({Reason::kAuthRefused, ""});
      none.connection.verdict.sentence =
          *said + " (a moment ago; not asked again yet)";
      return none;
    }
  }
  const HostFacts& facts = wanted.host.facts;
  const std::string dead_as = DeadAs(wanted.plan, facts, wanted.address);
  // Nobody queues up to find a host dead.
  const bool wait = wanted.insist || !dead_.Remembers(dead_as);
  Result<Lease> taken = cache_.Take(
      {MadeAs(wanted), PeerOf(facts, wanted.address)}, gate_.Generation(),
      wait ? deadline : deadline.Within(std::chrono::milliseconds::zero()),
      wanted.how.cancellation);
  if (!taken) return refuse(taken.error());
  if (taken->connection.session) {
    gate_.JudgeAgain(wanted.plan, wanted.host, wanted.address,
                     taken->connection);
    if (taken->connection.verdict.pass()) return *std::move(taken);
    // A certificate that has run out since, a root that is gone: perhaps the
    // server has a better one by now. That is found out on a new connection.
    taken->Renew(Connection(), true);
  }
  if (const auto dead = dead_.Begin(dead_as, wanted.insist)) {
    Lease none = refuse(*dead);
    none.connection.verdict.sentence = dead->detail();
    return none;
  }
  Reconnect(*taken, wanted, deadline);
  return *std::move(taken);
}

void Connections::Reconnect(Lease& lease, const Wanted& wanted,
                            Deadline deadline) {
  const bool keep = !wanted.how.without_tls && !wanted.how.keep_refused;
  lease.Renew(Connection(), keep);
  Connection fresh = gate_.Connect(wanted.plan, wanted.host, wanted.address,
                                   wanted.how, deadline);
  if (fresh.verdict.reason == Reason::kAuthRefused && wanted.host.credentials) {
    wanted.host.credentials->NoteRefusal(now_(), fresh.verdict.sentence);
  }
  Connection::Reach reach = fresh.reach;
  // The time of this delivery was over before the host's was.
  if (reach == Connection::Reach::kUnreachable && deadline.expired()) {
    reach = Connection::Reach::kUnknown;
  }
  dead_.End(DeadAs(wanted.plan, wanted.host.facts, wanted.address), reach,
            Error(fresh.verdict.reason, fresh.verdict.sentence));
  lease.Renew(std::move(fresh), keep);
}

void Connections::Keep(Lease lease) noexcept {
  cache_.Keep(std::move(lease), gate_.Generation());
}

}  // namespace postern
