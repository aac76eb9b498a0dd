#include "sendmail-milter/live_judge.h"

#include <algorithm>
#include <utility>

#include "core/gate/made_connection.h"
#include "core/names/quoted.h"
#include "core/policy/combine.h"

namespace postern {
namespace {

NextHop OwnHop(const HostName& recipient) {
  const auto* domain = std::get_if<Domain>(&recipient);
  return domain != nullptr ? NextHop::ForDomain(*domain)
                           : NextHop::ForHost(recipient);
}

// Nobody has to prove anything here, so that it does not matter which host the
// mail goes to: a fallback MX, say, or what another resolver has found.
bool AsksForNothing(const Plan& plan) {
  return !IsAuthenticating(plan.destination.policy.line.level) &&
         plan.hop_policies.empty() &&
         std::all_of(plan.hosts.begin(), plan.hosts.end(),
                     [](const HostPlan& host) {
                       return !host.refused && host.verifiers.empty() &&
                              !host.published;
                     });
}

// What is asked does not depend on what DNS says of the host.
bool NeedsNoHost(const Plan& plan) {
  const PolicyLine& line = plan.destination.policy.line;
  const bool local = line.level == Level::kNone || line.level == Level::kMay ||
                     line.level == Level::kEncrypt;
  return local && !line.also_auto && plan.hop_policies.empty();
}

// A host that DNS does not find is asked nothing in its plan; where nothing
// depends on that, it is asked what the line says.
HostPlan Asked(const Plan& plan, const HostPlan& host) {
  if (!host.facts.failure || !NeedsNoHost(plan)) return host;
  HostFacts facts = host.facts;
  facts.failure.reset();
  return Combine(plan.destination.policy.line, facts, {});
}

LiveJudge::Judged Refused(std::shared_ptr<const Plan> plan,
                          const HostPlan* host, const MapQuestion& question,
                          const Error& why) {
  LiveJudge::Judged judged;
  judged.verdict = DeferFor(why);
  judged.verdict.mx_host = ToString(question.server);
  judged.verdict.address = question.address.str();
  if (plan) {
    judged.verdict.line = Format(plan->destination.policy.line);
    judged.verdict.origin = plan->destination.policy.origin;
  }
  judged.evidence.peer_address = question.address.str();
  judged.plan = std::move(plan);
  judged.host = host;
  return judged;
}

// Where Sendmail says more than that there is no TLS.
std::optional<Error> WhyNoTls(const MapQuestion& question) {
  if (question.verify == "SOFTWARE") {
    return Error{Reason::kTlsHandshakeFailed, "Sendmail's handshake failed"};
  }
  if (question.verify == "TEMP" || question.verify == "PROTOCOL") {
    return Error{Reason::kStarttlsRefused,
                 "Sendmail was refused TLS (" + question.verify + ")"};
  }
  return std::nullopt;
}

bool IsAt(const HostPlan& host, const IpAddress& address) {
  return std::find(host.facts.ips.begin(), host.facts.ips.end(), address) !=
         host.facts.ips.end();
}

}  // namespace

LiveJudge::Found LiveJudge::PlanFor(const MapQuestion& question,
                                    const NextHop& hop,
                                    const std::optional<Patience>& patience) {
  const HostName& recipient = *question.destination;
  std::shared_ptr<const Plan> plan;
  if (!patience) {
    plan = parts_.plans.Known(recipient, hop);
    if (!plan) return NotKnown{};
  } else {
    RecentPlans::Made made =
        parts_.plans.Get(recipient, hop, patience->deadline);
    if (auto* verdict = std::get_if<Verdict>(&made)) {
      Judged judged;
      judged.verdict = std::move(*verdict);
      return judged;
    }
    plan = std::get<std::shared_ptr<const Plan>>(std::move(made));
  }
  const HostPlan* host = FindHost(*plan, question.server, std::nullopt);
  return Place{std::move(plan), host};
}

LiveJudge::Found LiveJudge::PlaceOf(const MapQuestion& question,
                                    const std::optional<Patience>& patience) {
  Found found = PlanFor(
      question, question.hop.value_or(OwnHop(*question.destination)), patience);
  const Place* place = std::get_if<Place>(&found);
  if (place != nullptr && place->host == nullptr &&
      AsksForNothing(*place->plan)) {
    found = PlanFor(question, NextHop::ForHost(question.server), patience);
    place = std::get_if<Place>(&found);
  }
  if (place == nullptr) return found;
  const auto refuse = [&](const Error& why) {
    return Refused(place->plan, place->host, question, why);
  };
  if (place->host == nullptr) {
    return refuse(
        {Reason::kMxNotAllowed, Quoted(ToString(question.server)) +
                                    " is not a host of the plan for " +
                                    ToString(*question.destination)});
  }
  if (place->host->facts.failure && !NeedsNoHost(*place->plan)) {
    return refuse(*place->host->facts.failure);
  }
  const Family family = place->plan->destination.policy.line.family;
  if (family != Family::kAny &&
      (family == Family::kIpv6) != question.address.is_v6()) {
    return refuse(
        {Reason::kAddressNotAllowed,
         question.address.str() + " is not of the family= of the line"});
  }
  return found;
}

Result<TlsEvidence> LiveJudge::Search(const MapQuestion& question,
                                      const Place& place,
                                      const Patience& patience) {
  const HostFacts& facts = place.host->facts;
  std::optional<Error> failed;
  for (int i = 0; i < kLooks && !patience.deadline.expired(); ++i) {
    const auto look =
        parts_.prober.Look(*place.plan, *place.host, question.address,
                           patience.stop, patience.deadline);
    if (!look) {
      failed = look.error();
      break;
    }
    auto seen = parts_.index.Find(facts.host, facts.port, question.leaf_sha256);
    if (seen) return *std::move(seen);
    if ((*look)->evidence.has_certificate()) {
      failed.reset();
    } else {
      failed = Error{(*look)->verdict.reason, (*look)->verdict.sentence};
    }
  }
  if (failed) return *failed;
  return Error{Reason::kCertificateNotSeen,
               ToString(facts.host) + " at " + question.address.str()};
}

std::optional<LiveJudge::Judged> LiveJudge::Judge(
    const MapQuestion& question, const std::optional<Patience>& patience) {
  Found found = PlaceOf(question, patience);
  if (std::holds_alternative<NotKnown>(found)) return std::nullopt;
  if (auto* ended = std::get_if<Judged>(&found)) return std::move(*ended);
  const Place& place = std::get<Place>(found);
  const HostFacts& facts = place.host->facts;
  HostPlan host = Asked(*place.plan, *place.host);
  const bool proves =
      question.encrypted && !host.refused && !host.verifiers.empty();
  const auto refuse = [&](const Error& why) {
    return Refused(place.plan, place.host, question, why);
  };

  std::optional<TlsEvidence> seen;
  if (question.encrypted && !question.leaf_sha256.empty()) {
    seen = parts_.index.Find(facts.host, facts.port, question.leaf_sha256);
  }
  if (proves) {
    if (question.leaf_sha256.empty()) {
      return refuse({Reason::kCertificateMissing,
                     "Sendmail tells no SHA-256 of a certificate"});
    }
    if (!IsAt(host, question.address) &&
        !parts_.index.WasAt(facts.host, facts.port, question.address)) {
      return refuse({Reason::kAddressNotAllowed, question.address.str() +
                                                     " is not an address of " +
                                                     ToString(facts.host)});
    }
    if (!seen) {
      if (!patience) return std::nullopt;
      Result<TlsEvidence> searched = Search(question, place, *patience);
      if (!searched) return refuse(searched.error());
      seen = *std::move(searched);
    }
  }
  const bool wants_tls =
      host.tls == TlsUse::kRequired || !host.verifiers.empty();
  if (!question.encrypted && wants_tls && !host.refused) {
    if (const auto why = WhyNoTls(question)) return refuse(*why);
  }
  if (!seen) {
    // What is only noted has nothing to look at, and neither has what stands
    // behind a refusal.
    host.recorded.clear();
    if (host.refused) host.verifiers.clear();
  }
  if (host.needs_ptr && question.encrypted && !patience) return std::nullopt;

  Judged judged;
  judged.plan = place.plan;
  judged.host = place.host;
  if (seen) judged.evidence = *std::move(seen);
  // Sendmail's connection, not the one on which the chain was seen.
  judged.evidence.protocol = question.encrypted ? question.protocol : "";
  judged.evidence.cipher = question.cipher;
  judged.evidence.server_name.clear();
  judged.verdict = parts_.gate.JudgeMade(
      *place.plan, host, question.address, judged.evidence,
      patience ? patience->deadline
               : Deadline::After(std::chrono::milliseconds(0)));
  // Waiting takes time, in which a policy may have changed.
  if (judged.verdict.pass() && patience &&
      !parts_.gate.StillHolds(*place.plan)) {
    return refuse({Reason::kPolicyChanged,
                   place.plan->destination.policy.line.key.str()});
  }
  return judged;
}

}  // namespace postern
