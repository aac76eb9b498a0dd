// plugins/webpki/webpki_verifier.h
//
// WebpkiVerifier: is there a path from the server's certificate to an authority
// trusted here, and does the certificate carry one of the names expected? For
// the levels `verify`, `secure` and `hosted`.
//
// Sources: RFC 5280 section 6, RFC 9525 section 6, docs/x509.md.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/verify/verifier.h"
#include "core/x509/crl_set.h"
#include "core/x509/name_match.h"
#include "core/x509/trust_store.h"

namespace postern {

struct WebpkiRequirement {
  std::shared_ptr<const TrustStore> trust;  // never null
  std::string trust_name;                   // the path or anchor, for people
  std::shared_ptr<const CrlSet> crls;       // null: revocation is not looked at
  AcceptedNames names;
  // The evidence's confirmed PTR name may match a common name (match=ptr).
  bool ptr = false;
};

class WebpkiVerifier final : public Verifier {
 public:
  explicit WebpkiVerifier(WebpkiRequirement requirement)
      : requirement_(std::move(requirement)) {}

  std::string_view name() const override { return "webpki"; }
  std::string Describe() const override;
  Finding Check(const TlsEvidence& evidence, TimePoint now) const override;

 private:
  const WebpkiRequirement requirement_;
};

}  // namespace postern
