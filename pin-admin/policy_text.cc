#include "pin-admin/policy_text.h"

#include <algorithm>
#include <cstdint>

#include "pin-admin/value_text.h"

namespace postern {

std::string JoinWords(std::span<const std::string> words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    const std::size_t equals = word.find('=');
    const bool spaces = word.find_first_of(" \t") != std::string::npos;
    // Whoever wrote quotes for us as well as for the shell keeps them.
    if (equals == std::string::npos || !spaces ||
        word.compare(equals + 1, 1, "\"") == 0) {
      text += word;
      continue;
    }
    text += word.substr(0, equals + 1) + '"' + word.substr(equals + 1) + '"';
  }
  return text;
}

std::string_view WhatItAllows(Level level) {
  switch (level) {
    case Level::kNone:
      return "mail leaves in cleartext, to whoever answers";
    case Level::kMay:
      return "mail may leave in cleartext, to whoever answers";
    case Level::kEncrypt:
      return "mail leaves encrypted, to whoever answers";
    case Level::kDane:
    case Level::kAuto:
      return "what must hold depends on what the destination publishes";
    default:
      return "the server still has to prove who it is";
  }
}

std::vector<NextHop> HopsOf(const PolicyLine& line) {
  if (!line.route.empty()) return line.route;
  if (line.key.kind() != PolicyKey::Kind::kNextHop) return {};
  const Result<NextHop> hop = NextHop::Parse(line.key.str());
  return hop ? std::vector<NextHop>{*hop} : std::vector<NextHop>();
}

bool NeedsImplicitTls(const PolicyLine& line) {
  constexpr std::uint16_t kSubmission = 587;
  const std::vector<NextHop> hops = HopsOf(line);
  return line.wrapper &&
         std::any_of(hops.begin(), hops.end(), [](const NextHop& hop) {
           return hop.port() != Port{} && hop.port().value != kSubmission;
         });
}

PolicyLine Relaxed(const PolicyLine& beneath, const PolicyKey& key, Level to,
                   TimePoint until, const std::string& reason) {
  PolicyLine line = beneath;
  line.key = key;
  line.level = to;
  line.until = until;
  line.note = reason;
  line.alias.clear();
  line.floor.reset();
  line.on_fail = OnFail::kDefer;
  // What the new level has no use for is refused where it stands in a line.
  const bool path =
      to == Level::kVerify || to == Level::kSecure || to == Level::kHosted;
  const bool pins = to == Level::kFingerprint;
  if (!path && !pins) line.also_auto = false;
  if (!path) line.ca.clear();
  if (!path && !pins) line.crl.clear();
  if (to == Level::kHosted || (!path && !pins)) {
    line.match.clear();
    line.cn = CommonName::kNever;
  }
  // Neither level knows implicit TLS (docs/policy.md).
  if (to == Level::kNone || to == Level::kMay) line.wrapper = false;
  if (to != Level::kNone) return line;
  line.servername.reset();
  line.protocols.clear();
  line.ciphers.clear();
  line.exclude.clear();
  line.client_cert.clear();
  line.client_key.clear();
  return line;
}

Json ToJson(const std::optional<TimePoint>& time) {
  return time ? Json(FormatTime(*time)) : Json();
}

Json ToJson(const std::optional<PolicyLine>& line) {
  if (!line) return {};
  return Json::MakeObject()
      .Set("key", line->key.str())
      .Set("level", ToString(line->level))
      .Set("line", Format(*line))
      .Set("owner", line->owner)
      .Set("note", line->note)
      .Set("until", ToJson(line->until));
}

Json ToJson(const Pin& pin) {
  return Json::MakeObject()
      .Set("key", pin.key)
      .Set("kind", ToString(pin.kind))
      .Set("algorithm", ToString(pin.algorithm))
      .Set("digest", ToHex(pin.digest))
      .Set("weak", IsWeak(pin.algorithm))
      .Set("role", ToString(pin.role))
      .Set("valid_from", ToJson(pin.valid_from))
      .Set("valid_until", ToJson(pin.valid_until))
      .Set("label", pin.label)
      .Set("added_by", pin.added_by)
      .Set("added_at", FormatTime(pin.added_at));
}

std::string Describe(const Pin& pin) {
  std::string text = std::string(KindText(pin.kind)) + " " +
                     std::string(ToString(pin.algorithm)) + " " +
                     ShortHex(ToHex(pin.digest)) +
                     (IsWeak(pin.algorithm) ? ", weak, " : ", ") +
                     std::string(ToString(pin.role));
  if (!pin.label.empty()) text += ", '" + pin.label + "'";
  return text;
}

}  // namespace postern
