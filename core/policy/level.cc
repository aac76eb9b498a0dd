// The levels: their tokens, their kinds, and what a level means for match= and
// cn=.
#include <algorithm>
#include <array>
#include <cstddef>

#include "core/policy/policy_line.h"
#include "core/policy/policy_words.h"

namespace postern {
namespace {

// In the order of the enumerators.
constexpr std::array kLevels{
    PolicyWord{"none", "",
               "Nothing has to hold. TLS is not tried; an offer of STARTTLS is "
               "recorded."},
    PolicyWord{
        "may", "",
        "Nothing has to hold. TLS if it is offered, cleartext on a fresh "
        "connection if it fails."},
    PolicyWord{"encrypt", "", "TLS, with any certificate."},
    PolicyWord{"fingerprint", "",
               "TLS, and the server's own certificate matches an active or a "
               "backup pin; its names, issuer and expiry don't count. A pin of "
               "the kind ca takes the place of the trust store instead: then "
               "the path must lead through it and a name must match as at "
               "secure."},
    PolicyWord{"verify", "",
               "TLS, a trusted chain, and a name: by default that of the MX "
               "host (match=hostname)."},
    PolicyWord{"secure", "",
               "TLS, a trusted chain, and a name: by default that of the next "
               "hop or one below it (match=nexthop:dot-nexthop)."},
    PolicyWord{"hosted", "",
               "TLS, a trusted chain, and one of these names: the recipient "
               "domain; the names in route=, or, where there are none, that of "
               "the MX host."},
    PolicyWord{"dane", "",
               "TLSA records that can be used must match. With only unusable "
               "ones: as encrypt; with none: as may."},
    PolicyWord{"dane-only", "",
               "TLSA records that can be used must match, else the mail "
               "waits."},
    PolicyWord{"sts", "",
               "An MTA-STS policy is in force and satisfied, else the mail "
               "waits."},
    PolicyWord{"auto", "",
               "Host by host: DANE where it applies; else MTA-STS where the "
               "domain publishes it; else floor=."},
};
static_assert(kLevels.size() == static_cast<std::size_t>(Level::kAuto) + 1);

// In the order of the enumerators.
constexpr std::array kMatch{
    PolicyWord{"hostname", "",
               "The name of the MX host. Weak unless DNSSEC proves the MX "
               "record, or mx= fixes it: whoever forges DNS chooses it."},
    PolicyWord{"nexthop", "",
               "The recipient domain where mail goes to its own MX hosts, else "
               "the host or domain of the route."},
    PolicyWord{"dot-nexthop", "", "Any name below that."},
    PolicyWord{"domain", "", "The recipient domain, whatever the hop."},
    PolicyWord{"ptr", "",
               "The PTR name of the server's address, if its address leads "
               "back; compared with the common name only. Weak."},
};
static_assert(kMatch.size() == static_cast<std::size_t>(MatchToken::kPtr) + 1);

bool EqualIgnoringCase(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char t, char l) {
                      return (t >= 'A' && t <= 'Z' ? t - 'A' + 'a' : t) == l;
                    });
}

}  // namespace

std::string_view ToString(Level level) {
  return kLevels.at(static_cast<std::size_t>(level)).word;
}

std::optional<Level> LevelFromToken(std::string_view token) {
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    if (EqualIgnoringCase(token, kLevels[i].word)) return static_cast<Level>(i);
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
  return kMatch.at(static_cast<std::size_t>(token)).word;
}

std::span<const PolicyWord> LevelWords() { return kLevels; }

std::span<const PolicyWord> MatchWords() { return kMatch; }

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
