// core/names/reference_identity.h
//
// A reference identity: a name we are ready to accept, compared with the names
// that a certificate presents (RFC 9525 section 6; Postfix's ".d" besides).
#pragma once

#include <string>
#include <string_view>

#include "core/names/domain.h"
#include "core/outcome/result.h"

namespace postern {

class ReferenceIdentity {
 public:
  // "mx.example", or ".example": any name below example.
  static Result<ReferenceIdentity> Parse(std::string_view text);
  static ReferenceIdentity Exact(Domain domain);
  static ReferenceIdentity Below(Domain domain);

  const Domain& domain() const { return domain_; }
  bool below() const { return below_; }
  // Marks a name learnt from DNS without DNSSEC.
  bool weak() const { return weak_; }
  ReferenceIdentity AsWeak() const;
  // "mx.example" or ".example".
  std::string str() const;

  // Compares with one presented dNSName (or CN) as it stands in the
  // certificate: A-labels, case-insensitive, a wildcard only as one whole
  // left-most label over exactly one label, none directly under a bare TLD, no
  // partial wildcards. Below(d) matches x.d, a.b.d, *.d and *.sub.d, not d.
  // An unparsable presented name matches nothing: a NUL, an octet that is not
  // ASCII, an underscore (RFC 5280 section 4.2.1.6), an empty label included.
  bool Matches(std::string_view presented) const;

  bool operator==(const ReferenceIdentity&) const = default;

 private:
  ReferenceIdentity(Domain domain, bool below)
      : domain_(std::move(domain)), below_(below) {}
  Domain domain_;
  bool below_;
  bool weak_ = false;
};

}  // namespace postern
