#include "core/policy/line_attributes.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/names/quoted.h"
#include "core/policy/tls_syntax.h"

namespace postern {
namespace {

constexpr std::size_t kLongestText = 512;
constexpr std::size_t kLongestPath = 1024;

constexpr std::array<LevelAlias, 6> kAliases{
    LevelAlias{"no", Level::kNone},
    LevelAlias{"preferred", Level::kMay},
    LevelAlias{"required", Level::kEncrypt},
    LevelAlias{"preferred-verify", Level::kVerify, true, OnFail::kDeliverClear},
    LevelAlias{"required-verify", Level::kVerify, true},
    LevelAlias{"required-verify-hosted", Level::kHosted},
};

// attribute=value is wrong; `right` says what would be right.
Error Refuse(const LineWord& word, const std::string& right) {
  return {Reason::kPolicyInvalid,
          word.name + "=" + Quoted(word.value) + " is wrong: " + right};
}

// The value among the tokens of an enumeration, in their order.
template <typename Enum, std::size_t N>
Status SetToken(const LineWord& word, const std::array<Enum, N>& values,
                Enum& target) {
  const std::string lower = ToLowerAscii(word.value);
  std::string right;
  for (const Enum value : values) {
    if (ToString(value) == lower) {
      target = value;
      return {};
    }
    right += (right.empty() ? "" : ", ") + std::string(ToString(value));
  }
  return Refuse(word, "one of " + right + " is right");
}

Status SetFlag(const LineWord& word, bool& target) {
  const std::string lower = ToLowerAscii(word.value);
  if (lower != "yes" && lower != "no")
    return Refuse(word, "yes or no is right");
  target = lower == "yes";
  return {};
}

Status SetPath(const LineWord& word, std::string& target) {
  if (word.value.front() != '/' || word.value.size() > kLongestPath) {
    return Refuse(word, "an absolute path is right");
  }
  target = word.value;
  return {};
}

Status SetText(const LineWord& word, std::string& target) {
  if (word.value.size() > kLongestText) {
    return Refuse(word, "at most 512 octets are kept");
  }
  target = word.value;
  return {};
}

template <typename T>
void AddOnce(std::vector<T>& list, T item) {
  if (std::find(list.begin(), list.end(), item) == list.end()) {
    list.push_back(std::move(item));
  }
}

Status SetMatch(const LineWord& word, PolicyLine& line) {
  constexpr std::array kTokens{MatchToken::kHostname, MatchToken::kNextHop,
                               MatchToken::kDotNextHop, MatchToken::kDomain,
                               MatchToken::kPtr};
  for (const std::string_view part : SplitAt(word.value, ":")) {
    const std::string lower = ToLowerAscii(part);
    const auto* const token =
        std::find_if(kTokens.begin(), kTokens.end(),
                     [&](MatchToken t) { return ToString(t) == lower; });
    if (token != kTokens.end()) {
      AddOnce(line.match, MatchItem(*token));
      continue;
    }
    Result<ReferenceIdentity> name = ReferenceIdentity::Parse(part);
    if (!name) {
      return Refuse(word,
                    "hostname, nexthop, dot-nexthop, domain, ptr, names "
                    "and .suffixes are right, joined by colons, and not " +
                        Quoted(part) +
                        " (fingerprints are pins: 'pin-admin pin add')");
    }
    AddOnce(line.match, MatchItem(*std::move(name)));
  }
  return {};
}

Status SetMx(const LineWord& word, PolicyLine& line) {
  for (const std::string_view part : SplitAt(word.value, ":,")) {
    Result<ReferenceIdentity> name = ReferenceIdentity::Parse(part);
    if (!name) {
      return Refuse(word,
                    "host names and .suffixes are right, joined by "
                    "colons: " +
                        name.error().detail());
    }
    AddOnce(line.mx, *std::move(name));
  }
  return {};
}

Status SetRoute(const LineWord& word, PolicyLine& line) {
  for (const std::string_view part : SplitAt(word.value, ",")) {
    Result<NextHop> hop = NextHop::Parse(part);
    if (!hop) {
      return Refuse(word,
                    "[host]:port and domains are right, joined by "
                    "commas: " +
                        hop.error().detail());
    }
    AddOnce(line.route, *std::move(hop));
  }
  return {};
}

Status SetServername(const LineWord& word, PolicyLine& line) {
  Result<Domain> name = Domain::Parse(word.value);
  if (!name)
    return Refuse(word, "a host name is right: " + name.error().detail());
  line.servername = *std::move(name);
  return {};
}

// A function of tls_syntax.h and where its answer goes.
template <Result<std::string> (*kCanonical)(std::string_view)>
Status SetTls(const LineWord& word, std::string& target) {
  Result<std::string> canonical = kCanonical(word.value);
  if (!canonical) return canonical.error();
  target = *std::move(canonical);
  return {};
}

Status SetCa(const LineWord& word, PolicyLine& line) {
  constexpr std::string_view kAnchor = "anchor:";
  if (word.value.substr(0, kAnchor.size()) != kAnchor) {
    if (SetPath(word, line.ca)) return {};
    return Refuse(word,
                  "the absolute path of a file or hashed directory, or "
                  "anchor:NAME, is right");
  }
  const std::string_view name =
      std::string_view(word.value).substr(kAnchor.size());
  const bool good = !name.empty() && name.size() <= 64 &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                             (c >= 'a' && c <= 'z') || c == '-' || c == '_' ||
                             c == '.';
                    });
  if (!good) {
    return Refuse(word,
                  "an anchor's name has 1 to 64 letters, digits, dots, "
                  "hyphens and underscores");
  }
  line.ca = word.value;
  return {};
}

