// core/gate/plan.h
//
// Plan: what must hold for mail to one destination, host by host. Made by the
// planner, shown by explain, followed by the host loop.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/outcome/verdict.h"
#include "core/policy/policy_source.h"
#include "core/route/router.h"
#include "core/verify/host_plan.h"

namespace postern {

struct Plan {
  Destination destination;
  // The next hops' own lines that hold as well, by the hop.
  struct HopPolicy {
    NextHop hop;
    ServedPolicy policy;
  };
  std::vector<HopPolicy> hop_policies{};
  // What on-fail= may do: the domain line's word, but kDefer where a next hop's
  // line that holds as well says otherwise.
  OnFail on_fail = OnFail::kDefer;
  // Hops of route= that could not be followed, while another one could. Shown
  // beside the hosts; nothing is decided by them.
  struct FailedHop {
    NextHop hop;
    Error error;
  };
  std::vector<FailedHop> failed_hops{};
  // Hosts or addresses were left out for number, or could not be found out.
  bool incomplete = false;
  std::vector<HostPlan> hosts{};  // in the order to try
  Security mx = Security::kInsecure;
  // SHA-256, hex, of everything that decides; connections are kept under it.
  std::string digest{};
  TimePoint valid_until{};
};

// Planning ends in a plan or in a verdict (defer, or a proven bounce).
using Planned = std::variant<Plan, Verdict>;

}  // namespace postern
