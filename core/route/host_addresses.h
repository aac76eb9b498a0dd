// core/route/host_addresses.h
//
// The addresses of one host, both families asked, and what their answers say of
// the host: usable as soon as one family is.
#pragma once

#include <chrono>

#include "core/clock/clock.h"
#include "core/dns/resolver.h"
#include "core/names/ip_address.h"
#include "core/route/host_facts.h"

namespace postern {

// Fills ips, address, expanded and failure of `facts`; returns how long that
// may be believed. `facts.host` is a name.
std::chrono::seconds LookUpAddresses(Resolver& resolver, Random& random,
                                     Family family, Deadline deadline,
                                     HostFacts& facts);

}  // namespace postern
