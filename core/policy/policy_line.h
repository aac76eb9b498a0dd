// core/policy/policy_line.h
//
// A policy line: a key, a level and attributes, in Postfix's table syntax and
// tokens, extended (docs/policy.md). The line's level is the level.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/clock/clock.h"
#include "core/names/domain.h"
#include "core/names/ip_address.h"
#include "core/names/next_hop.h"
#include "core/names/reference_identity.h"
#include "core/outcome/result.h"

namespace postern {

enum class Level {
  kNone,
  kMay,
  kEncrypt,
  kFingerprint,
  kVerify,
  kSecure,
  kHosted,
  kDane,
  kDaneOnly,
  kSts,
  kAuto,
};

std::string_view ToString(Level level);

// Postfix's token, any case; nothing for any other word, the aliases included.
std::optional<Level> LevelFromToken(std::string_view token);

// fingerprint, verify, secure, hosted, dane-only, sts: the server has to prove
// who it is, whatever happens.
bool IsAuthenticating(Level level);

// What a line is for: "example.org", ".example.org", "*", "[host]:port", or
// "example.org:2525" for a next hop that is a domain at another port. Address
// literals are next hops: "[192.0.2.1]".
class PolicyKey {
 public:
  enum class Kind { kDomain, kParent, kDefault, kNextHop };

  static Result<PolicyKey> Parse(std::string_view text);
  static PolicyKey ForDomain(const Domain& domain);
  static PolicyKey ForParent(const Domain& domain);
  static PolicyKey Default();
  // A domain at port 25 is that domain's own key.
  static PolicyKey ForNextHop(const NextHop& hop);

  Kind kind() const { return kind_; }
  // Canonical: the form in which stores keep and look up lines.
  const std::string& str() const { return text_; }
  auto operator<=>(const PolicyKey&) const = default;

 private:
  PolicyKey(Kind kind, std::string text)
      : kind_(kind), text_(std::move(text)) {}
  Kind kind_;
  std::string text_;
};

enum class MatchToken { kHostname, kNextHop, kDotNextHop, kDomain, kPtr };
using MatchItem = std::variant<MatchToken, ReferenceIdentity>;
std::string_view ToString(MatchToken token);

enum class CommonName { kNever, kNoSan, kAlways };  // cn=
enum class OnFail { kDefer, kBounce, kDeliver, kDeliverClear };

struct PolicyLine {
  PolicyKey key = PolicyKey::Default();
  Level level = Level::kMay;

  std::vector<MatchItem> match;  // empty: the level's default
  CommonName cn = CommonName::kNever;
  std::vector<ReferenceIdentity> mx;  // empty: not restricted
  std::optional<Domain> servername;
  std::string protocols;  // Postfix syntax, checked when parsed
  std::string ciphers, exclude;
  std::string ca;   // file, directory or "anchor:NAME"
  std::string crl;  // file
  std::vector<NextHop> route;
  bool wrapper = false;
  std::optional<IpAddress> source;
  std::string helo;
  Family family = Family::kAny;
  std::string client_cert, client_key;
  std::optional<Level> floor;  // only with auto
  bool also_auto = false;      // also=auto
  OnFail on_fail = OnFail::kDefer;
  std::optional<TimePoint> until;
  std::string owner, note;

  // Set where the line was written as one of Cisco's settings; shown beside
  // the canonical form, decides nothing.
  std::string alias;

  bool operator==(const PolicyLine&) const = default;
};

// The level that the line itself asks for, whatever is published: the floor
// (default `may`) for `auto`, else the level.
Level LocalLevel(const PolicyLine& line);

// match= as it holds: as written, else LocalLevel()'s default. `fingerprint`
// (for its `ca` pins) is as `secure`. Empty where names don't count, and at
// `hosted`, whose names are its own (reference_names.h).
std::vector<MatchItem> MatchRule(const PolicyLine& line);

// cn= as it holds: `hosted` takes the common name where there is no dNSName.
CommonName CommonNameRule(const PolicyLine& line);

// Do the attributes make sense at the level and beside each other? Says which
// doesn't (Reason::kPolicyInvalid). ParsePolicyLine() asks it; ask it again for
// a line that was put together by hand.
Status CheckPolicyLine(const PolicyLine& line);

// "key level attr=value …", quotes around values with spaces. Errors name the
// word that is wrong and what would be right (Reason::kPolicyInvalid).
Result<PolicyLine> ParsePolicyLine(std::string_view text);

// Canonical; ParsePolicyLine() of it gives the same line.
std::string Format(const PolicyLine& line);

}  // namespace postern
