// pin-admin/verify_chain.cc
//
// Verify(): the question of verify_request.h, answered by the same code that
// judges live connections.
#include <memory>
#include <utility>

#include "core/x509/crl_set.h"
#include "core/x509/path_validator.h"
#include "core/x509/trust_store.h"
#include "pin-admin/verify_request.h"
#include "plugins/pin/pin_verifier.h"

namespace postern {
namespace {

using Outcome = VerifyAnswer::Outcome;

VerifyAnswer AnswerOf(const PathResult& result) {
  VerifyAnswer answer;
  const Finding finding = ToFinding(result);
  answer.reason = finding.reason();
  answer.sentence = finding.detail();
  if (result.accepted()) {
    answer.outcome = Outcome::kAccept;
    answer.depth = static_cast<int>(result.path.size()) - 1;
    return answer;
  }
  answer.depth = result.fault->depth;
  answer.outcome = Outcome::kReject;
  return answer;
}

VerifyAnswer AnswerOf(const Finding& finding) {
  VerifyAnswer answer;
  answer.outcome = finding.satisfied() ? Outcome::kAccept : Outcome::kReject;
  answer.reason = finding.reason();
  answer.sentence = finding.detail();
  return answer;
}

VerifyAnswer VerifyPath(const VerifyRequest& request, const CrlSet* crls,
                        const std::vector<Certificate>& chain) {
  const Result<std::shared_ptr<const TrustStore>> trust =
      TrustStore::FromPem(request.trust);
  if (!trust) return ErrorAnswer(trust.error());
  PathRequest path;
  path.chain = chain;
  path.trust = trust->get();
  path.crls = crls;
  path.names = request.names ? &*request.names : nullptr;
  path.at = request.at;
  path.max_depth = request.max_depth;
  return AnswerOf(ValidatePath(path));
}

VerifyAnswer VerifyPins(const VerifyRequest& request,
                        const std::shared_ptr<const CrlSet>& crls,
                        const std::vector<Certificate>& chain) {
  std::vector<DerCertificate> sent;
  for (const Certificate& certificate : chain)
    sent.push_back(certificate.der());
  CaPinRequirement ca;
  if (request.names) ca.names = *request.names;
  ca.crls = crls;
  const PinVerifier verifier(request.pins, std::move(ca));
  return AnswerOf(verifier.Check(TlsEvidence(std::move(sent)), request.at));
}

// What has to be shown.
struct Needs {
  bool path = true;
  bool pin = false;
};

Result<Needs> NeedsOf(const VerifyRequest& request) {
  const bool pins = !request.pins.empty();
  // Whoever names authorities and pins wants both.
  if (!request.level) return Needs{!pins || !request.trust.empty(), pins};
  switch (*request.level) {
    case Level::kNone:
    case Level::kMay:
    case Level::kEncrypt:
      return Needs{false, pins};
    case Level::kFingerprint:
      return Needs{false, true};
    case Level::kVerify:
    case Level::kSecure:
    case Level::kHosted:
      return Needs{true, pins};
    case Level::kDane:
    case Level::kDaneOnly:
    case Level::kSts:
    case Level::kAuto:
      break;
  }
  return Error(Reason::kVerifierNotBuiltIn,
               "level " + std::string(ToString(*request.level)) +
                   " needs published policies, which are not built in");
}

}  // namespace

VerifyAnswer ErrorAnswer(const Error& error) {
  VerifyAnswer answer;
  answer.reason =
      error.reason() == Reason::kOk ? Reason::kInternal : error.reason();
  answer.sentence = error.detail();
  return answer;
}

VerifyAnswer Verify(const VerifyRequest& request) {
  const Result<Needs> needs = NeedsOf(request);
  if (!needs) return ErrorAnswer(needs.error());
  const Result<std::vector<Certificate>> chain =
      ReadPemCertificates(request.chain);
  if (!chain) return ErrorAnswer(chain.error());
  std::shared_ptr<const CrlSet> crls;
  if (request.crls) {
    const Result<std::shared_ptr<const CrlSet>> set =
        CrlSet::FromPem(*request.crls);
    if (!set) return ErrorAnswer(set.error());
    crls = *set;
  }

  VerifyAnswer answer;
  answer.outcome = Outcome::kAccept;
  answer.reason = Reason::kOk;
  answer.sentence = "nothing is asked of the certificate";
  if (needs->path) answer = VerifyPath(request, crls.get(), *chain);
  if (!needs->pin || answer.outcome != Outcome::kAccept) return answer;
  const VerifyAnswer pin = VerifyPins(request, crls, *chain);
  if (!needs->path || pin.outcome != Outcome::kAccept) return pin;
  answer.sentence += "; " + pin.sentence;
  return answer;
}

Json ToJson(const VerifyAnswer& answer) {
  constexpr std::string_view kWords[] = {"accept", "reject", "error"};
  return Json::MakeObject()
      .Set("result", kWords[static_cast<std::size_t>(answer.outcome)])
      .Set("code", Describe(answer.reason).token)
      .Set("depth", answer.depth)
      .Set("reason", answer.sentence);
}

}  // namespace postern
