// core/gate/gate.h
//
// Gate: the façade that every door uses. Plan a destination, connect to one of
// its hosts and judge what is found there. Thread-safe; borrows what it is made
// of, which must outlive it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/clock/clock.h"
#include "core/dns/resolver.h"
#include "core/gate/plan.h"
#include "core/outcome/verdict.h"
#include "core/policy/policy_source.h"
#include "core/policy/served_policy.h"
#include "core/route/router.h"
#include "core/smtp/smtp_session.h"
#include "core/tls/tls_client.h"

namespace postern {

// One connection to one address of a planned host.
struct Connection {
  Verdict verdict;
  TlsEvidence evidence;
  bool starttls_offered = false;
  // True where TLS was tried and failed before anything could be judged.
  bool tls_failed = false;
  // True where the TCP connection itself failed.
  bool unreachable = false;
  // Ready for Send() where the verdict is "pass", and where `keep_refused`
  // asked for it; closed otherwise (QUIT and close_notify, never MAIL).
  std::unique_ptr<SmtpSession> session;
};

struct ConnectRequest {
  Basis basis = Basis::kLive;
  Cancellation cancellation;
  // Cleartext instead of TLS: only the host loop asks for it, at `may` after
  // TLS failed, or for on-fail=deliver-clear.
  bool without_tls = false;
  // Keep the session although the verdict is no (on-fail=deliver).
  bool keep_refused = false;
};

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
  };

  explicit Gate(Parts parts);

  // `recipient` is the recipient's domain or address literal; `hop` where the
  // MTA wants the mail to go.
  Planned MakePlan(const HostName& recipient, const NextHop& hop,
                   Deadline deadline);

  // Never throws; every failure is in the verdict.
  Connection Connect(const Plan& plan, const HostPlan& host,
                     const IpAddress& address, const ConnectRequest& request,
                     Deadline deadline);

 private:
  Parts parts_;
};

}  // namespace postern
