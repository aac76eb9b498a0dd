// pin-admin/doctor/dns_check.h
//
// The part of doctor that asks DNS what it should not believe. Only for
// own_resolver.cc, which has made sure that the resolvers answer at all.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/dns/unbound_resolver.h"
#include "pin-admin/doctor/diagnosis.h"
#include "pin-admin/doctor/own_setup.h"

namespace postern {

// A top-level domain that nobody has: the root has to prove that, signed.
Domain ProbeName();

// Each server is asked alone, over TCP and for answers cut short too; then all
// of them, with a trust anchor that is false, and these for `names`: `servers`
// are those that are known to pass DNSSEC on (none: as `options` say). They
// come with their names for people.
std::vector<Diagnosis> InspectValidation(
    const ResolverOptions& options,
    const std::vector<std::pair<std::string, DnsServer>>& servers,
    const KnownNames& names);

}  // namespace postern
