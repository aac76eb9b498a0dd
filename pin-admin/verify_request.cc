#include "pin-admin/verify_request.h"

#include "core/names/ip_address.h"
#include "core/names/reference_identity.h"
#include "pin-admin/value_text.h"

namespace postern {
namespace {

// A member that must be a string or null.
Result<std::optional<std::string>> Text(const Json& json,
                                        std::string_view member) {
  const Json& value = json[member];
  if (value.is_null()) return std::optional<std::string>();
  const std::string* text = value.string();
  if (text == nullptr) return Invalid(std::string(member) + " is no string");
  return std::optional(*text);
}

Status TakeNames(VerifyRequest& request, const Json& json) {
  const auto kind = Text(json, "name_kind");
  const auto name = Text(json, "name");
  const auto match = Text(json, "match");
  const auto cn = Text(json, "cn");
  for (const auto* field : {&kind, &name, &match, &cn}) {
    if (!*field) return field->error();
  }
  if (kind->has_value() && **kind == "IP") {
    if (match->has_value())
      return Invalid("match has no meaning for an address");
    const Result<IpAddress> address = IpAddress::Parse(name->value_or(""));
    if (!address) return Invalid("name: " + address.error().detail());
    request.names.emplace().addresses.push_back(*address);
    return {};
  }
  if (kind->has_value() && **kind != "DNS") {
    return Invalid("name_kind is neither DNS nor IP");
  }
  if (!name->has_value() && !match->has_value()) {
    if (kind->has_value()) return Invalid("name_kind without a name");
    return {};
  }
  const Result<AcceptedNames> names = ParseAcceptedNames(
      match->value_or(""), name->value_or(""), cn->value_or("never"));
  if (!names) return names.error();
  request.names = *names;
  return {};
}

Status TakePins(VerifyRequest& request, const Json& json) {
  const Json& pins = json["pins"];
  if (pins.is_null()) return {};
  const Json::Array* list = pins.array();
  if (list == nullptr) return Invalid("pins is no array");
  for (const Json& item : *list) {
    const std::string* text = item.string();
    if (text == nullptr) return Invalid("pins: an item is no string");
    Result<Pin> pin = ParsePinText(*text);
    if (!pin) return pin.error();
    request.pins.push_back(std::move(*pin));
  }
  return {};
}

Status TakeMoment(VerifyRequest& request, const Json& json, TimePoint now) {
  const auto at = Text(json, "at");
  if (!at) return at.error();
  request.at = now;
  if (!at->has_value()) return {};
  const std::optional<TimePoint> time = ParseTime(**at);
  if (!time) return Invalid("at is no RFC 3339 time");
  request.at = *time;
  return {};
}

// One record, or an array of them.
Status TakeTlsa(VerifyRequest& request, const Json& json) {
  const Json& tlsa = json["tlsa"];
  if (tlsa.is_null()) return {};
  if (const std::string* one = tlsa.string()) {
    request.tlsa.push_back(*one);
    return {};
  }
  const Json::Array* list = tlsa.array();
  if (list == nullptr) return Invalid("tlsa is neither string nor array");
  for (const Json& item : *list) {
    const std::string* text = item.string();
    if (text == nullptr) return Invalid("tlsa: an item is no string");
    request.tlsa.push_back(*text);
  }
  return {};
}

// What would be "accept" if it were passed over has to be answered.
Status RefuseOtherUsages(const Json& json) {
  const auto eku = Text(json, "eku");
  if (!eku) return eku.error();
  if (eku->value_or("serverAuth") != "serverAuth") {
    return Invalid("eku: only serverAuth is known here");
  }
  return {};
}

}  // namespace

Result<AcceptedNames> ParseAcceptedNames(const std::string& match,
                                         const std::string& name,
                                         const std::string& cn) {
  // The policy line's own parser reads what a policy line may say.
  std::string text = "name.example verify cn=" + cn;
  if (!match.empty()) text += " match=" + match;
  const Result<PolicyLine> line = ParsePolicyLine(text);
  if (!line) return Invalid(line.error().detail());

  AcceptedNames names;
  switch (line->cn) {
    case CommonName::kNever:
      names.common_name = CommonNameUse::kNever;
      break;
    case CommonName::kNoSan:
      names.common_name = CommonNameUse::kNoDnsName;
      break;
    case CommonName::kAlways:
      names.common_name = CommonNameUse::kAlways;
      break;
  }
  std::vector<MatchItem> items = line->match;
  if (items.empty()) items.emplace_back(MatchToken::kHostname);
  for (const MatchItem& item : items) {
    if (const auto* identity = std::get_if<ReferenceIdentity>(&item)) {
      names.references.push_back(*identity);
      continue;
    }
    if (std::get<MatchToken>(item) != MatchToken::kHostname || name.empty()) {
      return Invalid(
          "match: only names, .suffixes and 'hostname' (the name "
          "given) can be compared here");
    }
    const Result<ReferenceIdentity> identity = ReferenceIdentity::Parse(name);
    if (!identity) return Invalid("name: " + identity.error().detail());
    names.references.push_back(*identity);
  }
  return names;
}

Result<Pin> ParsePinText(const std::string& text) {
  Pin pin;
  std::string digest = text;
  const std::size_t space = text.find(' ');
  if (space != std::string::npos) {
    const std::string kind = text.substr(0, space);
    const std::optional<PinKind> known = PinKindFrom(kind);
    if (!known) {
      return Invalid("pin: '" + kind + "' is no kind: spki, cert or ca");
    }
    pin.kind = *known;
    digest = text.substr(space + 1);
  }
  Result<DigestText> parsed = ParseDigest(digest);
  if (!parsed) return Invalid("pin: " + parsed.error().detail());
  pin.algorithm = parsed->algorithm;
  pin.digest = std::move(parsed->octets);
  return pin;
}

Result<VerifyRequest> ParseVerifyRequest(const Json& json, TimePoint now) {
  if (json.object() == nullptr) return Invalid("not a JSON object");
  VerifyRequest request;
  const auto chain = Text(json, "chain");
  const auto trust = Text(json, "trust");
  const auto crls = Text(json, "crls");
  const auto level = Text(json, "level");
  for (const auto* field : {&chain, &trust, &crls, &level}) {
    if (!*field) return field->error();
  }
  if (!chain->has_value()) return Invalid("chain is missing");
  request.chain = **chain;
  request.trust = trust->value_or("");
  request.crls = *crls;
  if (level->has_value()) {
    const Result<PolicyLine> line = ParsePolicyLine("name.example " + **level);
    if (!line) return Invalid("level: " + line.error().detail());
    request.level = line->level;
  }
  if (const std::int64_t* depth = json["max_depth"].integer()) {
    if (*depth < 0 || *depth > 1000)
      return Invalid("max_depth is out of range");
    request.max_depth = static_cast<int>(*depth);
  } else if (!json["max_depth"].is_null()) {
    return Invalid("max_depth is no number");
  }
  for (const Status& status :
       {RefuseOtherUsages(json), TakeMoment(request, json, now),
        TakeNames(request, json), TakePins(request, json),
        TakeTlsa(request, json)}) {
    if (!status) return status.error();
  }
  return request;
}

}  // namespace postern
