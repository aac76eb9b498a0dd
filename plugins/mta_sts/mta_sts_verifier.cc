#include "plugins/mta_sts/mta_sts_verifier.h"

#include "core/x509/path_validator.h"

namespace postern {
namespace {

std::string Listed(const std::vector<std::string>& patterns) {
  constexpr std::size_t kMost = 10;
  std::string text;
  for (std::size_t i = 0; i < patterns.size() && i < kMost; ++i) {
    text += (i == 0 ? "" : ", ") + patterns[i];
  }
  if (patterns.size() > kMost) text += ", …";
  return text.empty() ? "none" : text;
}

}  // namespace

std::string MtaStsVerifier::Describe() const {
  const std::string host = ToString(requirement_.host);
  if (!requirement_.allowed) {
    return host + " is not among the hosts of the MTA-STS policy of " +
           requirement_.policy_domain;
  }
  return "MTA-STS policy of " + requirement_.policy_domain + ": a path to " +
         requirement_.trust_name + " (" + requirement_.trust->fingerprint() +
         "), named " + host + ", cn=never";
}

Finding MtaStsVerifier::NotAllowed() const {
  return Finding::Violated(
             Reason::kMxNotAllowed,
             ToString(requirement_.host) +
                 " is not among the hosts of the MTA-STS policy of " +
                 requirement_.policy_domain + ": " +
                 Listed(requirement_.patterns))
      .WithHint(
          "the destination's MX records and its MTA-STS policy differ: tell "
          "its postmaster; 'pin-admin sts refresh " +
          requirement_.policy_domain + "' looks for a newer policy now");
}

Finding MtaStsVerifier::Check(const TlsEvidence& evidence,
                              TimePoint now) const {
  const auto* host = std::get_if<Domain>(&requirement_.host);
  if (!requirement_.allowed || host == nullptr) return NotAllowed();
  const auto& chain = evidence.certificates().Certificates();
  if (!chain) return ToFinding(chain.error());
  AcceptedNames names;
  names.references.push_back(ReferenceIdentity::Exact(*host));
  PathRequest request;
  request.chain = *chain;
  request.trust = requirement_.trust.get();
  request.names = &names;
  request.at = now;
  request.known = evidence.certificates().signature_facts();
  return ToFinding(ValidatePath(request));
}

}  // namespace postern
