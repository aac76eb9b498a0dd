// core/x509/trust_store.h
//
// TrustStore: the certificates an administrator trusts to name others. Read
// from disk once and shared; a hashed directory (openssl rehash) is read as
// octets, and only those certificates are parsed that a chain asks for.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/outcome/result.h"
#include "core/x509/certificate.h"

namespace postern {

// Immutable to the eye: what is parsed on demand is kept under a lock. Asks
// nothing of the disk once made. Thread-safe.
class TrustStore {
 public:
  // All errors are kTrustStoreUnavailable: missing, unreadable, malformed, or
  // without a single certificate. None of them ever means "trusts nothing".
  static Result<std::shared_ptr<const TrustStore>> FromDirectory(
      const std::string& path);
  static Result<std::shared_ptr<const TrustStore>> FromFile(
      const std::string& path);
  // Whichever of the two `path` is.
  static Result<std::shared_ptr<const TrustStore>> Load(
      const std::string& path);
  static Result<std::shared_ptr<const TrustStore>> FromPem(
      std::string_view pem);
  static Result<std::shared_ptr<const TrustStore>> FromAnchors(
      std::vector<Certificate> anchors);

  TrustStore(const TrustStore&) = delete;
  TrustStore& operator=(const TrustStore&) = delete;
  ~TrustStore();

  // The anchors whose subject is the issuer of `certificate`, in a fixed order.
  std::vector<Certificate> FindIssuers(const Certificate& certificate) const;
  // This very certificate (the same octets) is an anchor.
  bool Contains(const Certificate& certificate) const;
  // Entries, for people. An entry of a directory that doesn't parse counts; it
  // is passed over when asked for.
  std::size_t size() const;
  // Hexadecimal; another for another content. For plans' digests.
  const std::string& fingerprint() const;

 private:
  struct Entries;
  explicit TrustStore(std::unique_ptr<Entries> entries);
  std::unique_ptr<Entries> entries_;
};

}  // namespace postern
