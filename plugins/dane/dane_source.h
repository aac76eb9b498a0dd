// plugins/dane/dane_source.h
//
// The source of the levels `dane` and `dane-only`, and of what `auto` finds
// published: asks for the TLSA records of each host and binds them to a
// verifier. docs/dane.md tells the rules for administrators.
//
// Nothing is asked for a host that DNSSEC doesn't vouch for: where the MX
// records are insecure, anybody could have put the host there (RFC 7672 section
// 2.2.1 would allow it; design §12 doesn't), and where the address records are
// insecure, name servers tend to fail on TLSA (section 2.2.2).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/policy/policy_source.h"
#include "plugins/dane/tlsa.h"

namespace postern {

// Borrows the resolver. `digests`: see ParseTlsaDigests().
std::unique_ptr<PolicySource> MakeDaneSource(Resolver& resolver,
                                             TlsaDigests digests);

}  // namespace postern
