#include "exim-dlfunc/exim_door.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "core/delivery/on_fail.h"
#include "core/delivery/report.h"
#include "core/gate/made_connection.h"
#include "core/names/quoted.h"
#include "core/verify/judge.h"
#include "core/x509/base64.h"
#include "exim-dlfunc/exim_events.h"
#include "exim-dlfunc/exim_words.h"

namespace postern {
namespace {

bool CanBeAsked(const HostPlan& host) {
  return !host.refused && !host.credentials && !host.facts.ips.empty();
}

// The verdict on one that can't.
Verdict Unasked(const HostPlan& host, TimePoint now) {
  if (host.refused) return Judge(host, TlsEvidence{}, now);
  if (host.credentials) return NoLogin();
  return DeferFor(Error(Reason::kNoAddress, ToString(host.facts.host)));
}

using Outcome = RecipientResult::Outcome;

// Below the client's own (exim_client.cc).
constexpr std::chrono::seconds kPlanBudget{30};
constexpr std::chrono::seconds kJudgeBudget{15};

Reply Deferred(const RecipientResult& result) {
  return {"deferred", OneLine(result.status + " " + result.text, 900)};
}

Reply Deferred(const Verdict& verdict) {
  return Deferred(Conclude({FromVerdict(verdict)}, Outcome::kDeferred));
}

}  // namespace

struct EximDoor::Place {
  std::string queue_id;
  HostName domain;
  AddressData data;
  std::shared_ptr<const Plan> plan;
  const HostPlan* host = nullptr;  // of `plan`
  IpAddress address;
  EximSessions::Key key;
};

std::string EximDoor::OwnerOf(const Request& request) {
  const bool may_wait = request.verb == "plan" || request.verb == "judge";
  return may_wait ? DestinationOf(request) : std::string();
}

Reply EximDoor::Answer(const Request& request) {
  if (request.verb == "plan") return PlanFor(request);
  if (request.verb == "judge") return Judge(request);
  if (request.verb == "certificate") return Certificate(request);
  if (request.verb == "event") return Event(request);
  return ErrorReply(Invalid("unknown verb " + Quoted(request.verb) +
                            "; there are plan judge certificate event"));
}

// The plan.

Reply EximDoor::PlanFor(const Request& request) {
  const Status known =
      CheckFields(request, {"domain"}, {"nexthop", "queue-id"});
  if (!known) return ErrorReply(known.error());
  const Result<HostName> domain =
      ParseRecipientDomain(Field(request, "domain"));
  if (!domain) return ErrorReply(domain.error());
  const Result<NextHop> hop = HopOf(*domain, Field(request, "nexthop"));
  if (!hop) return ErrorReply(hop.error());
  const std::string queue_id = Field(request, "queue-id");
  // Another attempt: the one before has ended without a word.
  sessions_.Deferred(queue_id, ToString(*domain));

  Planned planned = gate_.MakePlan(*domain, *hop, Deadline::After(kPlanBudget));
  if (Plan* plan = std::get_if<Plan>(&planned)) {
    return Offer(queue_id, *plans_.Keep(std::move(*plan)));
  }
  const Verdict& verdict = std::get<Verdict>(planned);
  const bool bounce = verdict.decision == Decision::kBounce;
  if (!queue_id.empty()) {
    SessionRecord record;
    record.at = clock_.Now();
    record.door = "exim";
    record.queue_id = queue_id;
    record.destination = ToString(*domain);
    record.next_hop = hop->str();
    record.verdict = verdict;
    record.outcome = bounce ? "bounced" : "refused";
    sink_.OnSession(record);
  }
  if (!bounce) return Deferred(verdict);
  const RecipientResult result =
      Conclude({FromVerdict(verdict)}, Outcome::kBounced);
  return {"plan", ToBounce(result.status, result.text)};
}

Reply EximDoor::Offer(const std::string& queue_id, const Plan& plan) {
  const FailedPasses::Next next = passes_.After(queue_id, plan);
  if (next.action == FailedPasses::Next::Action::kBounce) {
    // Nothing is given up for good over what may have changed meanwhile (RFC
    // 8461 section 5.1).
    const Status confirmed = gate_.Confirm(plan, Deadline::After(kPlanBudget));
    if (!confirmed) return Deferred(DeferFor(confirmed.error()));
    for (const HostPlan& host : plan.hosts) {
      if (!CanBeAsked(host)) RefuseUnasked(queue_id, plan, host);
    }
    const RecipientResult result = Conclude(next.attempts, Outcome::kBounced);
    return {"plan", ToBounce(result.status, result.text)};
  }
  EximPlanWanted wanted;
  std::vector<const HostPlan*> hosts;
  if (next.action == FailedPasses::Next::Action::kDeliver) {
    hosts = next.hosts;
    wanted.anyway = true;
    wanted.in_clear = next.in_clear;
  } else {
    std::vector<Attempt> attempts;
    for (const HostPlan& host : plan.hosts) {
      if (CanBeAsked(host)) {
        hosts.push_back(&host);
      } else {
        attempts.push_back(RefuseUnasked(queue_id, plan, host));
      }
    }
    if (hosts.empty()) return Deferred(Conclude(attempts, Outcome::kDeferred));
  }
  wanted.hosts = hosts;
  const Result<std::string> text = ToAddressData(plan, wanted);
  if (!text) return Deferred(DeferFor(text.error()));
  return {"plan", *text};
}

// A host that its plan refuses, that wants a login or that has no address.
Attempt EximDoor::RefuseUnasked(const std::string& queue_id, const Plan& plan,
                                const HostPlan& host) {
  Verdict verdict = Unasked(host, clock_.Now());
  verdict.mx_host = ToString(host.facts.host);
  verdict.line = Format(plan.destination.policy.line);
  verdict.origin = plan.destination.policy.origin;
  // A pass is complete without them.
  for (const IpAddress& address : host.facts.ips) {
    if (!host.refused) passes_.Note(queue_id, plan, host, address, verdict);
  }
  if (!queue_id.empty()) {
    sessions_.Refused(
        RecordOf("exim", plan, host, queue_id, verdict, clock_.Now()));
  }
  NoteRefusal(plan, host, verdict);
  return FromVerdict(verdict);
}

void EximDoor::NoteRefusal(const Plan& plan, const HostPlan& host,
                           const Verdict& verdict) {
  if (host.published && IsPolicyNo(verdict)) gate_.NoteRefused(plan, host);
}

// The verdict.

// The plan under which the connection was made: remembered, or made again and
// found to be the same.
Result<std::shared_ptr<const Plan>> EximDoor::PlanOf(const Request& request,
                                                     const HostName& domain,
                                                     AddressData* data) {
  Result<AddressData> parsed = ParseAddressData(Field(request, "address-data"));
  if (!parsed) return parsed.error();
  *data = *std::move(parsed);
  std::shared_ptr<const Plan> plan = plans_.Find(data->digest);
  const bool fresh = plan && clock_.Now() < plan->valid_until;
  if (!fresh) {
    const Result<NextHop> hop =
        data->hop ? Result<NextHop>(*data->hop) : HopOf(domain, "");
    if (!hop) return hop.error();
    Planned planned =
        gate_.MakePlan(domain, *hop, Deadline::After(kJudgeBudget));
    if (const auto* verdict = std::get_if<Verdict>(&planned)) {
      return Error{verdict->reason, verdict->sentence};
    }
    plan = plans_.Keep(std::get<Plan>(std::move(planned)));
    if (plan->digest != data->digest) {
      return Error{Reason::kPolicyChanged,
                   "what holds for " + ToString(domain) +
                       " has changed since the message was routed"};
    }
  }
  if (plan->destination.recipient != domain) {
    return Invalid("the plan is for " + ToString(plan->destination.recipient) +
                   ", not for " + ToString(domain));
  }
  if (!gate_.StillHolds(*plan)) {
    return Error{Reason::kPolicyChanged,
                 plan->destination.policy.line.key.str()};
  }
  return plan;
}

Result<EximDoor::Place> EximDoor::PlaceOf(const Request& request) {
  const Result<HostName> domain =
      ParseRecipientDomain(Field(request, "domain"));
  if (!domain) return domain.error();
  const Result<IpAddress> address = IpAddress::Parse(Field(request, "address"));
  if (!address) return address.error();
  AddressData data;
  auto plan = PlanOf(request, *domain, &data);
  if (!plan) return plan.error();

  const HostPlan* host =
      FindHost(**plan, Field(request, "host"), Field(request, "port"));
  if (host == nullptr) {
    return Error{Reason::kMxNotAllowed,
                 Quoted(Field(request, "host")) + " port " +
                     Quoted(Field(request, "port")) +
                     " is not a host of the plan for " + ToString(*domain)};
  }
  const Family family = (*plan)->destination.policy.line.family;
  if (family != Family::kAny && (family == Family::kIpv6) != address->is_v6()) {
    return Error{Reason::kAddressNotAllowed,
                 address->str() + " is not of the family= of the line"};
  }
  Place place{Field(request, "queue-id"),
              *domain,
              std::move(data),
              *std::move(plan),
              host,
              *address,
              {}};
  // By Exim's name for the host, which it tells in its events as well.
  place.key = {place.queue_id, ToString(*domain),
               HostText(Field(request, "host"))};
  return place;
}

Result<TlsEvidence> EximDoor::EvidenceOf(const Request& request,
                                         const Place& place) {
  std::vector<std::string> ders;
  const std::string chain_text = Field(request, "chain");
  std::string_view rest = chain_text;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    std::optional<std::string> der = FromBase64(one);
    if (!der || der->empty() || ders.size() == ToldChains::kMostCertificates) {
      return Error{Reason::kCertificateMalformed, "chain is not base64"};
    }
    ders.push_back(*std::move(der));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
  }
  if (ders.size() == 1) {
    std::vector<std::string> told = chains_.Of(place.key, ders.front());
    if (!told.empty()) ders = std::move(told);
  }
  std::vector<DerCertificate> chain;
  for (const std::string& der : ders) {
    chain.emplace_back(der.begin(), der.end());
  }
  TlsEvidence evidence(std::move(chain));
  evidence.protocol = ProtocolName(Field(request, "tls-version"));
  evidence.cipher = OneLine(Field(request, "cipher"), 64);
  evidence.server_name = OneLine(Field(request, "server-name"), 255);
  return evidence;
}

