// core/x509/crl_set.h
//
// CrlSet: certificate revocation lists, read from PEM. A list counts only if
// the certificate's own issuer signed it, it is of today, and all of it is
// understood; otherwise nothing is known, and nothing known is not "good".
//
// Source: RFC 5280 sections 5 and 6.3. Delta and indirect lists are not used.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/x509/certificate.h"

namespace postern {

class SignatureChecker;  // signature_checker.h, for this room

// Immutable, thread-safe.
class CrlSet {
 public:
  // Errors are kCrlUnavailable: missing, unreadable, malformed, no list in it.
  static Result<std::shared_ptr<const CrlSet>> FromFile(
      const std::string& path);
  static Result<std::shared_ptr<const CrlSet>> FromPem(std::string_view pem);

  CrlSet(const CrlSet&) = delete;
  CrlSet& operator=(const CrlSet&) = delete;
  ~CrlSet();

  // Hexadecimal; another for another content. For plans' digests.
  const std::string& fingerprint() const { return fingerprint_; }

  enum class State { kGood, kRevoked, kUnknown };
  struct Answer {
    State state = State::kUnknown;
    std::string detail;
  };
  // What the lists say of `certificate`, which `issuer` has signed.
  Answer Look(const Certificate& certificate, const Certificate& issuer,
              TimePoint at, SignatureChecker& signatures) const;

 private:
  struct List;
  CrlSet();
  std::vector<std::unique_ptr<const List>> lists_;
  std::string fingerprint_;
};

}  // namespace postern
