#include "core/policy/reference_names.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/policy/configured_mx.h"

namespace postern {
namespace {

std::optional<Domain> NameOf(const HostName& host) {
  const auto* domain = std::get_if<Domain>(&host);
  return domain == nullptr ? std::nullopt : std::optional(*domain);
}

// A name that came from insecure DNS must not hide the same name learnt from
// configuration, nor the other way round: the first one stays, stronger if
// either is.
void Add(std::vector<ReferenceIdentity>& names, ReferenceIdentity name) {
  for (ReferenceIdentity& known : names) {
    if (known.domain() != name.domain() || known.below() != name.below()) {
      continue;
    }
    if (known.weak() && !name.weak()) known = std::move(name);
    return;
  }
  names.push_back(std::move(name));
}

void AddHost(std::vector<ReferenceIdentity>& names, const PolicyLine& line,
             const HostFacts& host) {
  auto name = NameOf(host.host);
  if (!name) return;
  ReferenceIdentity identity = ReferenceIdentity::Exact(*std::move(name));
  const bool secure = UnderLine(line, host).mx == Security::kSecure;
  Add(names, secure ? identity : identity.AsWeak());
}

void AddExact(std::vector<ReferenceIdentity>& names,
              std::optional<Domain> domain) {
  if (domain) Add(names, ReferenceIdentity::Exact(*std::move(domain)));
}

std::vector<ReferenceIdentity> HostedNames(const PolicyLine& line,
                                           const Destination& destination,
                                           const HostFacts& host) {
  std::vector<ReferenceIdentity> names;
  AddExact(names, NameOf(destination.recipient));
  bool routed = false;
  for (const NextHop& hop : line.route) {
    if (hop.domain() == nullptr) continue;
    routed = true;
    AddExact(names, *hop.domain());
  }
  if (!routed) AddHost(names, line, host);
  return names;
}

}  // namespace

std::vector<Domain> NextHopDomains(const PolicyLine& line,
                                   const Destination& destination,
                                   const HostFacts& host) {
  std::vector<Domain> names;
  const auto add = [&names](const std::optional<Domain>& name) {
    if (name) names.push_back(*name);
  };
  if (destination.own_mx) {
    add(NameOf(destination.recipient));
    return names;
  }
  for (const NextHop& hop : line.route) {
    if (hop.bracketed() && hop.host() == host.host && hop.port() == host.port) {
      add(NameOf(hop.host()));
      return names;
    }
  }
  for (const NextHop& hop : line.route) {
    if (!hop.bracketed()) add(NameOf(hop.host()));
  }
  if (line.route.empty()) add(NameOf(destination.next_hop.host()));
  return names;
}

ReferenceNames ReferenceIdentitiesFor(const PolicyLine& line,
                                      const Destination& destination,
                                      const HostFacts& host) {
  ReferenceNames result;
  if (LocalLevel(line) == Level::kHosted) {
    result.names = HostedNames(line, destination, host);
    return result;
  }
  const std::vector<Domain> hops = NextHopDomains(line, destination, host);
  for (const MatchItem& item : MatchRule(line)) {
    if (const auto* name = std::get_if<ReferenceIdentity>(&item)) {
      Add(result.names, *name);
      continue;
    }
    switch (std::get<MatchToken>(item)) {
      case MatchToken::kHostname:
        AddHost(result.names, line, host);
        break;
      case MatchToken::kNextHop:
        for (const Domain& hop : hops) AddExact(result.names, hop);
        break;
      case MatchToken::kDotNextHop:
        for (const Domain& hop : hops) {
          Add(result.names, ReferenceIdentity::Below(hop));
        }
        break;
      case MatchToken::kDomain:
        AddExact(result.names, NameOf(destination.recipient));
        break;
      case MatchToken::kPtr:
        result.ptr = true;
        break;
    }
  }
  return result;
}

}  // namespace postern
