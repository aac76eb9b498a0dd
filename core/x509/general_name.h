// core/x509/general_name.h
//
// GeneralName and NameConstraints as plain data, and the one question asked of
// them: does a certificate's name lie where its authorities may name things?
// Only for core/x509.
//
// Source: RFC 5280 sections 4.2.1.6 and 4.2.1.10.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace postern {

struct GeneralName {
  enum class Kind { kDns, kIp, kEmail, kUri, kDirectory, kOther };
  Kind kind = Kind::kOther;
  // Octets as they stand; the DER of the Name for kDirectory. For kOther the
  // kind of name (its ASN.1 tag).
  std::string value;
};

struct NameConstraints {
  std::vector<GeneralName> permitted;
  std::vector<GeneralName> excluded;
};

// What is wrong with the constraints themselves; nothing if they are in order.
std::optional<std::string> FindDefect(const NameConstraints& constraints);

// The outcome of comparing names with constraints. `budget` is what may still
// be compared; a hostile pair of lists must not cost more than that.
enum class NameConstraintResult { kWithin, kViolated, kTooCostly };
struct NameConstraintAnswer {
  NameConstraintResult result = NameConstraintResult::kViolated;
  std::string detail;
};
NameConstraintAnswer CheckNames(const NameConstraints& constraints,
                                const std::vector<GeneralName>& names,
                                std::size_t& budget);

// A dNSName that RFC 5280 allows in a subjectAltName (RFC 1034's preferred
// syntax), a whole left-most "*" label included.
bool IsPresentableDnsName(const std::string& name);

}  // namespace postern
