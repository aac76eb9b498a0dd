#include "core/route/router.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "core/names/quoted.h"
#include "core/route/host_addresses.h"
#include "core/route/mx_list.h"

namespace postern {
namespace {

using std::chrono::seconds;

// Nobody has so many; whoever publishes more wants to keep us busy.
constexpr std::size_t kMaxHosts = 20;
constexpr seconds kMxBudget{30};
// What no DNS answer limits (an address literal) is looked at again anyway.
constexpr seconds kLongestTtl{86'400};

Error LookupFailed(const Domain& domain, const DnsAnswer<MxRecord>& answer) {
  return {answer.security == Security::kBogus ? Reason::kDnssecInvalid
                                              : Reason::kDnsLookupFailed,
          "MX of " + domain.str() + ": " + answer.why};
}

template <typename T>
bool Contains(const std::vector<T>& items, const T& item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

HostFacts Unresolved(HostName host, Port port, Security mx, int preference) {
  return HostFacts{std::move(host), port, mx, Security::kInsecure, {}, {},
                   preference,      {}};
}

Route Finish(std::vector<HostFacts> hosts, Security mx, seconds ttl) {
  return Route{std::move(hosts), mx, std::min(ttl, kLongestTtl)};
}

// "MX 10 192.0.2.1", for whoever published it.
Error NoUsableHost(const Domain& domain, const std::vector<MxRecord>& records) {
  for (const MxRecord& mx : records) {
    if (!mx.unusable.empty()) {
      return {Reason::kNoAddress, "no MX record of " + domain.str() +
                                      " names a host: " + Quoted(mx.unusable)};
    }
  }
  return {Reason::kNoAddress,
          "no MX record of " + domain.str() + " names a host"};
}

}  // namespace

Router::Router(Resolver& resolver, Random& random, OwnIdentity own)
    : resolver_(resolver), random_(random), own_(std::move(own)) {}

std::variant<Route, RouteFailure> Router::Find(const NextHop& hop,
                                               Family family,
                                               Deadline deadline) {
  if (hop.bracketed() || hop.domain() == nullptr) {
    // As secure as the configuration that names it.
    return OneHost(hop.host(), hop.port(), Security::kSecure, family, deadline);
  }
  return FindMx(*hop.domain(), hop.port(), family, deadline);
}

Router::Found Router::FindMx(const Domain& domain, Port port, Family family,
                             Deadline deadline) {
  const DnsAnswer<MxRecord> mx =
      resolver_.Mx(domain, deadline.Within(kMxBudget));
  switch (mx.presence) {
    case Presence::kFound:
      return FromRecords(domain, mx, port, family, deadline);
    case Presence::kNoDomain:
      return RouteFailure{
          Error{Reason::kDomainNotFound, domain.str() + " does not exist"},
          mx.secure()};
    case Presence::kFailed:
      return RouteFailure{LookupFailed(domain, mx)};
    case Presence::kNoData:
      break;
  }
  // The domain is its own and only host (RFC 5321 section 5.1). How sure we are
  // of that is how sure we are that there is no MX (RFC 7672 section 2.2.1).
  Route route = OneHost(domain, port, mx.security, family, deadline);
  if (port == Port{} && IsOwn(route.hosts.front())) {
    return RouteFailure{
        Error{Reason::kMailLoop, domain.str() + " has no MX and is this host"}};
  }
  route.ttl = std::min(route.ttl, mx.ttl);
  return route;
}

Router::Found Router::FromRecords(const Domain& domain,
                                  const DnsAnswer<MxRecord>& mx, Port port,
                                  Family family, Deadline deadline) {
  if (IsNullMx(mx.records)) {
    return RouteFailure{
        Error{Reason::kNullMx, domain.str() + " publishes a null MX"},
        mx.secure()};
  }
  const std::vector<MxHost> candidates = SortMx(mx.records, random_);
  if (candidates.empty()) return RouteFailure{NoUsableHost(domain, mx.records)};

  seconds ttl = mx.ttl;
  std::vector<HostFacts> hosts;
  for (const MxHost& candidate : candidates) {
    if (hosts.size() == kMaxHosts) break;
    HostFacts facts =
        Unresolved(candidate.name, port, mx.security, candidate.preference);
    // Before its addresses, which a host of ours may not even have in public.
    bool own = port == Port{} && Contains(own_.names, candidate.name);
    if (!own) {
      ttl = std::min(
          ttl, LookUpAddresses(resolver_, random_, family, deadline, facts));
      own = port == Port{} && IsOwn(facts);
    }
    if (own) {
      // Everything from here on, and equals that the dice put before us, would
      // send the mail round (RFC 5321 section 5.1).
      std::erase_if(hosts, [&facts](const HostFacts& host) {
        return host.preference >= facts.preference;
      });
      break;
    }
    hosts.push_back(std::move(facts));
  }
  if (hosts.empty()) {
    return RouteFailure{Error{Reason::kMailLoop,
                              "this host is the best MX of " + domain.str()}};
  }
  return Finish(std::move(hosts), mx.security, ttl);
}

Route Router::OneHost(const HostName& host, Port port, Security mx,
                      Family family, Deadline deadline) {
  HostFacts facts = Unresolved(host, port, mx, 0);
  seconds ttl = kLongestTtl;
  if (const auto* address = std::get_if<IpAddress>(&host)) {
    if (family == Family::kAny ||
        address->is_v6() == (family == Family::kIpv6)) {
      facts.ips.push_back(*address);
    } else {
      facts.failure = Error{Reason::kNoAddress, ToString(host) +
                                                    " is not of the family "
                                                    "that the policy asks for"};
    }
  } else {
    ttl = LookUpAddresses(resolver_, random_, family, deadline, facts);
  }
  std::vector<HostFacts> hosts;
  hosts.push_back(std::move(facts));
  return Finish(std::move(hosts), mx, ttl);
}

bool Router::IsOwn(const HostFacts& facts) const {
  const auto* name = std::get_if<Domain>(&facts.host);
  return (name != nullptr && Contains(own_.names, *name)) ||
         (facts.expanded && Contains(own_.names, *facts.expanded)) ||
         std::any_of(facts.ips.begin(), facts.ips.end(),
                     [this](const IpAddress& address) {
                       return Contains(own_.addresses, address);
                     });
}

}  // namespace postern
