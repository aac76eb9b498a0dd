// core/outcome/published_policy.h
//
// PublishedPolicy: what a destination itself publishes about TLS (TLSA records,
// an MTA-STS policy), as it was found. For explain, for records and for TLS
// reports, whose "policy" object it is (RFC 8460 section 4.4); it decides
// nothing. Plain data; texts that came from the network are as they came.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/outcome/reason.h"

namespace postern {

struct PublishedPolicy {
  enum class Type { kTlsa, kSts };

  Type type = Type::kTlsa;
  // The policy domain, an A-label: of TLSA records the domain of the TLSA base
  // that was used, of MTA-STS the domain whose policy it is.
  std::string domain;
  // TLSA records in presentation form, or the lines of the MTA-STS policy: the
  // "policy-string".
  std::vector<std::string> text;
  // MTA-STS only.
  std::vector<std::string> mx_patterns;
  std::string mode;  // "enforce", "testing", "none"
  std::string id;
  // Where it could not be had or used: why. The reason has the RFC 8460 result
  // type beside it. kOk otherwise.
  Reason result = Reason::kOk;
  std::string detail;

  bool operator==(const PublishedPolicy&) const = default;
};

// "tlsa", "sts": the policy-type of RFC 8460 section 4.4.
std::string_view ToString(PublishedPolicy::Type type);

}  // namespace postern
