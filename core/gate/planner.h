// core/gate/planner.h
//
// Planner: from a recipient's domain and a next hop to the plan. All DNS, store
// and file work of a delivery that can be done before connecting happens here.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/gate/plan.h"
#include "core/policy/policy_source.h"
#include "core/policy/route_rule.h"
#include "core/policy/served_policy.h"
#include "core/route/router.h"
#include "core/sasl/credential_store.h"

namespace postern {

// Thread-safe; borrows its parts.
class Planner {
 public:
  Planner(PolicyStore& store, Router& router,
          std::span<PolicySource* const> sources,
          std::span<const std::string> left_out, CredentialStore* credentials,
          const Clock& clock)
      : store_(store),
        router_(router),
        sources_(sources),
        left_out_(left_out),
        credentials_(credentials),
        clock_(clock) {}

  Planned MakePlan(const HostName& recipient, const NextHop& hop,
                   Deadline deadline);

  // Adds to the hosts of `plan` what the destination publishes, where its line
  // does not ask for that anyway, and says where the line is weaker. Nothing
  // that is required changes. Asks DNS and perhaps HTTPS: not for the path of
  // mail.
  void NotePublished(Plan& plan, Deadline deadline);

  // True while the lines and pins that `plan` was made from still hold: asked
  // again before anything is sent, because a commit bites at once and an
  // exception may have ended meanwhile.
  bool StillHolds(const Plan& plan);

  // Success: with everything asked afresh, the plan is still this one (RFC 8461
  // section 5.1). Error: it has changed, or that could not be found out.
  Status Confirm(const Plan& plan, Deadline deadline);

  // `host` was refused by what is published. Returns at once.
  void NoteRefused(const Plan& plan, const HostFacts& host);

 private:
  Result<ServedPolicy> PolicyFor(const HostName& recipient, TimePoint now);
  struct FoundHosts {
    Route route;
    std::vector<std::size_t> hop;  // of each host: its index in the hops asked
    std::vector<Plan::FailedHop> failed;
    bool incomplete = false;
  };
  // The hosts of all hops, in their order; a failure only if no hop has any.
  std::variant<FoundHosts, RouteFailure> FindHosts(
      std::span<const NextHop> hops, Family family, Deadline deadline);
  // Adds what the hops' own lines ask of the hosts that each hop gave.
  Status AddHopLines(const RouteDecision& decision, const FoundHosts& found,
                     Deadline deadline, Plan& plan);
  // Gives each host what its hop wants for a login, or refuses it where that
  // may not be sent.
  void AddCredentials(const RouteDecision& decision, const FoundHosts& found,
                      Plan& plan);
  std::vector<HostPlan> PlanHosts(const Destination& destination,
                                  const std::vector<HostFacts>& hosts,
                                  Deadline deadline);

  PolicyStore& store_;
  Router& router_;
  std::span<PolicySource* const> sources_;
  std::span<const std::string> left_out_;
  CredentialStore* credentials_;  // null: nobody logs in
  const Clock& clock_;
};

}  // namespace postern
