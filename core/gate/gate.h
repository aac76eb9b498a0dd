// core/gate/gate.h
//
// Gate: the façade that every door uses. Plan a destination, connect to one of
// its hosts and judge what is found there. Thread-safe; borrows what it is made
// of, which must outlive it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/clock/clock.h"
#include "core/dns/resolver.h"
#include "core/gate/connection.h"
#include "core/gate/connector.h"
#include "core/gate/plan.h"
#include "core/gate/planner.h"
#include "core/outcome/verdict.h"
#include "core/policy/policy_source.h"
#include "core/policy/served_policy.h"
#include "core/route/router.h"
#include "core/sasl/credential_store.h"
#include "core/sasl/sasl_client.h"
#include "core/tls/tls_client.h"

namespace postern {

class Gate {
 public:
  struct Parts {
    PolicyStore& store;
    Resolver& resolver;
    Router& router;
    std::span<PolicySource* const> sources;  // in configured order
    // Sources that configuration leaves out by name ("dane", "mta-sts").
    std::vector<std::string> left_out;
    const TlsClient& tls;
    const Clock& clock;
    std::string helo;
    SmtpTimeouts timeouts;
    // For relays; null: nobody logs in anywhere.
    CredentialStore* credentials = nullptr;
    const SaslClient* sasl = nullptr;
    bool refuse_8bit = false;  // see SessionOptions
  };

  explicit Gate(Parts parts);

  // `recipient` is the recipient's domain or address literal; `hop` where the
  // MTA wants the mail to go.
  Planned MakePlan(const HostName& recipient, const NextHop& hop,
                   Deadline deadline);

  // MakePlan(), and besides, for each host, what the destination publishes and
  // whether the line asks for less: for explain, probe and check. What is
  // required is the same.
  Planned Survey(const HostName& recipient, const NextHop& hop,
                 Deadline deadline);

  // True while the lines and pins that `plan` rests on still hold; asked again
  // before anything is sent. Not found out is "no".
  bool StillHolds(const Plan& plan);

  // Before mail is bounced for a policy's "no": everything that is published is
  // asked for afresh. Success: the plan is still this one.
  Status Confirm(const Plan& plan, Deadline deadline);

  // A host of `plan` was refused by what the destination publishes: sources
  // that keep such things look again by themselves. Returns at once.
  void NoteRefused(const Plan& plan, const HostPlan& host) noexcept;

  // Has every source that fetches published policies fetch that of `domain`
  // anew. Error: one could not, or none of them fetches anything.
  Status RefreshPublished(const Domain& domain, Deadline deadline);

  // Has every source forget what it keeps of `domain`. True: one kept
  // something.
  Result<bool> ForgetPublished(const Domain& domain);

  // Never throws; every failure is in the verdict.
  Connection Connect(const Plan& plan, const HostPlan& host,
                     const IpAddress& address, const ConnectRequest& request,
                     Deadline deadline);

  // A new verdict on a connection that Connect() made for this host of an equal
  // plan, from what it showed then. Never throws.
  void JudgeAgain(const Plan& plan, const HostPlan& host,
                  const IpAddress& address, Connection& connection);

  // A verdict on a connection to `host` that the MTA made itself: `evidence` is
  // what was seen of it, and gets the PTR name where the plan compares it.
  // Nothing that the MTA verified is believed. Never throws.
  Verdict JudgeMade(const Plan& plan, const HostPlan& host,
                    const IpAddress& address, TlsEvidence& evidence,
                    Deadline deadline);

  // Changes with each policy commit, and with the credentials; empty where the
  // policy can't be read.
  std::string Generation();

 private:
  PolicyStore& store_;
  std::span<PolicySource* const> sources_;
  CredentialStore* credentials_;
  std::vector<std::string> left_out_;
  Planner planner_;
  Connector connector_;
};

}  // namespace postern
