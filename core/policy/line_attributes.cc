#include "core/policy/line_attributes.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/names/near_names.h"
#include "core/names/quoted.h"
#include "core/policy/policy_words.h"
#include "core/tls/tls_words.h"

namespace postern {
namespace {

constexpr std::size_t kLongestText = 512;
constexpr std::size_t kLongestPath = 1024;

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

// A function of tls_words.h and where its answer goes.
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
  PolicyWord info;
  Setter set;
};

constexpr std::array kAttributes{
    Attribute{{"match", "NAMES",
               "Names that count, joined by colons: the tokens below, names, "
               "and .suffixes."},
              SetMatch},
    Attribute{{"cn", "never|no-san|always",
               "Whether the common name counts: never (the default), where the "
               "certificate has no DNS name, or always."},
              [](const LineWord& word, PolicyLine& line) {
                return SetToken(
                    word,
                    std::array{CommonName::kNever, CommonName::kNoSan,
                               CommonName::kAlways},
                    line.cn);
              }},
    Attribute{
        {"mx", "NAMES",
         "The MX hosts that the destination may have: names and .suffixes, "
         "joined by colons. Others are refused (mx-not-allowed), and these "
         "count as securely known. With route=, its hosts are compared, too."},
        SetMx},
    Attribute{{"servername", "NAME",
               "The name sent as SNI. Default: the host's name, none for an "
               "address."},
              SetServername},
    Attribute{{"protocols", "LIST",
               "TLS versions as Postfix writes them: >=TLSv1.3, <=TLSv1.2, "
               "!TLSv1.2, joined by colons. What is listed below TLS 1.2 has "
               "no effect; a list that leaves nothing is refused."},
              [](const LineWord& word, PolicyLine& line) {
                return SetTls<CanonicalProtocols>(word, line.protocols);
              }},
    Attribute{{"ciphers", "high|medium",
               "The grade of ciphers; high is the default."},
              [](const LineWord& word, PolicyLine& line) {
                return SetTls<CanonicalCiphers>(word, line.ciphers);
              }},
    Attribute{{"exclude", "CIPHERS",
               "OpenSSL's names of ciphers or classes, joined by colons, "
               "without operators."},
              [](const LineWord& word, PolicyLine& line) {
                return SetTls<CanonicalExclude>(word, line.exclude);
              }},
    Attribute{{"ca", "FILE|DIRECTORY|anchor:NAME",
               "Trust these authorities and not the system's: a file, a hashed "
               "directory, or an anchor that 'pin-admin anchor add' has kept."},
              SetCa},
    Attribute{{"crl", "FILE",
               "A file of revocation lists. Where it cannot be used, the mail "
               "waits."},
              [](const LineWord& word, PolicyLine& line) {
                return SetPath(word, line.crl);
              }},
    Attribute{{"route", "HOPS",
               "The hops to go by, joined by commas: [host]:port, or a domain "
               "(its MX hosts)."},
              SetRoute},
    Attribute{{"wrapper", "yes|no",
               "yes: TLS from the first byte, without STARTTLS. It never falls "
               "back to cleartext."},
              [](const LineWord& word, PolicyLine& line) {
                return SetFlag(word, line.wrapper);
              }},
    Attribute{{"source", "ADDRESS", "The address to connect from."}, SetSource},
    Attribute{{"helo", "NAME", "The name to say in EHLO, or an [address]."},
              SetHelo},
    Attribute{{"family", "any|ipv4|ipv6",
               "The addresses to connect to; any is the default."},
              [](const LineWord& word, PolicyLine& line) {
                return SetToken(
                    word,
                    std::array{Family::kAny, Family::kIpv4, Family::kIpv6},
                    line.family);
              }},
    Attribute{{"client-cert", "FILE",
               "The certificate to present, in PEM; with client-key=, which "
               "may be the same file."},
              [](const LineWord& word, PolicyLine& line) {
                return SetPath(word, line.client_cert);
              }},
    Attribute{{"client-key", "FILE", "The key of client-cert=, in PEM."},
              [](const LineWord& word, PolicyLine& line) {
                return SetPath(word, line.client_key);
              }},
    Attribute{{"floor", "LEVEL",
               "At auto: the level where nothing is published: may (the "
               "default), encrypt, verify, secure, hosted or fingerprint."},
              SetFloor},
    Attribute{{"also", "auto", "Published policies hold besides the level."},
              SetAlso},
    Attribute{
        {"on-fail", "defer|bounce|deliver|deliver-clear",
         "What to do when the policy says no: keep the mail (the default); "
         "return it if every host gave a policy no; or, as a dry run, deliver "
         "it over TLS all the same, or even in cleartext, recorded as failed."},
        [](const LineWord& word, PolicyLine& line) {
          return SetToken(word,
                          std::array{OnFail::kDefer, OnFail::kBounce,
                                     OnFail::kDeliver, OnFail::kDeliverClear},
                          line.on_fail);
        }},
    Attribute{{"until", "DATE|TIME",
               "The line ends then: 2027-01-31 (its first second in UTC) or "
               "2027-01-31T18:00:00+01:00. It is an exception: what lies "
               "beneath holds again. Refused where that would be weaker."},
              SetUntil},
    Attribute{{"owner", "TEXT", "Who answers for the line; for people."},
              [](const LineWord& word, PolicyLine& line) {
                return SetText(word, line.owner);
              }},
    Attribute{{"note", "TEXT", "For people."},
              [](const LineWord& word, PolicyLine& line) {
                return SetText(word, line.note);
              }},
    Attribute{{"alias", "WORD",
               "Written by Postern where a line came as one of the aliases; "
               "decides nothing."},
              SetAliasName},
};

// alias= is ours to write, and stands last.
constexpr auto kWords = [] {
  std::array<PolicyWord, kAttributes.size() - 1> words{};
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = kAttributes[i].info;
  return words;
}();
static_assert(kAttributes.back().info.word == "alias");

std::string AttributeNames() {
  std::string names;
  for (const PolicyWord& attribute : kWords) {
    names += (names.empty() ? "" : ", ") + std::string(attribute.word) + "=";
  }
  return names;
}

}  // namespace

std::span<const PolicyWord> AttributeWords() { return kWords; }

Status SetAttribute(const LineWord& word, PolicyLine& line) {
  if (!word.has_value) {
    return Error{Reason::kPolicyInvalid,
                 "the word " + Quoted(word.name) +
                     " is no attribute: after the level come " +
                     AttributeNames() + " each with its value"};
  }
  const auto* const attribute = std::find_if(
      kAttributes.begin(), kAttributes.end(),
      [&](const Attribute& a) { return a.info.word == word.name; });
  if (attribute != kAttributes.end()) {
    if (word.value.empty()) return Refuse(word, "it has no value");
    return attribute->set(word, line);
  }
  if (word.name == "tafile") {
    return Refuse(word, "here, trusted certificates are named by ca=FILE");
  }
  std::vector<std::string_view> known;
  for (const Attribute& a : kAttributes) known.push_back(a.info.word);
  const std::string near = DidYouMean(word.name, known);
  return Error{Reason::kPolicyInvalid,
               "there is no attribute " + Quoted(word.name) +
                   (near.empty() ? ": there are " : near + " There are ") +
                   AttributeNames()};
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
