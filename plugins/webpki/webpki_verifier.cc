#include "plugins/webpki/webpki_verifier.h"

#include "core/x509/path_validator.h"

namespace postern {
namespace {

std::string_view ToText(CommonNameUse use) {
  switch (use) {
    case CommonNameUse::kNever:
      return "never";
    case CommonNameUse::kNoDnsName:
      return "no-san";
    case CommonNameUse::kAlways:
      return "always";
  }
  return "never";
}

}  // namespace

std::string WebpkiVerifier::Describe() const {
  std::string text = "a path to " + requirement_.trust_name + " (" +
                     requirement_.trust->fingerprint() + "), named " +
                     ToString(requirement_.names);
  if (requirement_.ptr) text += " or the PTR name, as CN";
  text += ", cn=";
  text += ToText(requirement_.names.common_name);
  if (requirement_.crls != nullptr) {
    text += ", not revoked (" + requirement_.crls->fingerprint() + ")";
  }
  return text;
}

Finding WebpkiVerifier::Check(const TlsEvidence& evidence,
                              TimePoint now) const {
  const auto& chain = evidence.certificates().Certificates();
  if (!chain) return ToFinding(chain.error());
  AcceptedNames names = requirement_.names;
  if (requirement_.ptr) names.confirmed_ptr = evidence.confirmed_ptr;

  PathRequest request;
  request.chain = *chain;
  request.trust = requirement_.trust.get();
  request.crls = requirement_.crls.get();
  request.names = &names;
  request.at = now;
  request.known = evidence.certificates().signature_facts();
  return ToFinding(ValidatePath(request));
}

}  // namespace postern
