#include "core/policy/combine.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/policy/configured_mx.h"

namespace postern {
namespace {

using State = Contribution::State;

constexpr std::string_view kPin = "pin";
constexpr std::string_view kWebpki = "webpki";
constexpr std::string_view kDane = "dane";
constexpr std::string_view kMtaSts = "mta-sts";

// The first refusal stays: it is the one nearest to the cause. But a "could not
// find out" is never hidden behind a "no", which a dry run may pass over and
// on-fail=bounce may bounce. Whoever looks past a refusal still meets a plan
// that asks for TLS.
void Refuse(HostPlan& plan, Finding why) {
  const bool hides = plan.refused &&
                     plan.refused->state() == Finding::State::kViolated &&
                     why.state() == Finding::State::kUndecided;
  if (!plan.refused || hides) plan.refused = std::move(why);
  plan.tls = TlsUse::kRequired;
}

void RefuseUndecided(HostPlan& plan, Reason reason, std::string detail) {
  // kOk would read as a "yes" in a record.
  if (reason == Reason::kOk) reason = Reason::kInternal;
  Refuse(plan, Finding::Undecided(Error(reason, std::move(detail))));
}

// What the sources said, by name.
class Answers {
 public:
  explicit Answers(std::span<const Contribution> contributions)
      : contributions_(contributions) {}

  // A source that is not listed, or listed twice, is as one not built in: which
  // of two answers holds can't be known.
  Contribution Of(std::string_view source) const {
    const Contribution* found = nullptr;
    for (const Contribution& contribution : contributions_) {
      if (contribution.source != source) continue;
      if (found != nullptr) return NotBuiltIn(source, "is listed twice");
      found = &contribution;
    }
    if (found == nullptr)
      return NotBuiltIn(source, "is not among the verifiers");
    const bool needs_verifier =
        found->state == State::kApplies || found->state == State::kTesting;
    if (!needs_verifier || found->verifier != nullptr) return *found;
    Contribution failed = *found;
    failed.state = State::kHostFailed;
    failed.reason = Reason::kInternal;
    failed.detail = "the source applies and brought no verifier";
    return failed;
  }

 private:
  static Contribution NotBuiltIn(std::string_view source, std::string why) {
    Contribution contribution;
    contribution.source = source;
    contribution.state = State::kNotBuiltIn;
    contribution.detail = std::move(why);
    return contribution;
  }

