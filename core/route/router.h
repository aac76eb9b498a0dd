// core/route/router.h
//
// Router: destination and next hop → the hosts to try, in order (RFC 5321
// section 5.1). MX by preference and shuffled among equals; no MX means the
// domain itself; a null MX means no mail (RFC 7505); hosts that are ourselves,
// and those no better, are left out (loop guard; only at port 25, since at any
// other it may be another program of this machine that is meant).
//
// What DNS can't tell is a failure: of the host it belongs to where that can be
// said, and the other hosts stay usable (RFC 7672 section 2.1.2); of the route
// if it is the MX lookup itself.
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
  // Borrows resolver and random.
  Router(Resolver& resolver, Random& random, OwnIdentity own);
  // `family` leaves out addresses of the other family. At most 20 hosts and 8
  // addresses of each. Thread-safe.
  std::variant<Route, RouteFailure> Find(const NextHop& hop, Family family,
                                         Deadline deadline);

 private:
  using Found = std::variant<Route, RouteFailure>;

  Found FindMx(const Domain& domain, Port port, Family family,
               Deadline deadline);
  Found FromRecords(const Domain& domain, const DnsAnswer<MxRecord>& mx,
                    Port port, Family family, Deadline deadline);
  // One host, whatever MX records there may be.
  Route OneHost(const HostName& host, Port port, Security mx, Family family,
                Deadline deadline);
  bool IsOwn(const HostFacts& facts) const;

  Resolver& resolver_;
  Random& random_;
  OwnIdentity own_;
};

}  // namespace postern
