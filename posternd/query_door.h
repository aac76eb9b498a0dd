// posternd/query_door.h
//
// QueryDoor: what the service answers when it is asked (docs/protocol.md):
// ping, version, status, explain, probe, reload. The answers about mail come
// from the Gate that deliveries go through.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/gate/gate.h"
#include "core/outcome/result.h"
#include "core/service/call_pool.h"
#include "core/service/line_protocol.h"
#include "postfix-transport/policy_map.h"

namespace postern {

// What the service itself knows and does. All thread-safe.
struct ServiceControls {
  // The object behind `status`.
  std::function<std::string()> status;
  // Reads the configuration again: what could not be changed.
  std::function<Result<std::vector<std::string>>()> reload;
  // Who may ask for a reload.
  std::function<bool(const PeerCredentials&)> may_control;
};

// Thread-safe; borrows its parts.
class QueryDoor {
 public:
  // `map` null: the service has none.
  QueryDoor(Gate& gate, PolicyMap* map, const ServiceControls& controls,
            std::chrono::seconds probe)
      : gate_(gate), map_(map), controls_(controls), probe_(probe) {}

  Reply Handle(const Call& call) const;

 private:
  Reply Explain(const Call& call) const;
  Reply Probe(const Call& call) const;
  Reply Reload(const Call& call) const;
  Reply RefreshPublished(const Call& call) const;
  Reply ForgetPublished(const Call& call) const;

  Gate& gate_;
  PolicyMap* const map_;
  const ServiceControls& controls_;
  std::chrono::seconds probe_;  // for one connection
};

// domain= and nexthop= of explain and probe. Without a next hop it is the
// domain itself (or the address literal's host).
struct Question {
  HostName recipient;
  NextHop next_hop;
};
Result<Question> ParseQuestion(const Request& request);

std::string VersionJson();

}  // namespace postern
