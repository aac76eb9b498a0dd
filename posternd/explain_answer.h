// posternd/explain_answer.h
//
// What `explain` answers about a destination, as JSON (docs/protocol.md): the
// plan, and what smtp(8) is told of it where the service has a policy map. The
// service and pin-admin both take it from here.
#pragma once

#include <string>

#include "core/clock/clock.h"
#include "core/gate/gate.h"
#include "core/names/next_hop.h"
#include "postfix-transport/policy_map.h"

namespace postern {

// `map` null: the service has none.
std::string ExplainAnswer(Gate& gate, PolicyMap* map, const HostName& recipient,
                          const NextHop& hop, Deadline deadline);

}  // namespace postern
