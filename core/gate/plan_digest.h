// core/gate/plan_digest.h
//
// The digest under which a plan is recorded and connections are kept: two plans
// share it only if they ask for the same of the same hosts.
#pragma once

#include <string>

#include "core/gate/plan.h"

namespace postern {

// SHA-256 in hex.
std::string DigestOf(const Plan& plan);

}  // namespace postern
