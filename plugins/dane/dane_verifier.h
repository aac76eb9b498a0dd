// plugins/dane/dane_verifier.h
//
// DaneVerifier: does what the server presented match a TLSA record?
//
// DANE-EE (usage 3): the leaf matches, and that is all: names, expiry, issuer
// and the strength of its key don't count, since the record says of this very
// key that it is the server's (RFC 7672 section 3.1.1). DANE-TA (usage 2): a
// path from the leaf has to be verified up to an authority that a record names,
// and the leaf has to carry one of the names expected (RFC 7672 sections 3.1.2
// and 3.2). The authority is a certificate of the handshake that matches, or
// stands itself in the record (RFC 7671 section 5.2.2 and 5.2.3). One record
// that matches suffices.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/names/reference_identity.h"
#include "core/verify/verifier.h"
#include "core/x509/name_match.h"
#include "core/x509/public_key.h"
#include "plugins/dane/tlsa.h"

namespace postern {

struct DaneRequirement {
  // Where the records lie, for people: "_25._tcp.mx.example.org".
  std::string owner;
  // As ChooseTlsa() chose them; at least one.
  std::vector<TlsaRecord> records;
  // What a certificate below an authority must name, any one of them; a common
  // name counts where there is no dNSName (RFC 7672 section 3.2.3).
  std::vector<ReferenceIdentity> names;
};

class DaneVerifier final : public Verifier {
 public:
  explicit DaneVerifier(DaneRequirement requirement);

  std::string_view name() const override { return "dane"; }
  std::string Describe() const override;

  // Violated: kTlsaInvalid where no record matches or no path leads to one;
  // where a path does and fails otherwise, its own reason.
  Finding Check(const TlsEvidence& evidence, TimePoint now) const override;

 private:
  // The record of `usage` that the certificate matches; null if none does.
  const TlsaRecord* MatchOf(const Certificate& certificate,
                            std::uint8_t usage) const;
  Finding CheckAuthorities(const TlsEvidence& evidence, TimePoint now) const;
  std::vector<Certificate> AuthoritiesIn(
      const std::vector<Certificate>& chain) const;
  Finding Mismatch(const Certificate& leaf, const std::string& why) const;

  const DaneRequirement requirement_;
  AcceptedNames names_;
  bool authorities_ = false;       // there are records of usage 2
  std::vector<Certificate> kept_;  // "2 0 0"
  std::vector<PublicKey> keys_;    // "2 1 0"
};

}  // namespace postern
