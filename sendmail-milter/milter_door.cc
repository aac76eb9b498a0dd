#include "sendmail-milter/milter_door.h"

#include <algorithm>
#include <utility>

#include "core/delivery/on_fail.h"
#include "core/gate/made_connection.h"
#include "core/names/quoted.h"
#include "core/verify/judge.h"

namespace postern {
namespace {

using Outcome = RecipientResult::Outcome;

Reply ToReply(const RecipientResult& result) {
  const bool bounced = result.outcome == Outcome::kBounced;
  return {bounced ? "bounced" : "deferred",
          OneLine(result.status + " " + result.text, 900)};
}

Reply ToReply(const Verdict& verdict) {
  const bool bounced = verdict.decision == Decision::kBounce;
  return ToReply(Conclude({FromVerdict(verdict)},
                          bounced ? Outcome::kBounced : Outcome::kDeferred));
}

// A server that strangers lead us to is asked only where an answer decides.
bool HasToBeAsked(const Plan& plan) {
  return IsAuthenticating(plan.destination.policy.line.level) ||
         std::any_of(plan.hop_policies.begin(), plan.hop_policies.end(),
                     [](const Plan::HopPolicy& hop) {
                       return IsAuthenticating(hop.policy.line.level);
                     });
}

// The next hop as the MTA has it; nothing: the recipient's own hosts.
Result<NextHop> HopOf(const HostName& recipient, const std::string* hop) {
  if (hop != nullptr && !hop->empty()) return NextHop::Parse(*hop);
  const auto* domain = std::get_if<Domain>(&recipient);
  return domain != nullptr ? NextHop::ForDomain(*domain)
                           : NextHop::ForHost(recipient);
}

}  // namespace

struct MilterDoor::Survey {
  std::vector<Attempt> attempts;
  std::size_t looks = 0;
  bool complete = true;   // nothing was left out
  bool every_no = true;   // a policy's "no", each time
  bool passable = false;  // a dry run goes on all the same
};

std::optional<SocketMapReply> MilterDoor::Known(const SocketMapQuery& query) {
  const Result<Request> request = FromQuery(query);
  if (!request) return ToMapReply(ErrorReply(request.error()));
  const std::optional<Reply> reply = Answer(*request, std::nullopt);
  if (!reply) return std::nullopt;
  return ToMapReply(*reply);
}

SocketMapReply MilterDoor::Find(const SocketMapQuery& query, Deadline deadline,
                                int stop_fd) {
  const Result<Request> request = FromQuery(query);
  if (!request) return ToMapReply(ErrorReply(request.error()));
  Cancellation stop;
  stop.stop_fd = stop_fd;
  const auto reply = Answer(*request, Patience{deadline.Within(kBudget), stop});
  return ToMapReply(
      reply ? *reply
            : ErrorReply({Reason::kInternal, "nothing was found out"}));
}

std::string MilterDoor::OwnerOf(const SocketMapQuery& query) {
  const Result<Request> request = FromQuery(query);
  return request ? DestinationOf(*request) : std::string();
}

std::optional<Reply> MilterDoor::Answer(
    const Request& request, const std::optional<Patience>& patience) {
  if (request.verb == "recipient") return Recipient(request, patience);
  return ErrorReply(
      {Reason::kRequestInvalid,
       "unknown verb " + Quoted(request.verb) + "; there is recipient"});
}

std::optional<Reply> MilterDoor::Recipient(
    const Request& request, const std::optional<Patience>& patience) {
  for (const auto& [key, value] : request.fields) {
    if (key != "domain" && key != "nexthop" && key != "queue-id") {
      return ErrorReply(
          {Reason::kRequestInvalid, "unknown field " + Quoted(key)});
    }
  }
  const std::string* name = request.Find("domain");
  const Result<HostName> domain =
      ParseRecipientDomain(name == nullptr ? "" : *name);
  if (!domain) return ErrorReply(domain.error());
  const Result<NextHop> hop = HopOf(*domain, request.Find("nexthop"));
  if (!hop) return ErrorReply(hop.error());
  const std::string* id = request.Find("queue-id");
  const std::string queue_id = id == nullptr ? "" : *id;

  // Before the policy is asked: were it replaced in between, the terms would
  // name a file that nobody finds any more.
  PublishedFile policy = PublishedFile::Now(parts_.policy_file);
  std::shared_ptr<const Plan> plan = parts_.plans.Known(*domain, *hop);
  if (!plan) {
    if (!patience) return std::nullopt;
    RecentPlans::Made made =
        parts_.plans.Get(*domain, *hop, patience->deadline);
    if (const auto* verdict = std::get_if<Verdict>(&made)) {
      return Planless(*domain, *hop, queue_id, *verdict);
    }
    plan = std::get<std::shared_ptr<const Plan>>(std::move(made));
  }
  if (!HasToBeAsked(*plan)) return PassOn(*plan, std::move(policy));
  if (Remembered(*plan, patience)) return Reply{"pass", ""};
  if (!patience) return std::nullopt;
  Survey survey;
  if (Look(*plan, queue_id, *patience, survey)) {
    // Looking takes time, in which a policy may have changed.
    if (parts_.gate.StillHolds(*plan)) return Reply{"pass", ""};
    return ToReply(DeferFor(
        {Reason::kPolicyChanged, plan->destination.policy.line.key.str()}));
  }
  return Refuse(*plan, survey, patience->deadline);
}

Reply MilterDoor::PassOn(const Plan& plan, PublishedFile policy) const {
  const auto hold = std::chrono::floor<std::chrono::milliseconds>(std::min(
      TimePoint::duration(kHold), plan.valid_until - parts_.clock.Now()));
  if (policy.state.empty() || hold.count() <= 0) return {"pass", ""};
  return PassUnder({std::move(policy), hold});
}

Reply MilterDoor::Planless(const HostName& domain, const NextHop& hop,
                           const std::string& queue_id,
                           const Verdict& verdict) {
  SessionRecord record;
  record.at = parts_.clock.Now();
  record.door = "milter";
  record.queue_id = queue_id;
  record.destination = ToString(domain);
  record.next_hop = hop.str();
  record.verdict = verdict;
  record.outcome =
      verdict.decision == Decision::kBounce ? "bounced" : "refused";
  parts_.sink.OnSession(record);
  return ToReply(verdict);
}

bool MilterDoor::Remembered(const Plan& plan,
                            const std::optional<Patience>& patience) {
  const Deadline deadline = patience ? patience->deadline : Deadline::After({});
  for (const HostPlan& host : plan.hosts) {
    if (host.refused || (host.needs_ptr && !patience)) continue;
    for (const IpAddress& address : host.facts.ips) {
      auto seen =
          parts_.index.Last(host.facts.host, host.facts.port, address, kRecent);
      if (seen &&
          parts_.gate.JudgeMade(plan, host, address, *seen, deadline).pass()) {
        return true;
      }
    }
  }
  return false;
}

void MilterDoor::Note(const Plan& plan, const HostPlan& host,
                      const Verdict& verdict, Survey& survey) {
  Attempt attempt = FromVerdict(verdict);
  attempt.policy_no = MayBounce(verdict);
  survey.every_no = survey.every_no && attempt.policy_no;
  survey.attempts.push_back(std::move(attempt));
  survey.passable = survey.passable ||
                    MayPassOver(plan.on_fail, host, verdict) != PassOver::kNo;
  if (host.published && IsPolicyNo(verdict)) {
    parts_.gate.NoteRefused(plan, host);
    parts_.plans.Forget(plan.destination.recipient, plan.destination.next_hop);
  }
}

// Recalled where that suffices. What may end in a bounce is looked at each
// time.
Verdict MilterDoor::LookAt(const Plan& plan, const HostPlan& host,
                           const IpAddress& address,
                           const std::string& queue_id,
                           const Patience& patience, Survey& survey) {
  const Deadline deadline = patience.deadline;
  const auto tell = [&](const Verdict& verdict, const TlsEvidence& evidence,
                        const Connection& found, std::string_view outcome) {
    SessionRecord record =
        RecordOf("milter", plan, host, queue_id, verdict, parts_.clock.Now());
    record.evidence = evidence;
    record.local_address = found.local_address;
    record.starttls_offered = found.starttls_offered;
    record.outcome = outcome;
    parts_.sink.OnSession(record);
  };
  const auto recall =
      [&](std::chrono::seconds within) -> std::optional<Verdict> {
    const auto found =
        parts_.prober.Recall(plan, host, address, within, deadline);
    // A "pass" is judged as Sendmail's own connection will be: below.
    if (!found || found->verdict.pass()) return std::nullopt;
    // Without the chain: it was not seen another time.
    TlsEvidence then;
    then.protocol = found->evidence.protocol;
    then.cipher = found->evidence.cipher;
    then.peer_address = found->evidence.peer_address;
    tell(found->verdict, then, *found, "refused");
    return found->verdict;
  };
  if (plan.on_fail != OnFail::kBounce) {
    if (auto verdict = recall(kAgain)) return *std::move(verdict);
  }
  ++survey.looks;
  const auto look =
      parts_.prober.Look(plan, host, address, patience.stop, deadline);
  if (!look) {
    survey.complete = false;
    const bool too_often = look.error().reason() == Reason::kHostBusy;
    auto verdict = too_often ? recall(kRecent) : std::nullopt;
    return verdict ? *std::move(verdict) : DeferFor(look.error());
  }
  Verdict verdict = (*look)->verdict;
  TlsEvidence evidence = (*look)->evidence;
  // As it will be judged when Sendmail has made the connection.
  if (!evidence.protocol.empty()) {
    verdict = parts_.gate.JudgeMade(plan, host, address, evidence, deadline);
    verdict.basis = Basis::kProbe;
  }
  tell(verdict, evidence, **look, "looked");
  return verdict;
}

bool MilterDoor::Look(const Plan& plan, const std::string& queue_id,
                      const Patience& patience, Survey& survey) {
  survey.complete = !plan.incomplete && !plan.hosts.empty();
  for (const HostPlan& host : plan.hosts) {
    if (host.refused) {
      Note(plan, host, Judge(host, TlsEvidence{}, parts_.clock.Now()), survey);
      continue;
    }
    survey.complete = survey.complete && !host.facts.incomplete;
    if (host.facts.ips.empty()) {
      Note(plan, host,
           DeferFor(host.facts.failure.value_or(
               Error{Reason::kNoAddress, ToString(host.facts.host)})),
           survey);
    }
    for (const IpAddress& address : host.facts.ips) {
      if (survey.looks == kMostLooks || patience.deadline.expired()) {
        survey.complete = false;
        return false;
      }
      Verdict verdict = LookAt(plan, host, address, queue_id, patience, survey);
      verdict.mx_host = ToString(host.facts.host);
      verdict.address = address.str();
      if (verdict.pass()) return true;
      Note(plan, host, verdict, survey);
    }
  }
  return false;
}

Reply MilterDoor::Refuse(const Plan& plan, const Survey& survey,
                         Deadline deadline) {
  // The connection that carries the mail will be judged, and passed over.
  if (survey.passable) return {"pass", ""};
  const bool bounce = plan.on_fail == OnFail::kBounce && survey.complete &&
                      survey.every_no && !survey.attempts.empty();
  if (!bounce) return ToReply(Conclude(survey.attempts, Outcome::kDeferred));
  // Nothing is given up for good over what may have changed meanwhile (RFC
  // 8461 section 5.1).
  const Status confirmed = parts_.gate.Confirm(plan, deadline);
  if (!confirmed) return ToReply(DeferFor(confirmed.error()));
  return ToReply(Conclude(survey.attempts, Outcome::kBounced));
}

}  // namespace postern