  std::span<const Contribution> contributions_;
};

void RefuseUnavailable(HostPlan& plan, Level level,
                       const Contribution& answer) {
  std::string detail = "the level " + std::string(ToString(level)) +
                       " needs the verifier " + std::string(answer.source) +
                       ", which ";
  if (answer.state == State::kLeftOut) {
    detail += "the configuration leaves out";
  } else {
    detail += answer.detail.empty() ? "is not built in" : answer.detail;
  }
  RefuseUndecided(plan, Reason::kVerifierNotBuiltIn, std::move(detail));
}

void RefuseFailed(HostPlan& plan, const Contribution& answer) {
  RefuseUndecided(plan, answer.reason,
                  std::string(answer.source) + ": " + answer.detail);
}

void TakeServername(HostPlan& plan, const PolicyLine& line,
                    const Contribution& answer) {
  if (answer.servername && !line.servername) {
    plan.servername = answer.servername;
  }
}

// Nothing holds unless the source applies. `missing` is the reason where it has
// nothing to say; `proven` says that this is an answer and not a gap on our
// side.
void RequireSource(HostPlan& plan, const PolicyLine& line, Level level,
                   const Contribution& answer, Reason missing, bool proven) {
  plan.tls = TlsUse::kRequired;
  switch (answer.state) {
    case State::kApplies:
      plan.verifiers.push_back(answer.verifier);
      TakeServername(plan, line, answer);
      if (answer.refused) Refuse(plan, *answer.refused);
      return;
    case State::kTesting:
      plan.recorded.push_back(answer.verifier);
      [[fallthrough]];
    case State::kAbsent:
    case State::kUnusable: {
      const std::string detail = answer.state == State::kTesting
                                     ? "the policy is only in testing mode"
                                     : answer.detail;
      const Reason reason =
          answer.reason == Reason::kOk ? missing : answer.reason;
      if (proven) return Refuse(plan, Finding::Violated(reason, detail));
      return RefuseUndecided(plan, reason, detail);
    }
    case State::kHostFailed:
      return RefuseFailed(plan, answer);
    case State::kLeftOut:
    case State::kNotBuiltIn:
      break;
  }
  RefuseUnavailable(plan, level, answer);
}

// Notes and questions that come from comparing names.
void NoteNames(HostPlan& plan, const PolicyLine& line) {
  const std::vector<MatchItem> match = MatchRule(line);
  const auto has = [&match](MatchToken token) {
    return std::find(match.begin(), match.end(), MatchItem(token)) !=
           match.end();
  };
  const bool routed =
      std::any_of(line.route.begin(), line.route.end(),
                  [](const NextHop& hop) { return hop.domain() != nullptr; });
  const bool compares_host = has(MatchToken::kHostname) ||
                             (LocalLevel(line) == Level::kHosted && !routed);
  const auto* host = std::get_if<Domain>(&plan.facts.host);
  if (compares_host && host != nullptr && plan.facts.mx != Security::kSecure) {
    plan.notes.push_back("weak: the certificate is compared with " +
                         host->str() +
                         ", a name from DNS without DNSSEC; mx= in the line "
                         "would fix it");
  }
  plan.needs_ptr = has(MatchToken::kPtr);
  if (plan.needs_ptr) {
    plan.notes.push_back(
        "weak: the common name may match the PTR name of the "
        "server's address, a name from DNS");
  }
}

// none … hosted, and the floor of auto.
void RequireLocal(HostPlan& plan, const PolicyLine& line, Level level,
                  const Answers& answers) {
  switch (level) {
    case Level::kNone:
      plan.tls = TlsUse::kNever;
      return;
    case Level::kMay:
      plan.tls = TlsUse::kOpportunistic;
      return;
    case Level::kEncrypt:
      plan.tls = TlsUse::kRequired;
      return;
    case Level::kFingerprint:
      NoteNames(plan, line);
      // Without pins nobody's answer is proven wrong: the gap is ours.
      return RequireSource(plan, line, level, answers.Of(kPin),
                           Reason::kPinMissing,
                           /*proven=*/false);
    case Level::kVerify:
    case Level::kSecure:
    case Level::kHosted:
      NoteNames(plan, line);
      return RequireSource(plan, line, level, answers.Of(kWebpki),
                           Reason::kTrustStoreUnavailable, /*proven=*/false);
    default:
      RefuseUndecided(plan, Reason::kPolicyInvalid,
                      std::string(ToString(level)) + " can't be a floor");
  }
}

// RFC 7672 section 2.2: usable records must match, unusable ones still ask for
// TLS, none ask for nothing.
void RequireDane(HostPlan& plan, const PolicyLine& line,
                 const Answers& answers) {
  const Contribution answer = answers.Of(kDane);
  switch (answer.state) {
    case State::kApplies:
      plan.tls = TlsUse::kRequired;
      plan.published = true;
      plan.verifiers.push_back(answer.verifier);
      TakeServername(plan, line, answer);
      return;
    case State::kUnusable:
      plan.tls = TlsUse::kRequired;
      plan.published = true;
      plan.notes.push_back(
          "dane: TLSA records are there and none is usable: "
          "TLS without authentication");
      return;
    case State::kAbsent:
      plan.tls = TlsUse::kOpportunistic;
      return;
    case State::kHostFailed:
      return RefuseFailed(plan, answer);
    case State::kTesting:
      return RefuseUndecided(plan, Reason::kInternal,
                             "dane has no testing mode");
    case State::kLeftOut:
    case State::kNotBuiltIn:
      break;
  }
  RefuseUnavailable(plan, Level::kDane, answer);
}

bool IsAvailable(const Contribution& answer, bool may_be_left_out) {
  if (answer.state == State::kLeftOut) return may_be_left_out;
  return answer.state != State::kNotBuiltIn;
}

// MTA-STS where DANE has not decided; else the floor.
void RequireStsOrFloor(HostPlan& plan, const PolicyLine& line, Level floor,
                       const Contribution& sts, const Answers& answers) {
  switch (sts.state) {
    case State::kApplies:
      plan.tls = TlsUse::kRequired;
      plan.published = true;
      plan.verifiers.push_back(sts.verifier);
      if (sts.refused) Refuse(plan, *sts.refused);
      return;
    case State::kHostFailed:
      return RefuseFailed(plan, sts);
    case State::kTesting:
      plan.recorded.push_back(sts.verifier);
      plan.notes.emplace_back("mta-sts: only in testing mode");
      break;
    case State::kUnusable:
      // RFC 8461 section 3.3: a policy that was never discovered is none.
      plan.notes.push_back("mta-sts: published and not usable: " + sts.detail);
      break;
    case State::kAbsent:
    case State::kLeftOut:
    case State::kNotBuiltIn:
      break;
  }
  RequireLocal(plan, line, floor, answers);
}

// auto, and the published half of also=auto. A host that DANE failed stays
// failed: MTA-STS never rescues it (RFC 8461 section 2).
void RequireAuto(HostPlan& plan, const PolicyLine& line, Level floor,
                 bool may_be_left_out, const Answers& answers) {
  const Contribution dane = answers.Of(kDane);
  const Contribution sts = answers.Of(kMtaSts);
  for (const Contribution* answer : {&dane, &sts}) {
    if (!IsAvailable(*answer, may_be_left_out)) {
      return RefuseUnavailable(plan, Level::kAuto, *answer);
    }
  }
  switch (dane.state) {
    case State::kAbsent:
    case State::kLeftOut:
      return RequireStsOrFloor(plan, line, floor, sts, answers);
    case State::kUnusable:
      // DANE asks for TLS and can't authenticate; what else there is may.
      RequireStsOrFloor(plan, line, floor, sts, answers);
      return RequireDane(plan, line, answers);
    default:
      break;
  }
  RequireDane(plan, line, answers);
  if (sts.state == State::kApplies || sts.state == State::kTesting) {
    plan.recorded.push_back(sts.verifier);
  }
}

void Require(HostPlan& plan, const PolicyLine& line, const Answers& answers) {
  switch (line.level) {
    case Level::kDane:
      return RequireDane(plan, line, answers);
    case Level::kDaneOnly:
      plan.published = true;
      return RequireSource(plan, line, line.level, answers.Of(kDane),
                           Reason::kDaneRequired, /*proven=*/true);
    case Level::kSts:
      plan.published = true;
      return RequireSource(plan, line, line.level, answers.Of(kMtaSts),
                           Reason::kStsPolicyMissing, /*proven=*/true);
    case Level::kAuto:
      return RequireAuto(plan, line, LocalLevel(line), /*may_be_left_out=*/true,
                         answers);
    default:
      return RequireLocal(plan, line, line.level, answers);
  }
}

// What rules the host out before any source is asked.
void CheckHost(HostPlan& plan, const PolicyLine& line) {
  const HostFacts& facts = plan.facts;
  if (facts.failure) Refuse(plan, Finding::Undecided(*facts.failure));
  if (!AllowsMxHost(line, facts.host)) {
    Refuse(plan, Finding::Violated(Reason::kMxNotAllowed,
                                   ToString(facts.host) + " is not in mx="));
  }
  if (facts.mx == Security::kBogus || facts.address == Security::kBogus) {
    RefuseUndecided(plan, Reason::kDnssecInvalid,
                    "the records that lead to " + ToString(facts.host) +
                        " fail validation");
  }
}

// servername=, else the host's name; never an address (RFC 6066 section 3).
std::optional<Domain> ServerName(const PolicyLine& line, const HostName& host) {
  if (line.servername) return line.servername;
  const auto* name = std::get_if<Domain>(&host);
  return name == nullptr ? std::nullopt : std::optional(*name);
}

HostPlan StartPlan(const PolicyLine& line, const HostFacts& host) {
  return {.facts = UnderLine(line, host),
          .refused = std::nullopt,
          .tls = TlsUse::kRequired,
          .wrapper = line.wrapper,
          .verifiers = {},
          .recorded = {},
          .published = false,
          .policies = {},
          .servername = ServerName(line, host.host),
          .protocols = line.protocols,
          .ciphers = line.ciphers,
          .exclude = line.exclude,
          .needs_ptr = false,
          .notes = {},
          .weaker = {},
          .ttl = std::chrono::seconds{86'400}};
}

}  // namespace

HostPlan Combine(const PolicyLine& line, const HostFacts& host,
                 std::span<const Contribution> contributions) {
  const Answers answers(contributions);
  HostPlan plan = StartPlan(line, host);
  for (const Contribution& contribution : contributions) {
    if (contribution.published) {
      plan.policies.push_back(*contribution.published);
    }
    plan.ttl = std::min(plan.ttl, contribution.ttl);
  }
  CheckHost(plan, line);
  HostPlan published = plan;
  Require(plan, line, answers);
  if (line.also_auto) {
    RequireAuto(published, line, Level::kMay, /*may_be_left_out=*/false,
                answers);
    plan = Both(std::move(plan), published);
  }
  // Implicit TLS has no cleartext to fall back to, and what was refused is not
  // tried in clear either.
  if (plan.wrapper || plan.refused) plan.tls = TlsUse::kRequired;
  return plan;
}

}  // namespace postern
