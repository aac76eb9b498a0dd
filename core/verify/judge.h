// core/verify/judge.h
//
// Judge(): the one function that says "pass". Pure: a plan, evidence, a time.
#pragma once

#include "core/clock/clock.h"
#include "core/outcome/verdict.h"
#include "core/verify/host_plan.h"
#include "core/tls/tls_evidence.h"

namespace postern {

// Pass only if every verifier of the plan is satisfied and TLS is there where
// required. Otherwise a defer with the gravest finding's reason; on-fail= is
// applied later, by the host loop, which alone has seen all hosts.
[[nodiscard]] Verdict Judge(const HostPlan& plan, const TlsEvidence& evidence,
                            TimePoint now);

}  // namespace postern
