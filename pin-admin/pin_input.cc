#include "pin-admin/pin_input.h"

#include "core/policy/policy_line.h"
#include "pin-admin/policy_text.h"
#include "pin-admin/value_text.h"

namespace postern {
namespace {

Status TakeTimes(Pin& pin, const Context& context) {
  const TimePoint now = context.clock.Now();
  for (const auto& [option, field] :
       {std::pair{"valid-from", &pin.valid_from},
        std::pair{"valid-until", &pin.valid_until}}) {
    if (!context.args.Has(option)) continue;
    const Result<TimePoint> time = ParseMoment(context.args.Get(option), now);
    if (!time) {
      return Invalid("--" + std::string(option) + ": " + time.error().detail());
    }
    *field = *time;
  }
  if (pin.valid_until && *pin.valid_until <= now) {
    return Invalid("--valid-until is over already");
  }
  if (pin.valid_from && pin.valid_until &&
      *pin.valid_from >= *pin.valid_until) {
    return Invalid("--valid-from is not before --valid-until");
  }
  return {};
}

}  // namespace

Result<Pin> PinFromOptions(const Context& context) {
  Pin pin;
  const Result<PolicyKey> key = PolicyKey::Parse(context.args.Argument(0));
  if (!key) return Invalid(key.error().detail());
  if (key->kind() == PolicyKey::Kind::kDefault) {
    return Invalid("a pin belongs to a destination; '*' is all of them");
  }
  pin.key = key->str();
  const std::string kind = context.args.Get("kind");
  const std::optional<PinKind> known_kind = PinKindFrom(kind);
  if (!known_kind) {
    return Invalid("--kind: '" + kind + "' is none of spki, cert and ca");
  }
  pin.kind = *known_kind;
  const std::string role = context.args.Get("role");
  const std::optional<PinRole> known_role = PinRoleFrom(role);
  if (!known_role) {
    return Invalid("--role: '" + role + "' is neither active nor backup");
  }
  pin.role = *known_role;
  const std::string algorithm = context.args.Get("algorithm");
  const std::optional<DigestAlgorithm> known = DigestAlgorithmFrom(algorithm);
  if (!known) {
    return Invalid("--algorithm: '" + algorithm +
                   "' is neither sha256 nor sha512");
  }
  pin.algorithm = *known;
  pin.label = context.args.Get("label");
  if (pin.label.size() > 100 || Clean(pin.label) != pin.label ||
      pin.label.find_first_of("\"\n") != std::string::npos) {
    return Invalid(
        "--label: at most 100 octets, no quotes and no control "
        "characters");
  }
  const Status times = TakeTimes(pin, context);
  if (!times) return times.error();
  return pin;
}

Result<Pin> FindPin(const std::vector<Pin>& pins, const std::string& text) {
  // As we print it ("3f9a04d1c2…"), or as others do ("3F:9A:…").
  std::string_view given = text;
  if (given.ends_with("…")) given.remove_suffix(std::string_view("…").size());
  std::string digits;
  for (const char c : given) {
    if (c != ':')
      digits += static_cast<char>(c >= 'A' && c <= 'F' ? c + 32 : c);
  }
  std::vector<const Pin*> found;
  std::string there;
  for (const Pin& pin : pins) {
    there += "\n  " + Describe(pin);
    const bool by_digest =
        digits.size() >= 8 && ToHex(pin.digest).starts_with(digits);
    if (by_digest || (!pin.label.empty() && pin.label == text)) {
      found.push_back(&pin);
    }
  }
  if (found.size() == 1) return *found.front();
  // The question was good, the answer is no; which of several is no answer.
  if (pins.empty()) {
    return Error(Reason::kPolicyInvalid, "there are no pins for this key");
  }
  if (found.empty()) {
    return Error(Reason::kPolicyInvalid,
                 "no pin is called '" + text + "'; there are:" + there);
  }
  return Invalid("more than one pin is called '" + text +
                 "'; there are:" + there);
}

}  // namespace postern
