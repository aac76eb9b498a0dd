#include "core/gate/prober.h"

#include <utility>

namespace postern {
namespace {

constexpr std::chrono::seconds kMinute{60};
constexpr std::size_t kMostCounts = 50'000;
constexpr std::size_t kMostBare = 1000;

// Two looks are one if the server can't tell them apart.
std::string PlaceOf(const Plan& plan, const HostPlan& host,
                    const IpAddress& address) {
  const PolicyLine& line = plan.destination.policy.line;
  std::string place =
      address.str() + ' ' + std::to_string(host.facts.port.value) +
      (host.wrapper ? " wrapper " : " ") + ToString(host.facts.host);
  for (const std::string& word :
       {host.servername ? host.servername->str() : std::string(),
        host.protocols, host.ciphers, host.exclude, line.client_cert}) {
    place += '\n' + word;
  }
  return place;
}

// What is asked of the host now, of a connection that was made for another
// destination.
std::shared_ptr<const Connection> JudgedFor(Gate& gate, const Plan& plan,
                                            const HostPlan& host,
                                            const IpAddress& address,
                                            const Connection& found,
                                            Deadline deadline) {
  auto own = std::make_shared<Connection>();
  own->evidence = found.evidence;
  own->starttls_offered = found.starttls_offered;
  own->tls_failed = found.tls_failed;
  own->reach = found.reach;
  own->local_address = found.local_address;
  own->verdict = found.verdict;
  if (!found.evidence.protocol.empty()) {
    own->verdict = gate.JudgeMade(plan, host, address, own->evidence, deadline);
  }
  return own;
}

}  // namespace

// Where configuration has named the next hop, no stranger has chosen it.
bool Prober::MayLook(const Plan& plan, const HostPlan& host,
                     const IpAddress& address) const {
  if (parts_.addresses.Allows(address)) return true;
  if (plan.destination.own_mx) return false;
  // At another port it may be another program of this machine that is meant.
  return host.facts.port != Port{} || !parts_.addresses.IsOwn(address);
}

Status Prober::Admit(const Plan& plan, const HostPlan& host,
                     const IpAddress& address) {
  const TimePoint now = parts_.clock.Now();
  if (flights_.size() >= limits_.at_once) {
    return Error{Reason::kServiceBusy, "too many hosts are looked at already"};
  }
  if (counts_.size() >= kMostCounts) {
    std::erase_if(counts_, [now](const auto& entry) {
      return now - entry.second.since >= kMinute;
    });
  }
  if (counts_.size() >= kMostCounts) {
    return Error{Reason::kServiceBusy, "too many hosts were looked at"};
  }
  const bool named =
      plan.destination.policy.line.key.kind() != PolicyKey::Kind::kDefault;
  Count& count = counts_[{address, host.facts.port, named}];
  if (now - count.since >= kMinute || now < count.since) count = {now, 0};
  if (++count.looks <= limits_.per_minute) return {};
  return Error{Reason::kHostBusy, address.str() + " was looked at " +
                                      std::to_string(limits_.per_minute) +
                                      " times within a minute"};
}

// A "pass" is never kept, nor what tells more of us than of the server.
void Prober::NoteBare(const std::string& place, Bare bare) {
  bare_.erase(place);
  const Connection& found = *bare.found;
  if (!found.evidence.protocol.empty() || found.verdict.pass() ||
      found.reach == Connection::Reach::kUnknown) {
    return;
  }
  if (bare_.size() >= kMostBare) {
    std::erase_if(bare_, [&bare](const auto& entry) {
      return bare.at - entry.second.at >= kMinute;
    });
    if (bare_.size() >= kMostBare) bare_.clear();
  }
  bare_.emplace(place, std::move(bare));
}

std::shared_ptr<const Connection> Prober::Recall(const Plan& plan,
                                                 const HostPlan& host,
                                                 const IpAddress& address,
                                                 std::chrono::seconds within,
                                                 Deadline deadline) {
  if (!MayLook(plan, host, address)) return nullptr;
  const TimePoint now = parts_.clock.Now();
  {
    const std::lock_guard lock(mutex_);
    const auto at = bare_.find(PlaceOf(plan, host, address));
    if (at != bare_.end() && at->second.plan_digest == plan.digest &&
        at->second.at <= now && now - at->second.at < within) {
      return at->second.found;
    }
  }
  auto seen =
      parts_.index.Last(host.facts.host, host.facts.port, address, within);
  if (!seen) return nullptr;
  Connection found;
  found.evidence = *std::move(seen);
  found.starttls_offered = !host.wrapper;
  return JudgedFor(parts_.gate, plan, host, address, found, deadline);
}

Result<std::shared_ptr<const Connection>> Prober::Look(const Plan& plan,
                                                       const HostPlan& host,
                                                       const IpAddress& address,
                                                       const Cancellation& stop,
                                                       Deadline deadline) {
  if (!MayLook(plan, host, address)) {
    return Error{Reason::kAddressNotAllowed,
                 address.str() + " is this host's or a private address"};
  }
  const std::string place = PlaceOf(plan, host, address);
  auto found = std::make_shared<Connection>();
  std::shared_ptr<Flight> flight;
  {
    std::unique_lock lock(mutex_);
    if (const auto at = flights_.find(place); at != flights_.end()) {
      const std::shared_ptr<Flight> other = at->second;
      const bool landed = landed_.wait_until(
          lock, deadline.at(), [&] { return other->found != nullptr; });
      lock.unlock();
      if (!landed) {
        return Error{Reason::kDeadlineExceeded,
                     "looking at " + address.str() + " takes too long"};
      }
      return JudgedFor(parts_.gate, plan, host, address, *other->found,
                       deadline);
    }
    const Status admitted = Admit(plan, host, address);
    if (!admitted) return admitted.error();
    flight = flights_.emplace(place, std::make_shared<Flight>()).first->second;
  }

  // With less time than a look may take, it may end for that alone.
  const bool hurried = deadline.remaining() < limits_.each;
  // Whoever waits is told in any case: a look that threw is a defer.
  const auto land = [&](void*) {
    const std::lock_guard lock(mutex_);
    flight->found = found;
    if (!hurried) NoteBare(place, {found, plan.digest, parts_.clock.Now()});
    flights_.erase(place);
    landed_.notify_all();
  };
  const std::unique_ptr<Prober, decltype(land)> landing(this, land);
  ConnectRequest request;
  request.basis = Basis::kProbe;
  request.cancellation = stop;
  *found = parts_.gate.Connect(plan, host, address, request,
                               deadline.Within(limits_.each));
  if (found->session) found->session->Quit();
  found->session.reset();
  parts_.index.Keep(host.facts.host, host.facts.port, address, found->evidence);
  return std::shared_ptr<const Connection>(found);
}

}  // namespace postern