Status SetSource(const LineWord& word, PolicyLine& line) {
  const Result<IpAddress> address = IpAddress::Parse(word.value);
  if (!address) return Refuse(word, "an address of this machine is right");
  line.source = *address;
  return {};
}

Status SetHelo(const LineWord& word, PolicyLine& line) {
  if (word.value.front() == '[') {
    const Result<NextHop> literal = NextHop::Parse(word.value);
    if (literal && literal->domain() == nullptr && word.value.back() == ']') {
      line.helo = ToString(literal->host());
      return {};
    }
  } else if (const Result<Domain> name = Domain::Parse(word.value)) {
    line.helo = name->str();
    return {};
  }
  return Refuse(word, "a host name or an [address] is right");
}

Status SetFloor(const LineWord& word, PolicyLine& line) {
  constexpr std::array kFloors{Level::kMay,    Level::kEncrypt,
                               Level::kVerify, Level::kSecure,
                               Level::kHosted, Level::kFingerprint};
  Level floor{};
  if (Status status = SetToken(word, kFloors, floor); !status) return status;
  line.floor = floor;
  return {};
}

Status SetAlso(const LineWord& word, PolicyLine& line) {
  if (ToLowerAscii(word.value) != "auto") {
    return Refuse(word, "only also=auto exists");
  }
  line.also_auto = true;
  return {};
}

Status SetUntil(const LineWord& word, PolicyLine& line) {
  // Times outside this range don't fit the clock's 64 bits of nanoseconds.
  const bool plausible =
      word.value.substr(0, 4) >= "2000" && word.value.substr(0, 4) < "2200";
  const auto time = plausible ? ParseTime(word.value) : std::nullopt;
  if (!time) {
    return Refuse(word,
                  "a date (2027-01-31) or a time "
                  "(2027-01-31T18:00:00Z) is right");
  }
  line.until = *time;
  return {};
}

Status SetAliasName(const LineWord& word, PolicyLine& line) {
  const auto alias = AliasFromWord(word.value);
  if (!alias) {
    return Refuse(word,
                  "it is one of Cisco's settings: no, preferred, "
                  "required, preferred-verify, required-verify, "
                  "required-verify-hosted");
  }
  line.alias = alias->word;
  return {};
}

using Setter = Status (*)(const LineWord&, PolicyLine&);
struct Attribute {
  std::string_view name;
  Setter set;
};

