// pin-admin/verify_request.h
//
// One question to `verify`: would this chain have satisfied that requirement at
// that time? Everything is in the question: no store, no service, no network.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/policy/pin.h"
#include "core/policy/policy_line.h"
#include "core/x509/name_match.h"
#include "pin-admin/json.h"

namespace postern {

struct VerifyRequest {
  std::string chain, trust;         // PEM
  std::optional<std::string> crls;  // PEM
  // Nothing: names are not looked at.
  std::optional<AcceptedNames> names;
  TimePoint at{};
  std::optional<int> max_depth;
  // What the chain must satisfy: fingerprint asks for a pin, verify, secure and
  // hosted for a path, dane and dane-only for TLSA records; pins and records
  // that are given count in any case. Nothing: whatever of `trust`, `pins` and
  // `tlsa` there is, all of it.
  std::optional<Level> level;
  std::vector<Pin> pins;
  std::vector<std::string> tlsa;  // "3 1 1 5c15…", as DNS would have them
};

// From a line of `verify --batch`; unknown members are passed over, members
// that ask for what can't be done here are an Error.
Result<VerifyRequest> ParseVerifyRequest(const Json& json, TimePoint now);

// "mx.example:.partner.example", "mx.example" with cn=: what to accept.
// `hostname` stands for `name`, if there is one.
Result<AcceptedNames> ParseAcceptedNames(const std::string& match,
                                         const std::string& name,
                                         const std::string& cn);
// "sha256:3f…", "spki sha256:3f…", "cert …", "ca …", digests in any notation.
Result<Pin> ParsePinText(const std::string& text);

struct VerifyAnswer {
  enum class Outcome { kAccept, kReject, kError };
  Outcome outcome = Outcome::kError;
  Reason reason = Reason::kInternal;
  int depth = 0;
  std::string sentence;
};

// Never throws anything but std::bad_alloc; what can't be parsed or decided is
// kError, and never "accept".
VerifyAnswer Verify(const VerifyRequest& request);
VerifyAnswer ErrorAnswer(const Error& error);
// The part of it that the TLSA records ask for; kError where DANE is not built
// in.
VerifyAnswer VerifyTlsa(const VerifyRequest& request,
                        const std::vector<DerCertificate>& chain);

// {"result", "code", "depth", "reason"}
Json ToJson(const VerifyAnswer& answer);

}  // namespace postern
