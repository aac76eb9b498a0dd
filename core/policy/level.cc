// The levels: their tokens, their kinds, and what a level means for match= and
// cn=.
#include <algorithm>
#include <array>
#include <cstddef>

#include "core/policy/policy_line.h"

namespace postern {
namespace {

constexpr std::array<std::string_view, 11> kTokens{
    "none",   "may",  "encrypt",   "fingerprint", "verify", "secure",
    "hosted", "dane", "dane-only", "sts",         "auto"};
static_assert(kTokens.size() == static_cast<std::size_t>(Level::kAuto) + 1);

bool EqualIgnoringCase(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char t, char l) {
                      return (t >= 'A' && t <= 'Z' ? t - 'A' + 'a' : t) == l;
                    });
}

}  // namespace

std::string_view ToString(Level level) {
  return kTokens.at(static_cast<std::size_t>(level));
}

std::optional<Level> LevelFromToken(std::string_view token) {
  for (std::size_t i = 0; i < kTokens.size(); ++i) {
    if (EqualIgnoringCase(token, kTokens[i])) return static_cast<Level>(i);
  }
  return std::nullopt;
}

bool IsAuthenticating(Level level) {
  switch (level) {
    case Level::kFingerprint:
    case Level::kVerify:
    case Level::kSecure:
    case Level::kHosted:
    case Level::kDaneOnly:
    case Level::kSts:
      return true;
    case Level::kNone:
    case Level::kMay:
    case Level::kEncrypt:
    case Level::kDane:
    case Level::kAuto:
      break;
  }
  return false;
}

std::string_view ToString(MatchToken token) {
  switch (token) {
    case MatchToken::kHostname:
      return "hostname";
    case MatchToken::kNextHop:
      return "nexthop";
    case MatchToken::kDotNextHop:
      return "dot-nexthop";
    case MatchToken::kDomain:
      return "domain";
    case MatchToken::kPtr:
      break;
  }
  return "ptr";
}

Level LocalLevel(const PolicyLine& line) {
  if (line.level != Level::kAuto) return line.level;
  return line.floor.value_or(Level::kMay);
}

std::vector<MatchItem> MatchRule(const PolicyLine& line) {
  switch (LocalLevel(line)) {
    case Level::kVerify:
      if (line.match.empty()) return {MatchToken::kHostname};
      return line.match;
    case Level::kSecure:
    case Level::kFingerprint:
      if (line.match.empty()) {
        return {MatchToken::kNextHop, MatchToken::kDotNextHop};
      }
      return line.match;
    default:
      return {};
  }
}

CommonName CommonNameRule(const PolicyLine& line) {
  return LocalLevel(line) == Level::kHosted ? CommonName::kNoSan : line.cn;
}

}  // namespace postern
