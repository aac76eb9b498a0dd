// core/delivery/on_fail.h
//
// What on-fail= may pass over or bounce. Kept apart because each "yes" here is
// a way around a verdict: both lists are short and name every reason.
#pragma once

#include "core/outcome/verdict.h"
#include "core/policy/policy_line.h"
#include "core/verify/host_plan.h"

namespace postern {

// A verifier or the line looked at the host and said no: never a lookup that
// failed, a refused STARTTLS, a failed handshake or anything undecided.
bool IsPolicyNo(const Verdict& verdict);

// on-fail=bounce: may this "no" count towards a bounce?
bool MayBounce(const Verdict& verdict);

enum class PassOver { kNo, kOverTls, kInClear };

// on-fail=deliver and deliver-clear: may the mail go to this host all the same,
// and how? Never over a published policy, and never to a host that wants a
// login, which it would not get.
PassOver MayPassOver(OnFail on_fail, const HostPlan& host,
                     const Verdict& verdict);

}  // namespace postern
