// pin-admin/probe_walk.h
//
// ProbeWalk: the steps that an administrator would take by hand to see how a
// destination receives mail: MX, addresses, PTR and back, STARTTLS, the
// certificate with SNI and without, TLSA. It reports and judges no policy. Runs
// without privileges only.
#pragma once

#include <cstddef>
#include <string>

#include "core/clock/clock.h"
#include "core/dns/resolver.h"
#include "core/names/next_hop.h"
#include "core/tls/tls_client.h"
#include "pin-admin/json.h"

namespace postern {

struct ProbeWalkOptions {
  std::string helo;  // our name in EHLO
  std::string trust_directory;
  bool wrapper = false;     // TLS from the first octet
  bool without_sni = true;  // handshake a second time without SNI
  bool tlsa = true;
  bool progress = false;
  std::size_t threads = 8;
  std::size_t max_addresses = 32;
  std::chrono::milliseconds each{60'000};
};

// The document of `probe --json`, "meaning" left out (docs/pin-admin.md).
Json ProbeWalk(Resolver& resolver, const TlsClient& tls, const NextHop& target,
               const ProbeWalkOptions& options, TimePoint now);

}  // namespace postern
