// core/policy/reference_names.h
//
// From a policy line to the names that a certificate must carry one of: which
// reference identities hold for one host of one destination. Pure; plugins that
// compare names (webpki, `ca` pins) ask here, so that all compare the same.
#pragma once

#include <vector>

#include "core/names/reference_identity.h"
#include "core/policy/policy_line.h"
#include "core/policy/policy_source.h"
#include "core/route/host_facts.h"

namespace postern {

struct ReferenceNames {
  // In the order of the policy, without repetition. A name that came from DNS
  // without DNSSEC is weak(). Empty and no `ptr`: nothing can match.
  std::vector<ReferenceIdentity> names;
  // match=ptr: besides, TlsEvidence::confirmed_ptr may match, and that is
  // compared with the common name only, whatever cn= says.
  bool ptr = false;
};

// What `nexthop` stands for on one host: the recipient domain by its own MX,
// else the host or domain that route= (or, without it, the MTA) names. With
// route=, the MTA may still say "the domain's own MX" while the mail goes by
// the route, so the route is asked first: the one that names the host, else
// those that are domains, any of which may have led here. Addresses yield none.
std::vector<Domain> NextHopDomains(const PolicyLine& line,
                                   const Destination& destination,
                                   const HostFacts& host);

// For LocalLevel(line) `verify`, `secure`, `hosted` and `fingerprint` (`ca`
// pins); empty at the others.
//   hostname     the host's name; weak unless its MX record was secure or the
//                line has mx=
//   nexthop      the recipient domain by its own MX, else the host or domain
//                that route= (or, without it, the MTA) names;
//                dot-nexthop: any name below it
//   domain       the recipient domain, whatever the hop
//   hosted       the recipient domain, then the names in route=; where that has
//                none, the host's name
// Addresses yield no name.
ReferenceNames ReferenceIdentitiesFor(const PolicyLine& line,
                                      const Destination& destination,
                                      const HostFacts& host);

}  // namespace postern
