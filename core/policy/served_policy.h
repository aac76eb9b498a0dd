// core/policy/served_policy.h
//
// What the store says about one destination: the line that holds, the pins and
// anchors it may use. PolicyStore is how the planner asks; core/store's
// snapshot answers.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock/clock.h"
#include "core/names/domain.h"
#include "core/names/next_hop.h"
#include "core/outcome/result.h"
#include "core/policy/pin.h"
#include "core/policy/policy_line.h"

namespace postern {

// A trust anchor kept in the store, named by ca=anchor:NAME.
struct Anchor {
  std::string name;
  std::string certificate;  // DER octets
  std::string added_by;
  TimePoint added_at{};
  bool operator==(const Anchor&) const = default;
};

// One row of the snapshot: all that is filed under one key.
struct PolicyRow {
  PolicyKey key = PolicyKey::Default();
  std::optional<PolicyLine> line;
  std::optional<PolicyLine> exception;  // overlays `line` until its until=
  std::vector<Pin> pins;
  std::vector<Anchor> anchors;  // those that the lines of this row name
};

struct ServedPolicy {
  PolicyLine line;        // after exceptions
  std::string origin;     // the key that held, and "exception" where one did
  std::vector<Pin> pins;  // of every key that covers the destination
  std::vector<Anchor> anchors;
  // When the answer stops being valid by itself (an exception ends).
  std::optional<TimePoint> valid_until;
};

// Thread-safe. Absent is proven by the store; anything it can't prove is an
// Error (kPolicyStoreUnavailable), never "absent".
class PolicyStore {
 public:
  virtual ~PolicyStore() = default;
  // The row filed under exactly `key`; nothing if proven absent.
  virtual Result<std::optional<PolicyRow>> Find(const PolicyKey& key) = 0;
  // Changes with each published commit.
  virtual std::string Generation() = 0;

 protected:
  PolicyStore() = default;
};

// The recipient domain's line: exact, then the longest ".parent", then "*"
// (kPolicyMissing without one). An exception, or a line with until=, holds
// until its end and is not there from then on. Pins are gathered from the
// domain and every ".parent" that covers it, whichever line holds; "*" has
// none.
Result<ServedPolicy> LookUpDomain(PolicyStore& store, const Domain& domain,
                                  TimePoint now);

// A recipient at an address literal: its "[address]" line, else "*".
Result<ServedPolicy> LookUpLiteral(PolicyStore& store, const IpAddress& address,
                                   TimePoint now);

// The next hop's own line; nothing where it has none. "[host]:port" has only
// that key; "domain:port" that key, else the domain's own or its longest
// ".parent"; never "*".
Result<std::optional<ServedPolicy>> LookUpNextHop(PolicyStore& store,
                                                  const NextHop& hop,
                                                  TimePoint now);

}  // namespace postern
