// core/route/host_facts.h
//
// HostFacts: one candidate host of a destination, what DNS says of it and how
// far that can be believed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/dns/resolver.h"
#include "core/names/ip_address.h"
#include "core/names/next_hop.h"
#include "core/outcome/result.h"

namespace postern {

struct HostFacts {
  HostName host;
  Port port{};
  // How we know that this host serves the destination: kSecure for a signed MX
  // answer, a bracketed next hop and a configured route.
  Security mx = Security::kInsecure;
  // Of the address records (the weaker of those that were found).
  Security address = Security::kInsecure;
  std::vector<IpAddress> ips{};      // in the order to try
  std::optional<Domain> expanded{};  // where CNAMEs led
  int preference = 0;
  // There may be addresses that are not in `ips`: one family's lookup failed,
  // or there were more than are tried. Then nobody can say that every address
  // refused.
  bool incomplete = false;
  // Set: this host can't be used now (no address, lookup failed, bogus). The
  // others still can.
  std::optional<Error> failure{};
  // The next hop that led here; the planner knows it.
  std::optional<NextHop> hop{};
};

}  // namespace postern
