// Any octets as a policy file: printable faults, or a policy that stays itself
// when it is written anew in its plainest form.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "plugins/mta_sts/sts_policy.h"

namespace {

using namespace postern;

void Require(bool promise) {
  if (!promise) std::abort();
}

std::string Write(const StsPolicy& policy) {
  std::string text =
      "version: STSv1\nmode: " + std::string(ToString(policy.mode)) +
      "\nmax_age: " + std::to_string(policy.max_age.count()) + "\n";
  for (const MxPattern& pattern : policy.mx) {
    text += "mx: " + pattern.str() + "\n";
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Require(PolicyLines(text).size() <= text.size());
  const ReadPolicy read = ReadStsPolicy(text);
  Require(read.policy.has_value() == read.faults.empty());
  for (const std::string& fault : read.faults) {
    for (const char c : fault) Require(c >= 0x20 && c <= 0x7e);
  }
  if (!read.policy) return 0;
  const StsPolicy& policy = *read.policy;
  Require(policy.mode == StsMode::kNone || !policy.mx.empty());
  Require(policy.max_age.count() >= 0 && policy.max_age <= kLongestMaxAge);
  const ReadPolicy again = ReadStsPolicy(Write(policy));
  Require(again.policy && *again.policy == policy);
  for (const MxPattern& pattern : policy.mx) {
    // A wildcard allows one label more, and not the name itself.
    if (!pattern.wildcard) {
      Require(policy.Allows(pattern.domain));
      continue;
    }
    const auto below = Domain::Parse("x." + pattern.domain.str());
    Require(!pattern.Matches(pattern.domain));
    if (below) Require(policy.Allows(*below));
  }
  return 0;
}
