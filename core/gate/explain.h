// core/gate/explain.h
//
// Plans, verdicts and what a probe found, as the JSON that docs/protocol.md
// describes: the service answers `explain` and `probe` with it, pin-admin
// prints it, and both therefore say the same. Pure; the text is one line of
// ASCII.
#pragma once

#include <span>
#include <string>

#include "core/gate/plan.h"
#include "core/gate/probe.h"
#include "core/outcome/verdict.h"

namespace postern {

// {"plan": PLAN or null, "verdict": VERDICT or null}
std::string ExplainJson(const Planned& planned);

// The same with "connections".
std::string ProbeJson(const Planned& planned,
                      std::span<const ProbedAddress> probed);

// PLAN and VERDICT by themselves, as records keep them.
std::string PlanJson(const Plan& plan);
std::string VerdictJson(const Verdict& verdict);

}  // namespace postern
