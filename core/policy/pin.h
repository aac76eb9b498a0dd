// core/policy/pin.h
//
// A pin: a digest that a destination's certificate or key must have. Data only;
// the comparison lives in plugins/pin, the rows in core/store.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/clock/clock.h"
#include "core/x509/digest.h"

namespace postern {

enum class PinKind {
  kSpki,  // SubjectPublicKeyInfo of the leaf (RFC 7469 section 2.4)
  kCert,  // the whole leaf
  kAny,   // either, as Postfix compares; by import
  kCa,    // a certificate of the verified path, in place of the trust store
};

// The word for it in stores and on command lines: "spki", "cert", "any", "ca".
std::string_view ToString(PinKind kind);

enum class PinRole { kActive, kBackup };

struct Pin {
  std::string key;  // whose: a domain, ".parent" or a next hop, canonical
  PinKind kind = PinKind::kSpki;
  DigestAlgorithm algorithm = DigestAlgorithm::kSha256;
  std::string digest;  // octets, as long as the algorithm has them
  PinRole role = PinRole::kActive;
  std::optional<TimePoint> valid_from, valid_until;
  std::string label;
  std::string added_by;
  TimePoint added_at{};
  // A `ca` pin may keep the certificate itself (DER octets): then the server
  // need not send it.
  std::string certificate;

  bool operator==(const Pin&) const = default;
};

}  // namespace postern
