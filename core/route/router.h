// core/route/router.h
//
// Router: destination and next hop → the hosts to try, in order (RFC 5321
// section 5.1). MX by preference and shuffled among equals; no MX means the
// domain itself; a null MX means no mail (RFC 7505); hosts that are ourselves,
// and those no better, are left out (loop guard).
#pragma once

#include <chrono>
#include <variant>
#include <vector>

#include "core/clock/clock.h"
#include "core/dns/resolver.h"
#include "core/names/ip_address.h"
#include "core/names/next_hop.h"
#include "core/route/host_facts.h"

namespace postern {

struct Route {
  std::vector<HostFacts> hosts;  // in the order to try; never empty
  Security mx = Security::kInsecure;
  std::chrono::seconds ttl{0};
};

// What the router has to know about this machine for the loop guard.
struct OwnIdentity {
  std::vector<Domain> names;
  std::vector<IpAddress> addresses;
};

// A failure to route, and whether it is proven: kDomainNotFound and kNullMx
// are proven where DNSSEC says so.
struct RouteFailure {
  Error error;
  bool secure = false;
};

class Router {
 public:
  Router(Resolver& resolver, Random& random, OwnIdentity own);
  // `family` leaves out addresses of the other family.
  std::variant<Route, RouteFailure> Find(const NextHop& hop, Family family,
                                         Deadline deadline);

 private:
  Resolver& resolver_;
  Random& random_;
  OwnIdentity own_;
};

}  // namespace postern
