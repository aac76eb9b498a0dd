#include "core/delivery/host_loop.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/delivery/on_fail.h"
#include "core/gate/explain.h"
#include "core/verify/judge.h"

namespace postern {
namespace {

using Outcome = RecipientResult::Outcome;

// Enough for every real destination; a zone that names thousands of addresses
// gets no more than this from one message.
constexpr int kMaxConnections = 32;

bool IsPositive(const SmtpReply& reply) {
  return reply.code >= 200 && reply.code < 300;
}

// The whole delivery is over, not only this host.
bool EndsDelivery(Reason reason) {
  return reason == Reason::kClientGone || reason == Reason::kServiceStopping ||
         reason == Reason::kDeadlineExceeded || reason == Reason::kSpoolFull ||
         reason == Reason::kInternal || reason == Reason::kRequestInvalid;
}

// The peer's own EHLO rules this message out for good.
bool RuledOut(Reason reason) {
  return reason == Reason::kMessageTooBig ||
         reason == Reason::kSmtputf8NotSupported ||
         reason == Reason::kEightBitNotSupported;
}

// RFC 4954 section 6, and RFC 3207 section 4 for STARTTLS: what is wrong is our
// side's configuration, not the mail.
constexpr int kLoginRequired = 530;

struct Answer {
  const char* command;
  const SmtpReply* reply;
};

// The reply that decides for the recipient at `index` of what was sent.
Answer DecidingReply(const SendResult& sent, std::size_t index) {
  if (!sent.mail || !IsPositive(*sent.mail)) {
    return {"MAIL FROM", sent.mail ? &*sent.mail : nullptr};
  }
  if (index >= sent.recipients.size()) return {"RCPT TO", nullptr};
  if (!IsPositive(sent.recipients[index])) {
    return {"RCPT TO", &sent.recipients[index]};
  }
  if (sent.dot) return {"end of data", &*sent.dot};
  if (sent.data && sent.data->code != 354) return {"DATA", &*sent.data};
  return {"end of data", nullptr};
}

// A kept connection whose server had gone, or would carry no more. Where MAIL
// was not accepted, a new connection can't duplicate anything; a server that
// counts the messages of a connection says so at MAIL in all kinds of ways, so
// its "no" there is believed only on a new one.
bool IsStale(const Connection& connection, const SendResult& sent) {
  if (connection.carried == 0 || sent.dot_sent) return false;
  if (sent.mail && IsPositive(*sent.mail)) return false;
  return !sent.failure || (!EndsDelivery(sent.failure->reason()) &&
                           !RuledOut(sent.failure->reason()));
}

// Both sides know where they are: every command was answered, the message was
// taken.
bool MayCarryMore(const SendResult& sent) {
  return !sent.failure && sent.dot && IsPositive(*sent.dot);
}

// For the journal: what is known of each recipient now.
std::vector<JournalEnd> EndsOf(const SendResult& sent,
                               const std::vector<std::string>& recipients) {
  const bool unanswered = sent.dot_sent && (!sent.dot || sent.dot->code < 400);
  std::vector<JournalEnd> ends;
  for (std::size_t k = 0; k < recipients.size(); ++k) {
    const Answer answer = DecidingReply(sent, k);
    JournalEnd end{recipients[k], JournalState::kNotSent, "", ""};
    if (answer.reply != nullptr) {
      end.status = StatusOf(*answer.reply);
      end.reply = answer.reply->Text();
    } else if (sent.failure) {
      end.reply = sent.failure->ToString();
    }
    const bool by_the_dot = answer.reply == nullptr ||
                            answer.reply == (sent.dot ? &*sent.dot : nullptr);
    if (by_the_dot && answer.reply != nullptr && IsPositive(*answer.reply)) {
      end.state = JournalState::kDelivered;
    } else if (by_the_dot && unanswered) {
      end.state = JournalState::kUnanswered;
    }
    ends.push_back(std::move(end));
  }
  return ends;
}

}  // namespace

HostLoop::HostLoop(Gate& gate, Connections& connections, SessionSink& sink,
                   const Clock& clock, const Plan& plan,
                   const DeliveryRequest& request, const Message& message,
                   MessageJournal& journal, Deadline deadline)
    : gate_(gate),
      connections_(connections),
      sink_(sink),
      clock_(clock),
      plan_(plan),
      request_(request),
      message_(message),
      journal_(journal),
      deadline_(deadline),
      results_(request.envelope.recipients.size()),
      open_(request.envelope.recipients.size()),
      connections_left_(kMaxConnections) {}

std::vector<RecipientResult> HostLoop::Run() {
  NoteFailedHops();
  FirstPass();
  if (open() && !candidates_.empty()) DryRunPass();

  const bool bounce = open() && on_fail() == OnFail::kBounce &&
                      EveryHostSaidNo() && IsStillSo();
  const RecipientResult rest =
      Conclude(attempts_, bounce ? Outcome::kBounced : Outcome::kDeferred);
  std::vector<RecipientResult> results;
  results.reserve(results_.size());
  for (auto& result : results_) {
    results.push_back(result ? std::move(*result) : rest);
  }
  return results;
}

// A hop without a single host is never tried, and is named all the same.
void HostLoop::NoteFailedHops() {
  for (const Plan::FailedHop& failed : plan_.failed_hops) {
    Attempt attempt = FromVerdict(DeferFor(failed.error));
    attempt.where = failed.hop.str();
    attempts_.push_back(std::move(attempt));
  }
}

bool HostLoop::EveryHostSaidNo() const {
  return all_asked_ && !plan_.incomplete && !attempts_.empty() &&
         std::all_of(attempts_.begin(), attempts_.end(),
                     [](const Attempt& attempt) { return attempt.policy_no; });
}

// Nothing is given up for good over what may have changed meanwhile (RFC 8461
// section 5.1).
bool HostLoop::IsStillSo() {
  const Status confirmed = gate_.Confirm(plan_, deadline_);
  if (confirmed) return true;
  attempts_.push_back(FromVerdict(DeferFor(confirmed.error())));
  return false;
}

void HostLoop::FirstPass() {
  all_dead_ = connections_.AllDead(plan_);
  for (const HostPlan& host : plan_.hosts) {
    if (!open()) return;
    if (host.refused || host.facts.ips.empty()) {
      Connection refused;
      refused.verdict = RefusedUnasked(host);
      Note(host, refused.verdict);
      Record(host, refused, "refused", "");
      continue;
    }
    for (const IpAddress& address : host.facts.ips) {
      if (!open()) return;
      if (connections_left_ <= 0) {
        all_asked_ = false;
        return;
      }
      TryAddress(host, address);
    }
  }
}

Verdict HostLoop::RefusedUnasked(const HostPlan& host) const {
  Verdict verdict =
      host.refused
          ? Judge(host, TlsEvidence{}, clock_.Now())
          : DeferFor(Error(Reason::kNoAddress, ToString(host.facts.host)));
  verdict.mx_host = ToString(host.facts.host);
  verdict.line = Format(plan_.destination.policy.line);
  verdict.origin = plan_.destination.policy.origin;
  return verdict;
}

void HostLoop::TryAddress(const HostPlan& host, const IpAddress& address) {
  if (deadline_.expired()) {
    stopped_ = true;
    return;
  }
  --connections_left_;
  Connections::Wanted wanted{plan_, host, address, {}, all_dead_};
  wanted.how.log_in = true;
  wanted.how.cancellation = request_.cancellation;
  Connections::Lease lease = connections_.Open(wanted, deadline_);
  if (lease.connection.carried > 0) {
    if (SendThrough(lease, host)) return;
    connections_.Reconnect(lease, wanted, deadline_);
  }
  if (lease.connection.tls_failed && host.tls == TlsUse::kOpportunistic) {
    Record(host, lease.connection, "refused", "");
    --connections_left_;
    wanted.how.without_tls = true;
    connections_.Reconnect(lease, wanted, deadline_);
  }
  const Connection& connection = lease.connection;
  if (connection.session && connection.verdict.pass()) {
    SendThrough(lease, host);
    return;
  }
  Note(host, connection.verdict);
  Record(host, connection, "refused", "");
  if (EndsDelivery(connection.verdict.reason)) {
    stopped_ = true;
    return;
  }
  const PassOver over = MayPassOver(on_fail(), host, connection.verdict);
  if (over != PassOver::kNo) {
    candidates_.push_back({&host, address, over == PassOver::kInClear});
  }
}

void HostLoop::DryRunPass() {
  // Each is tried once: what is noted on the way must not add to the list that
  // is being walked.
  const std::vector<Candidate> candidates = std::move(candidates_);
  candidates_.clear();
  for (const Candidate& candidate : candidates) {
    if (!open() || deadline_.expired()) return;
    Connections::Wanted wanted{plan_, *candidate.host, candidate.address, {}};
    wanted.how.cancellation = request_.cancellation;
    wanted.how.keep_refused = true;
    wanted.how.without_tls = candidate.without_tls;
    Connections::Lease lease = connections_.Open(wanted, deadline_);
    Connection& connection = lease.connection;
    // Judged anew: what was found this time has to be passable as well.
    const PassOver over =
        MayPassOver(on_fail(), *candidate.host, connection.verdict);
    const bool over_tls = connection.session && connection.session->encrypted();
    const bool may = connection.verdict.pass() ||
                     (over != PassOver::kNo &&
                      (over_tls || on_fail() == OnFail::kDeliverClear));
    if (!connection.session || !may) {
      if (connection.session) connection.session->Quit();
      Note(*candidate.host, connection.verdict);
      Record(*candidate.host, connection, "refused", "");
      continue;
    }
    if (!connection.verdict.pass()) {
      connection.verdict.decision = Decision::kDeliverAnyway;
    }
    SendThrough(lease, *candidate.host);
  }
}

bool HostLoop::SendThrough(Connections::Lease& lease, const HostPlan& host) {
  Connection& connection = lease.connection;
  if (host.credentials && connection.session->logged_in().empty()) {
    GiveUp(connection, host,
           {Reason::kCredentialsWithheld, "nobody has logged in"});
    return true;
  }
  if (!gate_.StillHolds(plan_)) {
    GiveUp(connection, host,
           {Reason::kPolicyChanged, plan_.destination.policy.line.key.str()});
    return true;
  }
  std::vector<std::size_t> whom;
  Envelope envelope{request_.envelope.sender, {}, request_.envelope.queue_id};
  for (std::size_t i = 0; i < results_.size(); ++i) {
    if (results_[i]) continue;
    whom.push_back(i);
    envelope.recipients.push_back(request_.envelope.recipients[i]);
  }
  const std::string where =
      Where(ToString(host.facts.host), connection.verdict.address);
  if (const Status begun = journal_.Begin(envelope.recipients, where); !begun) {
    GiveUp(connection, host, begun.error());
    return true;
  }
  const SendResult sent =
      connection.session->Send(envelope, message_, deadline_);
  journal_.End(EndsOf(sent, envelope.recipients));
  if (IsStale(connection, sent)) return false;
  if (!MayCarryMore(sent)) connection.session->QuitAtOnce();

  const std::size_t before = open_;
  Settle(sent, whom, where);
  const bool delivered =
      open_ < before &&
      std::any_of(whom.begin(), whom.end(), [this](std::size_t i) {
        return results_[i] && results_[i]->outcome == Outcome::kDelivered;
      });
  const Answer last = DecidingReply(sent, 0);
  std::string reply;
  if (last.reply != nullptr) reply = last.reply->Text();
  if (sent.failure) reply = sent.failure->ToString();
  Record(host, connection,
         delivered        ? "delivered"
         : open_ < before ? "bounced"
                          : "deferred",
         reply);
  if (MayCarryMore(sent)) connections_.Keep(std::move(lease));
  return true;
}

void HostLoop::GiveUp(Connection& connection, const HostPlan& host,
                      const Error& why) {
  connection.session->Quit();
  Verdict verdict = DeferFor(why);
  verdict.mx_host = connection.verdict.mx_host;
  verdict.address = connection.verdict.address;
  connection.verdict = std::move(verdict);
  Note(host, connection.verdict);
  Record(host, connection, "refused", "");
  stopped_ = true;
}

void HostLoop::Settle(const SendResult& sent,
                      const std::vector<std::size_t>& whom,
                      const std::string& where) {
  if (sent.failure && RuledOut(sent.failure->reason())) {
    const ReasonInfo& info = Describe(sent.failure->reason());
    SettleAll({Outcome::kBounced, std::string(info.status),
               where + ": " + sent.failure->ToString()});
    return;
  }
  if (sent.failure) {
    // A 421 is told as the reply that it is, below.
    if (sent.failure->reason() != Reason::kServerDeferred) {
      Attempt attempt = FromVerdict(DeferFor(*sent.failure));
      attempt.where = where;
      attempts_.push_back(attempt);
    }
    // After the final dot the server may have the message: another host now
    // would be a certain duplicate, a later retry only a possible one.
    if (sent.dot_sent || EndsDelivery(sent.failure->reason())) stopped_ = true;
  }
  for (std::size_t k = 0; k < whom.size(); ++k) {
    const Answer answer = DecidingReply(sent, k);
    if (answer.reply == nullptr) continue;
    const SmtpReply& reply = *answer.reply;
    if (IsPositive(reply) && &reply == (sent.dot ? &*sent.dot : nullptr)) {
      results_[whom[k]] = {Outcome::kDelivered, StatusOf(reply),
                           where + " took it: " + reply.Text()};
      --open_;
    } else if (reply.code == kLoginRequired) {
      Attempt attempt = FromReply(where, answer.command, reply);
      const ReasonInfo& info = Describe(Reason::kAuthRequired);
      attempt.reason = info.reason;
      attempt.status = info.status;
      attempt.hint = info.hint;
      attempts_.push_back(std::move(attempt));
    } else if (IsOneTooMany(sent.recipients, k)) {
      attempts_.push_back(FromReply(where, answer.command, reply));
      attempts_.back().reason = Reason::kServerDeferred;
    } else if (reply.code >= 500 && reply.code < 600) {
      const Attempt attempt = FromReply(where, answer.command, reply);
      results_[whom[k]] = {Outcome::kBounced, attempt.status,
                           attempt.where + " " + attempt.what};
      --open_;
    } else {
      attempts_.push_back(FromReply(where, answer.command, reply));
    }
  }
}

void HostLoop::SettleAll(const RecipientResult& result) {
  for (auto& slot : results_) {
    if (slot) continue;
    slot = result;
    --open_;
  }
}

void HostLoop::Note(const HostPlan& host, const Verdict& verdict) {
  Attempt attempt = FromVerdict(verdict);
  attempt.policy_no = MayBounce(verdict);
  attempts_.push_back(std::move(attempt));
  if (host.published && IsPolicyNo(verdict)) gate_.NoteRefused(plan_, host);
  if (!host.refused) return;
  // A host that the line alone refuses (mx=, route=) can be had in a dry run.
  const PassOver over = MayPassOver(on_fail(), host, verdict);
  if (over != PassOver::kOverTls) return;
  for (const IpAddress& address : host.facts.ips) {
    candidates_.push_back({&host, address, false});
  }
}

void HostLoop::Record(const HostPlan& host, const Connection& connection,
                      std::string_view outcome, const std::string& reply) {
  SessionRecord record;
  record.at = clock_.Now();
  record.door = request_.door;
  record.queue_id = request_.envelope.queue_id;
  record.destination = ToString(request_.recipient_domain);
  record.next_hop = request_.next_hop.str();
  record.level = ToString(plan_.destination.policy.line.level);
  record.plan_digest = plan_.digest;
  if (plan_json_.empty()) plan_json_ = PlanJson(plan_);
  record.plan = plan_json_;
  record.verdict = connection.verdict;
  record.evidence = connection.evidence;
  record.policies = host.policies;
  record.local_address = connection.local_address;
  record.starttls_offered = connection.starttls_offered;
  record.reused = connection.carried;
  record.outcome = outcome;
  record.reply = reply;
  sink_.OnSession(record);
}

}  // namespace postern
