// plugins/mta_sts/sts_policy.h
//
// The policy file of MTA-STS: which hosts receive a domain's mail, and whether
// a sender has to insist. Pure; by the grammar, every fault named, because the
// one who publishes it is told all of them at once (`sts validate`).
//
// Source: RFC 8461 sections 3.2 and 4.1.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/names/domain.h"

namespace postern {

// "mx.example", or "*.example": exactly one label more.
struct MxPattern {
  Domain domain;
  bool wildcard = false;

  bool Matches(const Domain& host) const;
  std::string str() const { return (wildcard ? "*." : "") + domain.str(); }
  bool operator==(const MxPattern&) const = default;
};

enum class StsMode { kEnforce, kTesting, kNone };

// "enforce", "testing", "none".
std::string_view ToString(StsMode mode);

struct StsPolicy {
  StsMode mode = StsMode::kNone;
  std::vector<MxPattern> mx;  // may be empty for kNone only
  std::chrono::seconds max_age{0};

  // RFC 8461 section 4.1.
  bool Allows(const Domain& host) const;
  bool operator==(const StsPolicy&) const = default;
};

struct ReadPolicy {
  // Nothing if there is any fault.
  std::optional<StsPolicy> policy;
  // Each one printable line ("line 3: …").
  std::vector<std::string> faults;
};

// The largest max_age: a year (RFC 8461 section 3.2).
inline constexpr std::chrono::seconds kLongestMaxAge{31'557'600};

// `body` as it came. LF and CRLF, trailing blanks and unknown fields are
// accepted; of a field that may stand once the first counts. Empty lines at the
// end are passed over, which the grammar does not: to refuse such a policy
// would leave the mail with less protection, not with more.
ReadPolicy ReadStsPolicy(std::string_view body);

// The lines that are not empty, without their ends.
std::vector<std::string> PolicyLines(std::string_view body);

}  // namespace postern
