// core/x509/certificate.h
//
// Certificate: one certificate, parsed. It says what stands in it and judges
// nothing: whether it may be believed is path_validator.h's business, whether
// it is pinned is plugins/pin's. Text for people is sanitised and bounded;
// names to compare are octets as they stand (ReferenceIdentity refuses what is
// not a name).
//
// Source: RFC 5280 section 4.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/x509/der_certificate.h"
#include "core/x509/digest.h"

namespace postern {

struct CertificateDetails;  // certificate_details.h, for this room

// Immutable; copies share the parsed form. Thread-safe.
class Certificate {
 public:
  // Exactly one certificate in DER and nothing after it; kCertificateMalformed
  // otherwise. An extension that does not parse is not an error here: the
  // certificate can still be pinned, and no path goes through it.
  static Result<Certificate> Parse(const DerCertificate& der);

  const DerCertificate& der() const;

  // subjectAltName: dNSName octets as they stand, iPAddress octets (of any
  // length; only 4 and 16 are addresses).
  const std::vector<std::string>& dns_names() const;
  const std::vector<std::string>& ip_addresses() const;
  // All common names of the subject, as UTF-8.
  const std::vector<std::string>& common_names() const;

  // Both ends are within (RFC 5280 section 4.1.2.5).
  TimePoint not_before() const;
  TimePoint not_after() const;

  // For people: RFC 4514 form, "RSA 2048", "EC P-256", lower-case hexadecimal.
  const std::string& subject() const;
  const std::string& issuer() const;
  const std::string& key_description() const;
  const std::string& serial() const;
  int key_bits() const;
  // SubjectPublicKeyInfo, DER.
  const std::string& spki() const;

  // Subject and issuer are the same name (RFC 5280 section 3.2).
  bool self_issued() const;

  // Of the whole certificate, and of its SubjectPublicKeyInfo (RFC 7469
  // section 2.4: with the algorithm identifier, not the bare key bits).
  Result<std::string> Fingerprint(DigestAlgorithm algorithm) const;
  Result<std::string> SpkiDigest(DigestAlgorithm algorithm) const;

  // The same octets.
  bool operator==(const Certificate& other) const {
    return der() == other.der();
  }

  const CertificateDetails& details() const { return *details_; }

 private:
  explicit Certificate(std::shared_ptr<const CertificateDetails> details)
      : details_(std::move(details)) {}
  std::shared_ptr<const CertificateDetails> details_;
};

// Certificates of a chain that are looked at. Parsing one costs a fifth of a
// millisecond; a server that sends more means no good.
inline constexpr std::size_t kMaxChainCertificates = 64;

// Parses a chain as sent, leaf first. Error: kCertificateMissing for none,
// kCertificatePathTooCostly for too many, kCertificateMalformed with the place
// of the first that does not parse.
Result<std::vector<Certificate>> ParseChain(
    const std::vector<DerCertificate>& chain);
// The same where the first was parsed before.
Result<std::vector<Certificate>> ParseChain(
    const std::vector<DerCertificate>& chain, const Result<Certificate>& leaf);

// All CERTIFICATE blocks of PEM text, in order; other blocks and the text
// between are passed over. Error (kCertificateMalformed): a block that does not
// decode or parse, or no certificate at all.
Result<std::vector<Certificate>> ReadPemCertificates(std::string_view pem);

}  // namespace postern