constexpr std::array kAttributes{
    Attribute{"match", SetMatch},
    Attribute{"cn",
              [](const LineWord& word, PolicyLine& line) {
                return SetToken(
                    word,
                    std::array{CommonName::kNever, CommonName::kNoSan,
                               CommonName::kAlways},
                    line.cn);
              }},
    Attribute{"mx", SetMx},
    Attribute{"servername", SetServername},
    Attribute{"protocols",
              [](const LineWord& word, PolicyLine& line) {
                return SetTls<CanonicalProtocols>(word, line.protocols);
              }},
    Attribute{"ciphers",
              [](const LineWord& word, PolicyLine& line) {
                return SetTls<CanonicalCiphers>(word, line.ciphers);
              }},
    Attribute{"exclude",
              [](const LineWord& word, PolicyLine& line) {
                return SetTls<CanonicalExclude>(word, line.exclude);
              }},
    Attribute{"ca", SetCa},
    Attribute{"crl", [](const LineWord& word,
                        PolicyLine& line) { return SetPath(word, line.crl); }},
    Attribute{"route", SetRoute},
    Attribute{"wrapper",
              [](const LineWord& word, PolicyLine& line) {
                return SetFlag(word, line.wrapper);
              }},
    Attribute{"source", SetSource},
    Attribute{"helo", SetHelo},
    Attribute{"family",
              [](const LineWord& word, PolicyLine& line) {
                return SetToken(
                    word,
                    std::array{Family::kAny, Family::kIpv4, Family::kIpv6},
                    line.family);
              }},
    Attribute{"client-cert",
              [](const LineWord& word, PolicyLine& line) {
                return SetPath(word, line.client_cert);
              }},
    Attribute{"client-key",
              [](const LineWord& word, PolicyLine& line) {
                return SetPath(word, line.client_key);
              }},
    Attribute{"floor", SetFloor},
    Attribute{"also", SetAlso},
    Attribute{"on-fail",
              [](const LineWord& word, PolicyLine& line) {
                return SetToken(
                    word,
                    std::array{OnFail::kDefer, OnFail::kBounce,
                               OnFail::kDeliver, OnFail::kDeliverClear},
                    line.on_fail);
              }},
    Attribute{"until", SetUntil},
    Attribute{"owner",
              [](const LineWord& word, PolicyLine& line) {
                return SetText(word, line.owner);
              }},
    Attribute{"note",
              [](const LineWord& word, PolicyLine& line) {
                return SetText(word, line.note);
              }},
    Attribute{"alias", SetAliasName},
};

std::string AttributeNames() {
  std::string names;
  for (const Attribute& attribute : kAttributes) {
    if (attribute.name == "alias") continue;  // we write it, nobody else
    names += (names.empty() ? "" : ", ") + std::string(attribute.name) + "=";
  }
  return names;
}

}  // namespace

Status SetAttribute(const LineWord& word, PolicyLine& line) {
  if (!word.has_value) {
    return Error{Reason::kPolicyInvalid,
                 "the word " + Quoted(word.name) +
                     " is no attribute: after the level come " +
                     AttributeNames() + " each with its value"};
  }
  const auto* const attribute =
      std::find_if(kAttributes.begin(), kAttributes.end(),
                   [&](const Attribute& a) { return a.name == word.name; });
  if (attribute != kAttributes.end()) {
    if (word.value.empty()) return Refuse(word, "it has no value");
    return attribute->set(word, line);
  }
  if (word.name == "tafile") {
    return Refuse(word, "here, trusted certificates are named by ca=FILE");
  }
  return Error{Reason::kPolicyInvalid, "there is no attribute " +
                                           Quoted(word.name) + ": there are " +
                                           AttributeNames()};
}

std::optional<LevelAlias> AliasFromWord(std::string_view word) {
  const std::string lower = ToLowerAscii(word);
  for (const LevelAlias& alias : kAliases) {
    if (alias.word == lower) return alias;
  }
  return std::nullopt;
}

void ApplyAlias(const LevelAlias& alias, PolicyLine& line) {
  line.level = alias.level;
  line.alias = alias.word;
  line.on_fail = alias.on_fail;
  if (!alias.domain_or_ptr) return;
  line.match = {MatchToken::kDomain, MatchToken::kPtr};
  line.cn = CommonName::kAlways;
}

std::string_view ToString(CommonName cn) {
  switch (cn) {
    case CommonName::kNoSan:
      return "no-san";
    case CommonName::kAlways:
      return "always";
    case CommonName::kNever:
      break;
  }
  return "never";
}

std::string_view ToString(OnFail on_fail) {
  switch (on_fail) {
    case OnFail::kBounce:
      return "bounce";
    case OnFail::kDeliver:
      return "deliver";
    case OnFail::kDeliverClear:
      return "deliver-clear";
    case OnFail::kDefer:
      break;
  }
  return "defer";
}

std::string_view ToString(Family family) {
  switch (family) {
    case Family::kIpv4:
      return "ipv4";
    case Family::kIpv6:
      return "ipv6";
    case Family::kAny:
      break;
  }
  return "any";
}

}  // namespace postern