bool EximDoor::MayGoAnyway(const Place& place, const Verdict& verdict,
                           bool encrypted) const {
  if (!place.data.anyway) return false;
  const FailedPasses::Next next = passes_.After(place.queue_id, *place.plan);
  if (next.action != FailedPasses::Next::Action::kDeliver) return false;
  const OnFail on_fail = place.plan->on_fail;
  const PassOver over = MayPassOver(on_fail, *place.host, verdict);
  return over != PassOver::kNo &&
         (encrypted || on_fail == OnFail::kDeliverClear);
}

Reply EximDoor::Judge(const Request& request) {
  const Status known = CheckFields(
      request, {"stage", "domain", "host", "address", "port", "address-data"},
      {"queue-id", "tls-version", "cipher", "server-name", "chain",
       "starttls"});
  if (!known) return ErrorReply(known.error());
  const std::string stage = Field(request, "stage");
  const Result<Place> place = PlaceOf(request);
  if (!place) return Deferred(DeferFor(place.error()));
  Result<TlsEvidence> evidence = EvidenceOf(request, *place);
  if (!evidence) return Deferred(DeferFor(evidence.error()));

  const Deadline deadline = Deadline::After(kJudgeBudget);
  // In the midst of the handshake nobody knows its version yet; the other two
  // stages do.
  const bool in_handshake = stage == "certificate";
  if (in_handshake) evidence->protocol = "TLSv1.3";
  HostPlan host = *place->host;
  if (in_handshake) host.protocols = host.ciphers = host.exclude = "";
  Verdict verdict =
      gate_.JudgeMade(*place->plan, host, place->address, *evidence, deadline);
  const bool encrypted = !evidence->protocol.empty();
  const bool passed = verdict.pass();
  if (passed && stage != "mail") return {"pass", ""};  // nothing to record yet
  if (!passed && MayGoAnyway(*place, verdict, encrypted)) {
    verdict.decision = Decision::kDeliverAnyway;
  }
  if (in_handshake) evidence->protocol = "TLS";
  SessionRecord record = RecordOf("exim", *place->plan, *place->host,
                                  place->queue_id, verdict, clock_.Now());
  record.evidence = *evidence;
  record.starttls_offered =
      encrypted || Field(request, "starttls") == "offered";
  if (!passed && verdict.decision != Decision::kDeliverAnyway) {
    passes_.Note(place->queue_id, *place->plan, *place->host, place->address,
                 verdict);
    sessions_.Refused(std::move(record));
    NoteRefusal(*place->plan, *place->host, verdict);
    return Deferred(verdict);
  }
  if (stage == "mail") sessions_.Passed(place->key, std::move(record));
  return {"pass", ""};
}

