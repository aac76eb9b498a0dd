// core/x509/signature_facts.h
//
// SignatureFacts: which keys have signed which certificates of one chain, as
// far as that was computed before. Checking signatures is what a hostile chain
// makes dear, and the same chain is judged for each question about its host.
//
// A fact follows from the octets of a certificate and a key alone. No policy,
// time or trust store takes part, so it can't go stale, and it says nothing of
// whether anything may be believed. Only for core/x509.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "core/x509/certificate.h"

namespace postern {

// Thread-safe. Keeps the certificates that it knows something of.
class SignatureFacts {
 public:
  // A full one begins anew: judging for more trust stores than these hold costs
  // what it always did.
  static constexpr std::size_t kMost = 128;

  // Whether the key of that SubjectPublicKeyInfo (DER) signed `certificate`;
  // nothing: not known.
  std::optional<bool> Find(const Certificate& certificate,
                           const std::string& spki) const;
  void Keep(const Certificate& certificate, const std::string& spki, bool good);

 private:
  struct Fact {
    Certificate certificate;  // lives on, so that its address is its own
    bool good;
  };
  // The certificate's details, and the SHA-256 of the key: a stranger's may be
  // large.
  using Key = std::pair<const CertificateDetails*, std::string>;
  // Nothing: no SHA-256 is to be had.
  static std::optional<Key> KeyOf(const Certificate& certificate,
                                  const std::string& spki);

  mutable std::mutex mutex_;
  std::map<Key, Fact> facts_;  // guarded by mutex_
};

}  // namespace postern
