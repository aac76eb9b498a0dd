// plugins/mta_sts/mta_sts_verifier.h
//
// MtaStsVerifier: is the host one that the destination's policy names, and does
// its certificate prove that it is this host? The name is the one that was
// connected to, never another one that the policy would allow too, and never a
// common name.
//
// Source: RFC 8461 sections 4.1 and 4.2.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/names/next_hop.h"
#include "core/verify/verifier.h"
#include "core/x509/trust_store.h"

namespace postern {

struct MtaStsRequirement {
  std::string policy_domain;
  HostName host;  // the MX host
  bool allowed = false;
  std::vector<std::string> patterns;        // for people: the first ones do
  std::shared_ptr<const TrustStore> trust;  // never null
  std::string trust_name;                   // for people
};

class MtaStsVerifier final : public Verifier {
 public:
  explicit MtaStsVerifier(MtaStsRequirement requirement)
      : requirement_(std::move(requirement)) {}

  std::string_view name() const override { return "mta-sts"; }
  std::string Describe() const override;
  Finding Check(const TlsEvidence& evidence, TimePoint now) const override;

  // That the policy does not name the host; only where it does not.
  Finding NotAllowed() const;

 private:
  const MtaStsRequirement requirement_;
};

}  // namespace postern
