#include "core/verify/judge.h"

#include <algorithm>
#include <array>
#include <optional>

#include "core/x509/path_validator.h"

namespace postern {
namespace {

// Reasons that come before those of certificates, gravest first: a published
// policy speaks for the destination itself, a pin for its owner's word.
constexpr std::array kBeforeCertificates{
    Reason::kDnssecInvalid,    Reason::kTlsaInvalid,
    Reason::kDaneRequired,     Reason::kStsPolicyInvalid,
    Reason::kStsWebpkiInvalid, Reason::kStsPolicyFetchError,
    Reason::kStsPolicyMissing, Reason::kPinMissing,
    Reason::kPinMismatch,      Reason::kPinExpired,
    Reason::kPinNotYetValid,   Reason::kCertificateMissing,
};

// Lower is graver.
int Rank(const Finding& finding) {
  if (finding.state() == Finding::State::kUndecided) return -1;
  const auto* at = std::find(kBeforeCertificates.begin(),
                             kBeforeCertificates.end(), finding.reason());
  const auto place = static_cast<int>(at - kBeforeCertificates.begin());
  if (at != kBeforeCertificates.end()) return place;
  return place + Gravity(finding.reason());
}

// Asks one verifier. One that is not there has decided nothing.
Finding Ask(const Verifier* verifier, const TlsEvidence& evidence,
            TimePoint now) {
  if (verifier == nullptr) {
    return Finding::Undecided(
        Error(Reason::kInternal, "a verifier is missing"));
  }
  return verifier->Check(evidence, now).From(std::string(verifier->name()));
}

// The finding that decides against the connection; null if none does.
const Finding* Gravest(const std::vector<Finding>& findings,
                       std::size_t deciding) {
  const Finding* gravest = nullptr;
  for (std::size_t i = 0; i < deciding; ++i) {
    const Finding& finding = findings[i];
    if (finding.satisfied()) continue;
    if (gravest == nullptr || Rank(finding) < Rank(*gravest))
      gravest = &finding;
  }
  return gravest;
}

// A defer, told as `finding` tells it.
Verdict DeferWith(const Finding& finding) {
  // kOk with a "no" is a verifier's mistake, and must not read as a "yes".
  const Reason reason =
      finding.reason() == Reason::kOk ? Reason::kInternal : finding.reason();
  Verdict verdict = DeferFor(Error(reason, finding.detail()));
  if (finding.reason() != Reason::kOk) verdict.hint = finding.hint();
  return verdict;
}

Verdict Pass(const std::vector<Finding>& findings, std::size_t deciding,
             bool encrypted) {
  Verdict verdict;
  verdict.decision = Decision::kPass;
  verdict.reason = Reason::kOk;
  verdict.status = Describe(Reason::kOk).status;
  verdict.sentence = Describe(Reason::kOk).sentence;
  if (deciding == 0) {
    verdict.sentence += encrypted ? " (any certificate)" : " (without TLS)";
  }
  for (std::size_t i = 0; i < deciding; ++i) {
    verdict.sentence += (i == 0 ? " (" : "; ") + findings[i].source() + ": " +
                        findings[i].detail() + (i + 1 == deciding ? ")" : "");
  }
  return verdict;
}

}  // namespace

Verdict Judge(const HostPlan& plan, const TlsEvidence& evidence,
              TimePoint now) {
  const bool encrypted = !evidence.protocol.empty();
  const bool required =
      plan.tls == TlsUse::kRequired || plan.wrapper || !plan.verifiers.empty();

  std::vector<Finding> findings;
  std::size_t deciding = 0;
  std::optional<Finding> why;
  if (plan.refused) {
    why = *plan.refused;
    findings.push_back(*plan.refused);
  } else if (required && !encrypted) {
    why = Finding::Violated(Reason::kStarttlsNotSupported,
                            "the connection is not encrypted");
    findings.push_back(*why);
  } else {
    for (const auto& verifier : plan.verifiers) {
      findings.push_back(Ask(verifier.get(), evidence, now));
    }
    deciding = findings.size();
    if (encrypted) {
      for (const auto& verifier : plan.recorded) {
        findings.push_back(Ask(verifier.get(), evidence, now));
      }
    }
    if (const Finding* gravest = Gravest(findings, deciding)) why = *gravest;
  }

  Verdict verdict = why ? DeferWith(*why) : Pass(findings, deciding, encrypted);
  for (const std::string& note : plan.notes) verdict.sentence += "; " + note;
  verdict.mx_host = ToString(plan.facts.host);
  verdict.address = evidence.peer_address;
  verdict.findings = std::move(findings);
  return verdict;
}

}  // namespace postern
