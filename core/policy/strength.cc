#include "core/policy/strength.h"

#include <algorithm>

#include "core/policy/line_attributes.h"
#include "core/policy/line_words.h"
#include "core/tls/tls_words.h"

namespace postern {
namespace {

enum class Class { kNothing, kMay, kEncrypted, kAuthenticated };

Class ClassOf(Level level) {
  if (IsAuthenticating(level)) return Class::kAuthenticated;
  switch (level) {
    case Level::kNone:
      return Class::kNothing;
    case Level::kEncrypt:
      return Class::kEncrypted;
    default:
      return Class::kMay;  // may, dane; auto's floor is asked instead
  }
}

// What the line promises on its own account.
Class Promised(const PolicyLine& line) { return ClassOf(LocalLevel(line)); }

// What it is sure to keep. Where DANE decides, the floor of `auto` does not,
// and unusable TLSA records leave TLS without authentication.
Class Kept(const PolicyLine& line, const PolicyLine& compared_with) {
  const Class promised = Promised(line);
  if (line.level != Level::kAuto || compared_with.level == Level::kAuto) {
    return promised;
  }
  return std::min(promised, Class::kEncrypted);
}

bool EnforcesDane(const PolicyLine& line) {
  return line.level == Level::kDane || line.level == Level::kDaneOnly ||
         line.level == Level::kAuto || line.also_auto;
}

bool EnforcesSts(const PolicyLine& line) {
  return line.level == Level::kSts || line.level == Level::kAuto ||
         line.also_auto;
}

bool LosesPublished(const PolicyLine& line, const PolicyLine& beneath) {
  const bool kept = (!EnforcesDane(line) || EnforcesDane(beneath)) &&
                    (!EnforcesSts(line) || EnforcesSts(beneath));
  if (kept) return false;
  // An authenticating level makes up for DANE and MTA-STS, but not where they
  // stood beside one.
  const bool beside = line.also_auto && IsAuthenticating(line.level);
  return beside || !IsAuthenticating(beneath.level);
}

// Would a forged DNS answer change the names that are compared?
bool TrustsInsecureNames(const PolicyLine& line) {
  const std::vector<MatchItem> match = MatchRule(line);
  const auto has = [&match](MatchToken token) {
    return std::find(match.begin(), match.end(), MatchItem(token)) !=
           match.end();
  };
  if (has(MatchToken::kPtr)) return true;
  if (!line.mx.empty()) return false;
  // At `fingerprint`, names only count for ca pins, beside the pin itself.
  if (LocalLevel(line) == Level::kFingerprint) return false;
  const bool routed =
      std::any_of(line.route.begin(), line.route.end(),
                  [](const NextHop& hop) { return hop.domain() != nullptr; });
  return has(MatchToken::kHostname) ||
         (LocalLevel(line) == Level::kHosted && !routed);
}

// 0: the mail waits (or bounces) over a "no"; more: it may leave all the same.
int Leniency(OnFail on_fail) {
  switch (on_fail) {
    case OnFail::kDeliver:
      return 1;
    case OnFail::kDeliverClear:
      return 2;
    case OnFail::kDefer:
    case OnFail::kBounce:
      break;
  }
  return 0;
}

// Every name that `beneath` allows is one that `line` allows.
bool AllowsNoMore(const PolicyLine& line, const PolicyLine& beneath) {
  if (line.mx.empty()) return true;
  if (beneath.mx.empty()) return false;
  return std::all_of(
      beneath.mx.begin(), beneath.mx.end(), [&](const ReferenceIdentity& b) {
        return std::any_of(line.mx.begin(), line.mx.end(),
                           [&b](const ReferenceIdentity& a) {
                             if (a.domain() == b.domain())
                               return a.below() == b.below();
                             return a.below() && b.domain().IsBelow(a.domain());
                           });
      });
}

// TLS 1.2 is the weaker version, so only allowing it anew loses something.
bool AllowsOlderProtocol(const PolicyLine& line, const PolicyLine& beneath) {
  const Result<ProtocolSet> now = ParseProtocols(line.protocols);
  const Result<ProtocolSet> then = ParseProtocols(beneath.protocols);
  if (!now || !then) return true;
  return (then->tls12 && !now->tls12) || (now->tls13 && !then->tls13);
}

bool AllowsMoreCiphers(const PolicyLine& line, const PolicyLine& beneath) {
  // The default is as strict as `high`.
  if (line.ciphers != "medium" && beneath.ciphers == "medium") return true;
  const auto kept = SplitAt(beneath.exclude, ":");
  const auto excluded = SplitAt(line.exclude, ":");
  return std::any_of(excluded.begin(), excluded.end(), [&](std::string_view c) {
    return std::find(kept.begin(), kept.end(), c) == kept.end();
  });
}

std::string Falls(std::string_view what, std::string_view from,
                  std::string_view to) {
  return std::string(what) + " falls from " + std::string(from) + " to " +
         std::string(to);
}

std::string LevelText(const PolicyLine& line) {
  std::string text(ToString(line.level));
  if (line.floor) text += " floor=" + std::string(ToString(*line.floor));
  return text;
}

}  // namespace

std::optional<std::string> WouldWeaken(const PolicyLine& line,
                                       const PolicyLine& beneath) {
  if (Kept(beneath, line) < Promised(line)) {
    return Falls("the level", LevelText(line), LevelText(beneath));
  }
  if (LosesPublished(line, beneath)) {
    return "what the destination publishes (" +
           (line.also_auto ? std::string("also=auto") : LevelText(line)) +
           ") would no longer be enforced";
  }
  const bool authenticates = Promised(line) == Class::kAuthenticated;
  if (authenticates && !TrustsInsecureNames(line) &&
      TrustsInsecureNames(beneath)) {
    return "names from DNS without DNSSEC would count (" + LevelText(beneath) +
           ")";
  }
  if (Leniency(beneath.on_fail) > Leniency(line.on_fail)) {
    return Falls("on-fail=", ToString(line.on_fail), ToString(beneath.on_fail));
  }
  if (authenticates && CommonNameRule(beneath) > CommonNameRule(line)) {
    return Falls("cn=", ToString(CommonNameRule(line)),
                 ToString(CommonNameRule(beneath)));
  }
  if (!AllowsNoMore(line, beneath)) {
    return "mx= would allow hosts that it does not allow now";
  }
  if (!line.crl.empty() && beneath.crl.empty()) {
    return "crl= would be gone";
  }
  if (AllowsOlderProtocol(line, beneath)) {
    return "protocols= would allow an older version";
  }
  if (AllowsMoreCiphers(line, beneath)) {
    return "ciphers= and exclude= would allow more";
  }
  return std::nullopt;
}

}  // namespace postern
