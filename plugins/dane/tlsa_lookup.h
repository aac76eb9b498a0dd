// plugins/dane/tlsa_lookup.h
//
// FindTlsa(): the TLSA records that hold for a host, and under which name
// they were found (the TLSA base domain, RFC 7672 section 2.2.2 and 2.2.3).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/dns/resolver.h"
#include "core/route/host_facts.h"

namespace postern {

struct TlsaLookup {
  // Set where secure records were found, and where a lookup failed: the name
  // that was asked for.
  std::optional<Domain> base;
  std::vector<TlsaRecord> records;  // secure; empty: there are none
  // Set: a lookup failed. Then this host can't be used, for whoever can make
  // lookups fail could otherwise switch DANE off (section 2.1.2).
  std::optional<Error> failure;
  std::string detail;                // why there is nothing, for explain
  std::chrono::seconds ttl{86'400};  // of all that was asked
};

// The fully expanded name first, then the host's own, never a name between;
// only the host's own where the address is not secure but the alias itself is.
// Asks nothing where DNSSEC does not lead to the host.
TlsaLookup FindTlsa(Resolver& resolver, const HostFacts& host,
                    Deadline deadline);

// "_25._tcp.mx.example.org"
std::string TlsaOwner(Port port, const Domain& base);

}  // namespace postern
