// core/gate/connector.h
//
// Connector: opens one connection as a plan wants it and judges what is found,
// before anything of the envelope could leave. The order is the promise:
// handshake, evidence, Judge(), and only on "pass" a session to send through.
#pragma once

#include <string>

#include "core/clock/clock.h"
#include "core/dns/resolver.h"
#include "core/gate/connection.h"
#include "core/gate/plan.h"
#include "core/sasl/sasl_client.h"
#include "core/tls/tls_client.h"

namespace postern {

// What stands in for a connection that was not even tried: a defer.
Connection NotConnected(const Plan& plan, const HostPlan& host,
                        const IpAddress& address, const Error& why);

// Thread-safe; borrows its parts.
class Connector {
 public:
  // What every session is given.
  struct Habits {
    std::string helo;
    SmtpTimeouts timeouts{};
    bool refuse_8bit = false;
  };
  // `sasl` may be null: then nobody logs in.
  Connector(Resolver& resolver, const TlsClient& tls, const SaslClient* sasl,
            const Clock& clock, Habits habits)
      : resolver_(resolver),
        tls_(tls),
        sasl_(sasl),
        clock_(clock),
        habits_(std::move(habits)) {}

  Connection Connect(const Plan& plan, const HostPlan& host,
                     const IpAddress& address, const ConnectRequest& request,
                     Deadline deadline) const;

  // A verdict on a connection that an MTA made itself and `evidence` tells of;
  // asks for the PTR name where the plan compares it, and notes it there.
  Verdict JudgeMade(const Plan& plan, const HostPlan& host,
                    const IpAddress& address, TlsEvidence& evidence,
                    Deadline deadline) const;

  // A verdict of today on a connection that was kept: its evidence, this plan,
  // this moment. No network.
  void JudgeAgain(const Plan& plan, const HostPlan& host,
                  const IpAddress& address, Connection& connection) const;

 private:
  SessionOptions OptionsFor(const Plan& plan, const HostPlan& host,
                            const ConnectRequest& request) const;
  // Hello and, where the plan and the server want it, STARTTLS. A failure is
  // in the connection's verdict.
  bool Negotiate(const HostPlan& host, const ConnectRequest& request,
                 Connection& connection, Deadline deadline) const;
  // On a connection that was passed. A failure is in its verdict.
  bool LogIn(const HostPlan& host, Connection& connection,
             Deadline deadline) const;
  std::optional<Domain> ConfirmedPtr(const IpAddress& address,
                                     Deadline deadline) const;

  Resolver& resolver_;
  const TlsClient& tls_;
  const SaslClient* sasl_;
  const Clock& clock_;
  const Habits habits_;
};

}  // namespace postern
