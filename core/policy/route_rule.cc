#include "core/policy/route_rule.h"

#include <algorithm>
#include <string>

namespace postern {
namespace {

Error NotAllowed(const PolicyLine& line, const NextHop& hop) {
  std::string detail =
      "the mail was routed to " + hop.str() + ", and the line of ";
  detail += line.key.str();
  if (line.route.empty()) {
    detail += " has no route=";
  } else {
    detail += " allows route=";
    for (const NextHop& allowed : line.route) {
      if (&allowed != &line.route.front()) detail += ',';
      detail += allowed.str();
    }
  }
  return {Reason::kRouteNotAllowed, std::move(detail)};
}

}  // namespace

// For an address literal, "own" is the address itself.
bool LeadsToOwnHosts(const HostName& recipient, const NextHop& hop) {
  const bool literal = std::holds_alternative<IpAddress>(recipient);
  return hop.bracketed() == literal && hop.host() == recipient;
}

RouteDecision DecideRoute(const PolicyLine& line, const HostName& recipient,
                          const NextHop& hop) {
  const bool own = LeadsToOwnHosts(recipient, hop);
  RouteDecision decision;
  decision.own_mx = own && line.route.empty();
  // The domain at another port is a next hop with a key of its own.
  decision.hop_line_holds =
      !IsAuthenticating(line.level) &&
      (!own || hop.port() != Port{} || !line.route.empty());

  if (line.route.empty()) {
    decision.hops = {hop};
    if (!own && IsAuthenticating(line.level)) {
      decision.refused = NotAllowed(line, hop);
    }
    return decision;
  }
  decision.hops = line.route;
  const bool named =
      std::find(line.route.begin(), line.route.end(), hop) != line.route.end();
  if (!own && !named) decision.refused = NotAllowed(line, hop);
  return decision;
}

}  // namespace postern
