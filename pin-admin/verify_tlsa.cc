// pin-admin/verify_tlsa.cc
//
// The part of Verify() that TLSA records ask for: judged by the verifier of
// live mail.
#include "pin-admin/verify_request.h"

#ifdef POSTERN_WITH_DANE
#include "plugins/dane/dane_verifier.h"
#endif

namespace postern {

#ifdef POSTERN_WITH_DANE

namespace {

using Outcome = VerifyAnswer::Outcome;

VerifyAnswer Unusable(const VerifyRequest& request, const TlsaChoice& choice) {
  VerifyAnswer answer;
  const bool opportunistic = request.level == Level::kDane;
  answer.outcome = opportunistic ? Outcome::kAccept : Outcome::kReject;
  answer.reason = opportunistic ? Reason::kOk : Reason::kDaneRequired;
  answer.sentence = "no TLSA record can be used: " + choice.unusable.front();
  return answer;
}

}  // namespace

VerifyAnswer VerifyTlsa(const VerifyRequest& request,
                        const std::vector<DerCertificate>& chain) {
  std::vector<TlsaRecord> records;
  for (const std::string& text : request.tlsa) {
    const Result<TlsaRecord> record = ParseTlsa(text);
    if (!record) return ErrorAnswer(record.error());
    records.push_back(*record);
  }
  if (records.empty()) {
    return ErrorAnswer(Error(Reason::kRequestInvalid,
                             "which TLSA records? The level needs them"));
  }
  TlsaChoice choice =
      ChooseTlsa(records, {DigestAlgorithm::kSha512, DigestAlgorithm::kSha256});
  if (choice.records.empty()) return Unusable(request, choice);

  DaneRequirement requirement;
  requirement.owner = "the question";
  requirement.records = std::move(choice.records);
  if (request.names) requirement.names = request.names->references;
  const Finding finding = DaneVerifier(std::move(requirement))
                              .Check(TlsEvidence(chain), request.at);
  VerifyAnswer answer;
  answer.outcome = finding.satisfied() ? Outcome::kAccept : Outcome::kReject;
  answer.reason = finding.reason();
  answer.sentence = finding.detail();
  return answer;
}

#else

VerifyAnswer VerifyTlsa(const VerifyRequest& /*request*/,
                        const std::vector<DerCertificate>& /*chain*/) {
  return ErrorAnswer(
      Error(Reason::kVerifierNotBuiltIn, "TLSA: DANE is not built in"));
}

#endif

}  // namespace postern
