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

// Which of the texts it is that can't be read.
VerifyAnswer Unreadable(const char* member, const Error& error) {
  return ErrorAnswer(
      Error(error.reason(), std::string(member) + ": " + error.detail()));
}

VerifyAnswer VerifyPath(const VerifyRequest& request, const CrlSet* crls,
                        const std::vector<Certificate>& chain) {
  const Result<std::shared_ptr<const TrustStore>> trust =
      TrustStore::FromPem(request.trust);
  if (!trust) return Unreadable("trust", trust.error());
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
                        const std::vector<DerCertificate>& chain) {
  CaPinRequirement ca;
  if (request.names) ca.names = *request.names;
  ca.crls = crls;
  const PinVerifier verifier(request.pins, std::move(ca));
  return AnswerOf(verifier.Check(TlsEvidence(chain), request.at));
}

// What has to be shown.
struct Asked {
  bool path = true;
  bool pin = false;
  bool tlsa = false;
};

Result<Asked> AskedBy(const VerifyRequest& request) {
  const bool pins = !request.pins.empty();
  const bool tlsa = !request.tlsa.empty();
  // Whoever names several wants all of them.
  if (!request.level) {
    return Asked{!(pins || tlsa) || !request.trust.empty(), pins, tlsa};
  }
  switch (*request.level) {
    case Level::kNone:
    case Level::kMay:
    case Level::kEncrypt:
      return Asked{false, pins, tlsa};
    case Level::kFingerprint:
      return Asked{false, true, tlsa};
    case Level::kVerify:
    case Level::kSecure:
    case Level::kHosted:
      return Asked{true, pins, tlsa};
    case Level::kDane:
    case Level::kDaneOnly:
      return Asked{false, pins, true};
    case Level::kSts:
    case Level::kAuto:
      break;
  }
  return Error(Reason::kVerifierNotBuiltIn,
               "level " + std::string(ToString(*request.level)) +
                   " needs published policies, which can't be had "
                   "offline");
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
  const Result<Asked> needs = AskedBy(request);
  if (!needs) return ErrorAnswer(needs.error());
  const Result<std::vector<Certificate>> chain =
      ReadPemCertificates(request.chain);
  if (!chain) return Unreadable("chain", chain.error());
  std::shared_ptr<const CrlSet> crls;
  if (request.crls) {
    const Result<std::shared_ptr<const CrlSet>> set =
        CrlSet::FromPem(*request.crls);
    if (!set) return Unreadable("crls", set.error());
    crls = *set;
  }

  std::vector<DerCertificate> sent;
  for (const Certificate& certificate : *chain) {
    sent.push_back(certificate.der());
  }
  VerifyAnswer answer;
  answer.outcome = Outcome::kAccept;
  answer.reason = Reason::kOk;
  answer.sentence = "nothing is asked of the certificate";
  bool asked = false;
  // The first "no" is the answer; several "yes" are told one after the other.
  const auto take = [&](VerifyAnswer next) {
    if (asked && next.outcome == Outcome::kAccept) {
      answer.sentence += "; " + next.sentence;
    } else {
      answer = std::move(next);
    }
    asked = true;
    return answer.outcome == Outcome::kAccept;
  };
  if (needs->path && !take(VerifyPath(request, crls.get(), *chain))) {
    return answer;
  }
  if (needs->pin && !take(VerifyPins(request, crls, sent))) return answer;
  if (needs->tlsa) take(VerifyTlsa(request, sent));
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
