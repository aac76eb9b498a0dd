// core/verify/judge.h
//
// Judge(): the one function that says "pass". Pure: a plan, evidence, a time.
#pragma once

#include "core/clock/clock.h"
#include "core/outcome/verdict.h"
#include "core/tls/tls_evidence.h"
#include "core/verify/host_plan.h"

namespace postern {

// Pass only if the plan refuses nothing, TLS is there where it is required, and
// every verifier of the plan is satisfied. A plan with verifiers requires TLS,
// whatever its `tls` says.
//
// Otherwise a defer with the reason of the gravest finding:
//   1. the plan's own refusal;
//   2. no TLS where it is required (kStarttlsNotSupported);
//   3. what could not be found out, so that nobody takes such a verdict for a
//      definite no;
//   4. what is violated: published policies, then pins, then the certificate in
//      the order of core/x509, then the rest.
// Of two equally grave ones the first in the plan's order.
//
// After a refusal or without TLS no verifier is asked. Otherwise all are, the
// recorded ones after those that decide, and all findings are in the verdict.
// on-fail= is applied later, by the host loop, which alone has seen all hosts;
// line, origin and basis are the gate's.
[[nodiscard]] Verdict Judge(const HostPlan& plan, const TlsEvidence& evidence,
                            TimePoint now);

}  // namespace postern