// One certificate of a handshake, from a client that can't keep it.
Reply EximDoor::Certificate(const Request& request) {
  const Status known = CheckFields(
      request, {"domain", "host", "depth", "certificate"}, {"queue-id"});
  if (!known) return ErrorReply(known.error());
  const Result<HostName> domain =
      ParseRecipientDomain(Field(request, "domain"));
  if (!domain) return ErrorReply(domain.error());
  const std::string depth = Field(request, "depth");
  unsigned number = 0;
  const auto [end, failed] =
      std::from_chars(depth.data(), depth.data() + depth.size(), number);
  std::optional<std::string> der = FromBase64(Field(request, "certificate"));
  if (failed != std::errc{} || end != depth.data() + depth.size() ||
      number >= ToldChains::kMostCertificates || !der || der->empty()) {
    return ErrorReply(
        {Reason::kCertificateMalformed, "not a certificate at a depth"});
  }
  chains_.Add({Field(request, "queue-id"), ToString(*domain),
               HostText(Field(request, "host"))},
              number, *std::move(der));
  return {"pass", ""};
}

// What became of it.

Reply EximDoor::Event(const Request& request) {
  const Status known = CheckFields(
      request, {"name", "domain", "host"},
      {"data", "errno", "queue-id", "address", "port", "address-data"});
  if (!known) return ErrorReply(known.error());
  const std::string name = Field(request, "name");
  const std::string data = Field(request, "data");
  const Result<HostName> domain =
      ParseRecipientDomain(Field(request, "domain"));
  if (!domain) return ErrorReply(domain.error());
  const EximSessions::Key key{Field(request, "queue-id"), ToString(*domain),
                              HostText(Field(request, "host"))};
  if (key.host == kNobodysHost) {
    sessions_.Deferred(key.queue_id, key.domain);
    return {"noted", ""};
  }
  const std::optional<std::string_view> outcome = OutcomeOfEvent(name);
  if (outcome && sessions_.Ended(key, *outcome, OneLine(data, 400))) {
    return {"noted", ""};
  }
  const std::optional<Error> why =
      FailureOfEvent(name, Field(request, "errno"), data);
  return why ? NoteFailure(request, *why) : Reply{"noted", ""};
}

Reply EximDoor::NoteFailure(const Request& request, const Error& why) {
  const Result<Place> place = PlaceOf(request);
  if (!place) return {"noted", ""};
  Verdict verdict = DeferFor(why);
  verdict.mx_host = ToString(place->host->facts.host);
  verdict.address = place->address.str();
  verdict.line = Format(place->plan->destination.policy.line);
  verdict.origin = place->plan->destination.policy.origin;
  passes_.Note(place->queue_id, *place->plan, *place->host, place->address,
               verdict);
  SessionRecord record = RecordOf("exim", *place->plan, *place->host,
                                  place->queue_id, verdict, clock_.Now());
  record.evidence.peer_address = verdict.address;
  record.starttls_offered = why.reason() == Reason::kTlsHandshakeFailed ||
                            why.reason() == Reason::kStarttlsRefused;
  sessions_.Refused(std::move(record));
  return {"noted", OneLine(ToLogText(verdict), 900)};
}

}  // namespace postern
