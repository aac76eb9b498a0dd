// Any octets as a policy line: refused with a printable reason, or one line
// that its canonical form gives back and that can be compared with others.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/policy/policy_line.h"
#include "core/policy/strength.h"

namespace {

using namespace postern;

void Require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Result<PolicyLine> line = ParsePolicyLine(text);
  if (!line) {
    Require(line.error().reason() == Reason::kPolicyInvalid);
    for (const char c : line.error().detail()) Require(c >= 0x20 && c <= 0x7e);
    return 0;
  }
  const std::string canonical = Format(*line);
  for (const char c : canonical) {
    Require(c == '\t' || static_cast<unsigned char>(c) >= 0x20);
  }
  const Result<PolicyLine> again = ParsePolicyLine(canonical);
  Require(again.ok() && *again == *line);
  Require(Format(*again) == canonical);
  Require(CheckPolicyLine(*line).ok());
  Require(!WouldWeaken(*line, *line).has_value());
  return 0;
}
