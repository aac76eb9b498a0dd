// pin-admin/check_rules.h
//
// What `check` makes of one destination: from the store's rows (pins and
// exceptions that end) and from what a probe found (docs/protocol.md). Pure.
#pragma once

#include <chrono>
#include <vector>

#include "core/clock/clock.h"
#include "core/policy/pin.h"
#include "core/policy/served_policy.h"
#include "pin-admin/json.h"
#include "pin-admin/remark.h"

namespace postern {

struct CheckOptions {
  TimePoint now{};
  std::chrono::hours soon{14 * 24};  // what counts as "soon"
};

// Pins and exceptions of one row.
std::vector<Remark> CheckRow(const PolicyRow& row, const CheckOptions& options);

// A pin that no line uses.
Remark UnusedPin(const Pin& pin);

// The answer to `probe`. Reads certificates: not as root.
std::vector<Remark> CheckProbe(const Json& probe, const CheckOptions& options);

// "pass", or the word for the worst remark.
std::string_view Summary(const std::vector<Remark>& remarks);

}  // namespace postern
