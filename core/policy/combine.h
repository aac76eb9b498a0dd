// core/policy/combine.h
//
// Combine(): from a policy line, a host's facts and what the sources contribute
// to the plan for that host. Pure: its three arguments are all it knows, and
// the whole of "which level asks for what" is here (docs/policy.md).
#pragma once

#include <span>

#include "core/policy/policy_line.h"
#include "core/policy/policy_source.h"
#include "core/verify/host_plan.h"

namespace postern {

// A level that needs a source which is not among `contributions`, is left out
// or not built in, yields a refused plan (kVerifierNotBuiltIn), never a weaker
// one. The exception is `auto` with the published sources left out
// by name is its floor.
HostPlan Combine(const PolicyLine& line, const HostFacts& host,
                 std::span<const Contribution> contributions);

// The domain's and the next hop's own line: both must hold. Pure.
HostPlan Both(HostPlan a, const HostPlan& b);

}  // namespace postern
