// core/x509/certificate_parse.h
//
// From octets to CertificateDetails. Only for core/x509.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/outcome/result.h"
#include "core/x509/certificate_details.h"

namespace postern {

Result<std::shared_ptr<const CertificateDetails>> ParseDetails(
    const DerCertificate& der);

// The extensions of `details->x509` into `details`; what breaks RFC 5280 goes
// into `defect`.
void ReadExtensions(CertificateDetails* details);

// What a public key is called, and whether it is strong enough; see the members
// of CertificateDetails. Null: a key that OpenSSL can't read.
struct KeyFacts {
  std::string description, weakness, defect;
  int bits = 0;
  bool unfit = false;
};
KeyFacts ReadKeyFacts(const EVP_PKEY* key);

// The key and the signature's algorithm: description, strength.
void ReadKeyAndSignature(CertificateDetails* details);

// `proper` is false for an encoding that RFC 5280 section 4.1.2.5 does not
// allow (fractions, offsets, GeneralizedTime before 2050). Years that TimePoint
// can't hold become its ends. Nothing where it is not a time at all.
struct Asn1Time {
  TimePoint time{};
  bool proper = true;
};
std::optional<Asn1Time> ReadTime(const ASN1_TIME* time);

// The names of a GENERAL_NAMES as plain data.
std::vector<GeneralName> ReadNames(const GENERAL_NAMES* names);

// One line for people: RFC 4514, escaped to ASCII, at most 256 octets.
std::string NameText(const X509_NAME* name);

inline std::string Octets(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

}  // namespace postern
