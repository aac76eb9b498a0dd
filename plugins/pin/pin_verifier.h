// plugins/pin/pin_verifier.h
//
// PinVerifier: does the server's certificate match a pin?
//
// A leaf pin (`spki`, `cert`, `any`) is compared with the leaf alone: a pinned
// certificate that is sent along proves nothing. Names, issuer and expiry of
// the leaf don't count then. A `ca` pin takes the place of the trust store: a
// path from the leaf has to be verified up to it, and the certificate has to
// carry one of the names expected.
//
// See RFC 7469 section 2.4 for what is hashed.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/policy/pin.h"
#include "core/verify/verifier.h"
#include "core/x509/certificate.h"
#include "core/x509/crl_set.h"
#include "core/x509/name_match.h"

namespace postern {

// What `ca` pins need besides; leaf pins look at none of it.
struct CaPinRequirement {
  AcceptedNames names;
  bool ptr = false;                    // match=ptr
  std::shared_ptr<const CrlSet> crls;  // null: revocation is not looked at
};

class PinVerifier final : public Verifier {
 public:
  explicit PinVerifier(std::vector<Pin> pins, CaPinRequirement ca = {})
      : pins_(std::move(pins)), ca_(std::move(ca)) {}

  std::string_view name() const override { return "pin"; }
  std::string Describe() const override;

  // Satisfied by the first active pin that matches today, else by a backup pin
  // (noteworthy). Violated: kPinExpired or kPinNotYetValid where only such a
  // pin matches, a `ca` path's own reason where it leads to a pin and fails
  // otherwise, else kPinMismatch; kPinMissing without any pin.
  Finding Check(const TlsEvidence& evidence, TimePoint now) const override;

 private:
  // Where a matching pin stands today.
  enum class Term { kValid, kExpired, kNotYet };
  static Term TermOf(const Pin& pin, TimePoint now);

  Finding CheckLeaf(const Certificate& leaf, TimePoint now) const;
  Finding CheckAuthorities(const TlsEvidence& evidence, TimePoint now) const;
  Finding CheckPathTo(const std::vector<const Pin*>& pins, Term term,
                      const std::vector<Certificate>& chain,
                      const TlsEvidence& evidence, TimePoint now) const;

  const std::vector<Pin> pins_;
  const CaPinRequirement ca_;
};

}  // namespace postern
