// Which attribute makes sense at which level. An attribute that would silently
// do nothing is refused: whoever wrote it believes that it protects.
#include <algorithm>

#include "core/policy/line_attributes.h"
#include "core/policy/line_words.h"
#include "core/policy/policy_line.h"

namespace postern {
namespace {

// "match= means nothing at encrypt: it is for ..."
Error Meaningless(std::string_view attribute, const PolicyLine& line,
                  std::string_view where) {
  std::string level(ToString(line.level));
  if (line.level == Level::kAuto) {
    level += " floor=" + std::string(ToString(LocalLevel(line)));
  }
  return InvalidLine(std::string(attribute) + "= means nothing at " + level +
                     ": it is for " + std::string(where));
}

bool ComparesNames(Level local) {
  return local == Level::kVerify || local == Level::kSecure ||
         local == Level::kFingerprint;
}

bool UsesTrustStore(Level local) {
  return local == Level::kVerify || local == Level::kSecure ||
         local == Level::kHosted;
}

Status CheckNames(const PolicyLine& line) {
  const Level local = LocalLevel(line);
  if (!ComparesNames(local)) {
    constexpr std::string_view kWhere =
        "verify, secure and fingerprint (its ca pins); hosted has its own "
        "names";
    if (!line.match.empty()) return Meaningless("match", line, kWhere);
    if (line.cn != CommonName::kNever) return Meaningless("cn", line, kWhere);
  }
  if (!line.ca.empty() && !UsesTrustStore(local)) {
    return Meaningless("ca", line,
                       "verify, secure and hosted; at fingerprint, "
                       "add a pin of the kind ca");
  }
  if (!line.crl.empty() && !UsesTrustStore(local) &&
      local != Level::kFingerprint) {
    return Meaningless("crl", line,
                       "verify, secure, hosted and fingerprint "
                       "(its ca pins)");
  }
  return {};
}

Status CheckTls(const PolicyLine& line) {
  if (line.client_cert.empty() != line.client_key.empty()) {
    return InvalidLine(
        "client-cert= and client-key= come together; they may name "
        "the same file");
  }
  if (line.level == Level::kNone) {
    constexpr std::string_view kWhere = "levels that use TLS";
    if (line.servername) return Meaningless("servername", line, kWhere);
    if (!line.protocols.empty()) return Meaningless("protocols", line, kWhere);
    if (!line.ciphers.empty()) return Meaningless("ciphers", line, kWhere);
    if (!line.exclude.empty()) return Meaningless("exclude", line, kWhere);
    if (!line.client_cert.empty())
      return Meaningless("client-cert", line, kWhere);
  }
  if (line.wrapper &&
      (line.level == Level::kNone || line.level == Level::kMay)) {
    return Meaningless("wrapper", line,
                       "encrypt and above: implicit TLS has no "
                       "cleartext to fall back to");
  }
  if (line.source && line.family != Family::kAny &&
      line.source->is_v6() != (line.family == Family::kIpv6)) {
    return InvalidLine("source= and family= contradict each other");
  }
  return {};
}

Status CheckPublished(const PolicyLine& line) {
  if (line.floor && line.level != Level::kAuto) {
    return Meaningless("floor", line, "auto");
  }
  if (line.floor) {
    switch (*line.floor) {
      case Level::kMay:
      case Level::kEncrypt:
      case Level::kFingerprint:
      case Level::kVerify:
      case Level::kSecure:
      case Level::kHosted:
        break;
      default:
        return InvalidLine(
            "floor= is one of may, encrypt, verify, secure, hosted, "
            "fingerprint");
    }
  }
  if (!line.also_auto) return {};
  switch (line.level) {
    case Level::kMay:
    case Level::kEncrypt:
    case Level::kFingerprint:
    case Level::kVerify:
    case Level::kSecure:
    case Level::kHosted:
      return {};
    default:
      return Meaningless("also", line,
                         "may, encrypt, fingerprint, verify, "
                         "secure and hosted");
  }
}

Status CheckOnFail(const PolicyLine& line) {
  if (line.on_fail == OnFail::kDefer) return {};
  if (line.level == Level::kNone || line.level == Level::kMay) {
    return Meaningless("on-fail", line,
                       "levels that can fail: encrypt and above");
  }
  if (line.on_fail == OnFail::kBounce) return {};
  // A dry run passes over a local "no" only, never over what is published.
  const Level local = LocalLevel(line);
  switch (local) {
    case Level::kEncrypt:
    case Level::kFingerprint:
    case Level::kVerify:
    case Level::kSecure:
    case Level::kHosted:
      return {};
    default:
      return InvalidLine(
          "on-fail=" + std::string(ToString(line.on_fail)) +
          " never passes over a published policy, so it means nothing "
          "at " +
          std::string(ToString(line.level)) +
          ": it is for encrypt, fingerprint, verify, secure, hosted, "
          "and auto with such a floor=");
  }
}

// An alias is shown beside the line, so it must not tell another story.
Status CheckAlias(const PolicyLine& line) {
  if (line.alias.empty()) return {};
  const auto alias = AliasFromWord(line.alias);
  if (!alias) return InvalidLine("there is no setting alias=" + line.alias);
  PolicyLine meant;
  ApplyAlias(*alias, meant);
  if (line.level != meant.level || line.match != meant.match ||
      line.cn != meant.cn || line.on_fail != meant.on_fail) {
    return InvalidLine("the line is not what alias=" + line.alias +
                       " means: leave alias= out");
  }
  return {};
}

}  // namespace

Status CheckPolicyLine(const PolicyLine& line) {
  for (const auto check :
       {CheckNames, CheckTls, CheckPublished, CheckOnFail, CheckAlias}) {
    if (Status status = check(line); !status) return status;
  }
  return {};
}

}  // namespace postern
