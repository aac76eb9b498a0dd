// exim-dlfunc/exim_plan.h
//
// A plan as the text that stands in Exim's $address_data, from which all of the
// router's and the transport's options derive:
//
//   plan=9f… action=deliver level=secure strict=yes tls=required
//   transport=smtp hop=[relay.example]:25 hosts=<+mx1.example:25+…
//
// Exim hands it back with every question, so the service can tell which plan a
// connection was made under, and can make it again if it has forgotten it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/gate/plan.h"
#include "core/outcome/result.h"

namespace postern {

// `hosts`: those of the plan that Exim is to try, in order. `anyway`: a dry
// run's second pass. Errors: kPolicyInvalid for what Exim can't be told.
struct EximPlanWanted {
  std::span<const HostPlan* const> hosts;
  bool anyway = false;
  bool in_clear = false;  // cleartext may be tried (on-fail=deliver-clear)
};
Result<std::string> ToAddressData(const Plan& plan,
                                  const EximPlanWanted& wanted);

// The last "host" of every list, as HostText() has it.
inline constexpr std::string_view kNobodysHost = "[255.255.255.255]";

// The text that makes Exim bounce the address, with these words.
std::string ToBounce(std::string_view status, std::string_view text);

// What is read back of it.
struct AddressData {
  std::string digest;
  std::optional<NextHop> hop;  // nothing: its domain's MX hosts, port 25
  bool anyway = false;
};
// Error: kRequestInvalid. Text without a plan (Exim lost it) is one.
Result<AddressData> ParseAddressData(std::string_view text);

}  // namespace postern
