// postfix-transport/policy_map.h
//
// PolicyMap: what Postfix's smtp(8) is answered when it asks for the TLS policy
// of a next hop (smtp_tls_policy_maps = socketmap:unix:postern/map:policy).
//
// Never NOTFOUND, upon which smtp(8) would go on to other keys and tables and
// end at its own default; never less than the line asks. What smtp(8) can't be
// told, and every doubt, is a TEMP, upon which it defers; the text says why and
// stands in Postfix's log (its first hundred octets).
//
//   bank.example         the line of the domain, or its parent's, or "*"
//   bank.example:2525    the domain's line; the hop's own where that line asks
//                        for nothing
//   [relay.example]:25   that next hop's own line; without one, TEMP: whose
//                        mail it is can't be seen
//
// A line at `auto` holds smtp(8) to its floor where DNS says that the
// destination publishes nothing, and is a TEMP otherwise.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/clock/clock.h"
#include "core/gate/gate.h"
#include "core/names/next_hop.h"
#include "core/policy/served_policy.h"
#include "core/service/socket_map.h"
#include "postfix-transport/smtp_policy.h"

namespace postern {

// An answer, and what it leaves out (SmtpPolicy::notes).
struct PolicyMapAnswer {
  SocketMapReply reply;
  std::vector<std::string> notes;
};

// Thread-safe; borrows its parts.
class PolicyMap {
 public:
  PolicyMap(PolicyStore& store, Gate& gate, const Clock& clock,
            SmtpClient client)
      : store_(store), gate_(gate), clock_(clock), client_(client) {}

  // Without DNS; nothing where that has to be asked. `map`: the name behind the
  // socket; there is one, "policy".
  std::optional<SocketMapReply> Known(const SocketMapQuery& query);

  // With DNS if need be. What it says holds when it returns.
  SocketMapReply Find(const SocketMapQuery& query, Deadline deadline);

  // The destination of a lookup; empty for what is no key. Pure.
  static std::string OwnerOf(const SocketMapQuery& query);

  // For explain: what smtp(8) is answered for this next hop.
  PolicyMapAnswer AnswerFor(const NextHop& hop, Deadline deadline);

 private:
  // That nothing is published for a destination, so that its floor holds.
  struct Unpublished {
    std::string generation;  // of the policy it was looked up for
    TimePoint since{}, until{};
  };

  // Nothing: the line is at `auto`, and DNS has to be asked.
  std::optional<PolicyMapAnswer> FromStore(const NextHop& hop,
                                           bool unpublished);
  Result<ServedPolicy> LineFor(const NextHop& hop);
  PolicyMapAnswer Translate(const ServedPolicy& policy, const NextHop& hop);
  // Why the floor can't be told; nothing: it can, which is remembered.
  std::optional<PolicyMapAnswer> LookForPublished(const NextHop& hop,
                                                  Deadline deadline);
  bool IsUnpublished(const NextHop& hop);
  void Remember(const NextHop& hop, Unpublished found);

  PolicyStore& store_;
  Gate& gate_;
  const Clock& clock_;
  const SmtpClient client_;
  std::mutex mutex_;
  std::map<std::string, Unpublished> unpublished_;  // guarded by mutex_
};

}  // namespace postern
