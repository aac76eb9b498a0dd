// core/policy/route_rule.h
//
// The route rule: may mail for this recipient go through the next hop that the
// MTA chose, which hops are really asked, and does the hop's own line hold as
// well? Pure.
#pragma once

#include <optional>
#include <vector>

#include "core/names/next_hop.h"
#include "core/outcome/result.h"
#include "core/policy/policy_line.h"

namespace postern {

struct RouteDecision {
  // The hops to ask, in order: the line's route=, or the MTA's next hop.
  std::vector<NextHop> hops;
  // The mail goes to the recipient domain's own MX hosts (for an address
  // literal: to that address).
  bool own_mx = true;
  // The own line of each of `hops`, where it has one, holds besides the
  // domain's on the hosts that it gives. Not asked for the domain's own MX at
  // port 25, whose line is the domain's.
  bool hop_line_holds = false;
  // Set: the line forbids this hop (kRouteNotAllowed). `hops` is filled all the
  // same, for explain and for a dry run.
  std::optional<Error> refused;
};

// The hop is the recipient's own: an unbracketed domain that is the
// recipient's, or the address of an address literal. At whatever port.
bool LeadsToOwnHosts(const HostName& recipient, const NextHop& hop);

// Own MX: an unbracketed next hop that is the recipient's domain. With route=,
// mail that the MTA hands over for the domain's own MX, or for one of the named
// hops, goes through the named hops in their order; any other hop is refused.
// Without route=, an authenticating line refuses every other hop, and any other
// line lets the hop's own line hold besides.
RouteDecision DecideRoute(const PolicyLine& line, const HostName& recipient,
                          const NextHop& hop);

}  // namespace postern
