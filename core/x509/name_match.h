// core/x509/name_match.h
//
// MatchNames(): does a certificate name one of the names we accept? Compares
// and nothing else; whether the certificate can be believed is a question of
// its own (path_validator.h).
//
// Source: RFC 9525 section 6.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/names/domain.h"
#include "core/names/ip_address.h"
#include "core/names/reference_identity.h"
#include "core/outcome/reason.h"
#include "core/x509/certificate.h"

namespace postern {

// When the subject's common names are compared too.
enum class CommonNameUse {
  kNever,
  kNoDnsName,  // only where the certificate has no dNSName at all
  kAlways,
};

// Any one suffices. All empty: nothing can match.
struct AcceptedNames {
  std::vector<ReferenceIdentity> references;
  std::vector<IpAddress> addresses;  // against iPAddress, octet by octet
  CommonNameUse common_name = CommonNameUse::kNever;
  // The peer's forward-confirmed PTR name: compared with the common name only,
  // whatever `common_name` says. Always weak.
  std::optional<Domain> confirmed_ptr;
};

struct NameMatch {
  bool matched = false;
  // Not matched: kCertificateHostMismatch, or kCertificateCommonNameOnly where
  // only a common name that does not count would have done.
  Reason reason = Reason::kCertificateHostMismatch;
  // "dNSName *.example.org for mx.example.org"; what the certificate names
  // instead. One line, free of control characters, bounded.
  std::string detail;
  bool weak = false;         // the name it matched came from unsigned DNS
  bool common_name = false;  // it matched a common name
};

// Whether any common name of `leaf` is compared at all.
bool ComparesCommonName(const Certificate& leaf, const AcceptedNames& names);

NameMatch MatchNames(const Certificate& leaf, const AcceptedNames& names);

// "mx.example.org, .example.org or [192.0.2.1]", for people.
std::string ToString(const AcceptedNames& names);

}  // namespace postern
