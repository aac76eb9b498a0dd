// core/x509/certificate_details.h
//
// All that path validation wants to know of a certificate, read once when it is
// parsed. Only for core/x509.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock/clock.h"
#include "core/x509/der_certificate.h"
#include "core/x509/general_name.h"
#include "core/x509/openssl_ptr.h"

namespace postern {

struct CertificateDetails {
  X509Ptr x509;
  DerCertificate der;

  std::vector<std::string> dns_names, ip_addresses, common_names;
  TimePoint not_before{}, not_after{};
  std::string subject, issuer, key_description, serial;
  int key_bits = 0;
  bool self_issued = false;
  std::string spki;  // DER

  // Breaks RFC 5280 in any place of a path; empty if nothing does. The first
  // that was found stays.
  std::string defect;
  // Breaks it below an anchor only: what trust anchors of old are forgiven.
  std::string defect_below_anchor;
  void AddDefect(std::string what) {
    if (defect.empty()) defect = std::move(what);
  }
  // Too weak to authenticate (RFC 9325 section 4.5): its key, and the signature
  // over it.
  std::string weakness, weak_signature;
  // Its key is one that signatures are not even checked with: of a kind that is
  // not accepted, or one that would make the check dear.
  bool key_unfit = false;

  int version = 1;
  bool has_basic_constraints = false;
  bool basic_constraints_critical = false;
  bool ca = false;
  std::optional<long> path_length;
  std::optional<std::uint32_t> key_usage;  // OpenSSL's KU_ bits
  bool has_extended_key_usage = false;
  bool for_server_auth = false;  // serverAuth or anyExtendedKeyUsage
  std::optional<std::string> subject_key_id, authority_key_id;
  bool has_alt_names = false;
  bool empty_subject = false;
  bool requires_explicit_policy = false;
  std::optional<NameConstraints> constraints;
  // What name constraints are applied to: subjectAltName, the subject, e-mail
  // addresses in the subject.
  std::vector<GeneralName> names;
};

}  // namespace postern
