// core/x509/public_key.h
//
// PublicKey: a SubjectPublicKeyInfo on its own, without a certificate around
// it. DNS can name an authority in that way (TLSA "2 1 0", RFC 7671 section
// 5.2.3). It has no name, no dates and no constraints.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/outcome/result.h"

struct evp_pkey_st;

namespace postern {

// Immutable; copies share the parsed form. Thread-safe.
class PublicKey {
 public:
  // Exactly one SubjectPublicKeyInfo in DER and nothing after it, of a kind
  // that OpenSSL knows; kCertificateMalformed otherwise.
  static Result<PublicKey> Parse(std::string_view der);

  const std::string& der() const { return state_->der; }
  // "EC P-256", for people.
  const std::string& description() const { return state_->description; }
  // Not one that signatures are checked with: of a kind that is not accepted,
  // or one that would make the check dear.
  bool unfit() const { return state_->unfit; }

  // Only for core/x509.
  evp_pkey_st* get() const { return state_->key.get(); }

 private:
  struct State {
    std::string der, description;
    bool unfit = false;
    std::shared_ptr<evp_pkey_st> key;
  };
  explicit PublicKey(std::shared_ptr<const State> state)
      : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace postern
