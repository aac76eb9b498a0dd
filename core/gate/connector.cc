#include "core/gate/connector.h"

#include <utility>

#include "core/gate/made_connection.h"
#include "core/tls/negotiated.h"
#include "core/verify/judge.h"

namespace postern {
namespace {

// A step of the session failed: nothing was judged, so it can only defer.
void Fail(const SmtpFailure& failure, Connection& connection) {
  std::string detail = failure.error.detail();
  const std::string said = failure.reply ? failure.reply->Text() : "";
  if (detail.find(said) == std::string::npos) {
    if (!detail.empty()) detail += ": ";
    detail += said;
  }
  connection.verdict = DeferFor(Error(failure.error.reason(), detail));
}

// TLS did not come about: whatever the server did in place of a handshake,
// `may` goes on without. Trouble on this side, and a caller who has gone, end
// the attempt instead.
bool TlsFailed(const SmtpFailure& failure) {
  if (failure.step != SmtpStep::kStartTls &&
      failure.step != SmtpStep::kHandshake) {
    return false;
  }
  switch (failure.error.reason()) {
    case Reason::kClientGone:
    case Reason::kServiceStopping:
    case Reason::kPolicyInvalid:
    case Reason::kDeadlineExceeded:
    case Reason::kInternal:
      return false;
    default:
      return true;
  }
}

Connection::Reach ReachOf(const SmtpFailure& failure) {
  if (failure.step == SmtpStep::kPrepare) return Connection::Reach::kUnknown;
  if (failure.step != SmtpStep::kConnect) return Connection::Reach::kReached;
  const Reason reason = failure.error.reason();
  return reason == Reason::kConnectionFailed ||
                 reason == Reason::kConnectionTimeout
             ? Connection::Reach::kUnreachable
             : Connection::Reach::kUnknown;
}

// A dry run may connect to a host that the line refuses. Then what stands
// behind the refusal is judged first, so that a "could not find out" there is
// not hidden; the refusal is what remains if all the rest holds.
Verdict JudgeBehind(const HostPlan& host, const TlsEvidence& evidence,
                    TimePoint now) {
  if (!host.refused) return Judge(host, evidence, now);
  HostPlan behind = host;
  behind.refused.reset();
  Verdict verdict = Judge(behind, evidence, now);
  return verdict.pass() ? Judge(host, evidence, now) : verdict;
}

// What a verdict says besides what Judge() knows.
void Complete(const Plan& plan, const HostPlan& host, const IpAddress& address,
              Basis basis, Verdict& verdict) {
  verdict.mx_host = ToString(host.facts.host);
  verdict.address = address.str();
  verdict.basis = basis;
  verdict.line = Format(plan.destination.policy.line);
  verdict.origin = plan.destination.policy.origin;
}

void Complete(const Plan& plan, const HostPlan& host, const IpAddress& address,
              Basis basis, Connection& connection) {
  Verdict& verdict = connection.verdict;
  if (!connection.logged_in.empty() && verdict.pass()) {
    verdict.sentence += "; logged in by ";
    verdict.sentence += connection.logged_in;
  }
  Complete(plan, host, address, basis, verdict);
}

}  // namespace

Connection NotConnected(const Plan& plan, const HostPlan& host,
                        const IpAddress& address, const Error& why) {
  Connection connection;
  connection.evidence.peer_address = address.str();
  connection.verdict = DeferFor(why);
  Complete(plan, host, address, Basis::kLive, connection);
  return connection;
}

SessionOptions Connector::OptionsFor(const Plan& plan, const HostPlan& host,
                                     const ConnectRequest& request) const {
  const PolicyLine& line = plan.destination.policy.line;
  SessionOptions options;
  options.helo = line.helo.empty() ? habits_.helo : line.helo;
  options.wrapper = host.wrapper && !request.without_tls;
  options.allow_helo = host.tls != TlsUse::kRequired || request.without_tls;
  options.source = line.source;
  options.tls =
      TlsParameters{host.servername, host.protocols,   host.ciphers,
                    host.exclude,    line.client_cert, line.client_key};
  options.cancellation = request.cancellation;
  options.timeouts = habits_.timeouts;
  options.refuse_8bit = habits_.refuse_8bit;
  return options;
}

std::optional<Domain> Connector::ConfirmedPtr(const IpAddress& address,
                                              Deadline deadline) const {
  const DnsAnswer<Domain> names = resolver_.Ptr(address, deadline);
  for (const Domain& name : names.records) {
    const auto forward = address.is_v6() ? resolver_.Aaaa(name, deadline)
                                         : resolver_.A(name, deadline);
    for (const IpAddress& candidate : forward.records) {
      if (candidate == address) return name;
    }
  }
  return std::nullopt;
}

bool Connector::Negotiate(const HostPlan& host, const ConnectRequest& request,
                          Connection& connection, Deadline deadline) const {
  SmtpSession& session = *connection.session;
  if (session.encrypted()) return true;  // wrapper: judged before EHLO
  if (const SmtpStatus hello = session.Hello(deadline)) {
    Fail(*hello, connection);
    return false;
  }
  connection.starttls_offered = session.offers_starttls();
  if (host.tls == TlsUse::kNever || request.without_tls ||
      !connection.starttls_offered) {
    return true;
  }
  if (const SmtpStatus tls = session.StartTls(deadline)) {
    connection.tls_failed = TlsFailed(*tls);
    Fail(*tls, connection);
    return false;
  }
  return true;
}

Connection Connector::Connect(const Plan& plan, const HostPlan& host,
                              const IpAddress& address,
                              const ConnectRequest& request,
                              Deadline deadline) const {
  Connection connection;
  connection.evidence.peer_address = address.str();
  const auto finish = [&]() -> Connection&& {
    Complete(plan, host, address, request.basis, connection);
    return std::move(connection);
  };
  const auto close = [&] {
    connection.session->Quit();
    connection.session.reset();
  };

  if (host.refused && !request.keep_refused) {
    connection.verdict = Judge(host, connection.evidence, clock_.Now());
    return finish();
  }

  auto opened =
      SmtpSession::Open(address, host.facts.port,
                        OptionsFor(plan, host, request), tls_, deadline);
  if (const auto* failure = std::get_if<SmtpFailure>(&opened)) {
    connection.tls_failed = TlsFailed(*failure);
    connection.reach = ReachOf(*failure);
    Fail(*failure, connection);
    return finish();
  }
  connection.reach = Connection::Reach::kReached;
  connection.session =
      std::move(std::get<std::unique_ptr<SmtpSession>>(opened));
  connection.local_address = connection.session->local_address();

  if (!Negotiate(host, request, connection, deadline)) {
    close();
    return finish();
  }

  connection.evidence = connection.session->evidence();
  connection.evidence.peer_address = address.str();
  if (host.needs_ptr && connection.session->encrypted()) {
    connection.evidence.confirmed_ptr = ConfirmedPtr(address, deadline);
  }
  connection.verdict = JudgeBehind(host, connection.evidence, clock_.Now());

  if (!connection.verdict.pass() && !request.keep_refused) {
    close();
    return finish();
  }
  // What was said before TLS counts for nothing (RFC 3207 section 4.2).
  if (connection.session->encrypted()) {
    if (const SmtpStatus hello = connection.session->Hello(deadline)) {
      Fail(*hello, connection);
      close();
      return finish();
    }
  }
  if (request.log_in && host.credentials &&
      !LogIn(host, connection, deadline)) {
    close();
  }
  return finish();
}

bool Connector::LogIn(const HostPlan& host, Connection& connection,
                      Deadline deadline) const {
  // Not needed as things are called, and not left to that.
  const bool may = connection.verdict.pass() && !host.refused &&
                   connection.session->encrypted() && sasl_ != nullptr;
  if (!may) {
    connection.verdict = DeferFor(
        Error(Reason::kCredentialsWithheld, "the connection was not passed"));
    return false;
  }
  if (const SmtpStatus failed = connection.session->Authenticate(
          *sasl_, *host.credentials, deadline)) {
    Fail(*failed, connection);
    return false;
  }
  connection.logged_in = connection.session->logged_in();
  return true;
}

Verdict Connector::JudgeMade(const Plan& plan, const HostPlan& host,
                             const IpAddress& address, TlsEvidence& evidence,
                             Deadline deadline) const {
  const bool encrypted = !evidence.protocol.empty();
  evidence.peer_address = address.str();
  if (host.needs_ptr && encrypted) {
    evidence.confirmed_ptr = ConfirmedPtr(address, deadline);
  }
  Verdict verdict = JudgeBehind(host, evidence, clock_.Now());
  if (verdict.pass() && encrypted) {
    const Status negotiated =
        CheckNegotiated(evidence, host.protocols, host.ciphers, host.exclude);
    if (!negotiated) verdict = DeferFor(negotiated.error());
  }
  // Without its login the relay would refuse the mail, perhaps for good.
  if (verdict.pass() && host.credentials) {
    verdict = NoLogin();
  }
  Complete(plan, host, address, Basis::kLive, verdict);
  return verdict;
}

void Connector::JudgeAgain(const Plan& plan, const HostPlan& host,
                           const IpAddress& address,
                           Connection& connection) const {
  connection.verdict = Judge(host, connection.evidence, clock_.Now());
  Complete(plan, host, address, Basis::kLive, connection);
}

}  // namespace postern
