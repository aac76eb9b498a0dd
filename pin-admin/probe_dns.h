// pin-admin/probe_dns.h
//
// The DNS half of ProbeWalk(): which hosts, which addresses, what names they
// have and what TLSA records they publish.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock/clock.h"
#include "core/dns/resolver.h"
#include "core/names/next_hop.h"
#include "core/route/host_facts.h"
#include "pin-admin/json.h"

namespace postern {

struct ProbeHostList {
  Json mx;  // {"presence", "security", "why"}; null for a bracketed target
  std::vector<HostFacts> hosts;
};

// Unlike a Router, without a loop guard: one's own domain is to be seen, too.
ProbeHostList FindProbeHosts(Resolver& resolver, const NextHop& target,
                             Deadline deadline);

// {"presence", "security", "base", "records": ["3 1 1 ab…"], "why"}
Json LookUpTlsa(Resolver& resolver, const HostFacts& host, Deadline deadline);

// {"names", "confirmed", "why"}: PTR names, and the one whose address is this.
Json LookUpPtr(Resolver& resolver, const IpAddress& address, Deadline deadline);

}  // namespace postern
