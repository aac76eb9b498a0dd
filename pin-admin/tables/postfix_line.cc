#include "pin-admin/tables/postfix_line.h"

#include <algorithm>
#include <optional>
#include <set>

#include "core/names/quoted.h"
#include "core/policy/strength.h"
#include "pin-admin/tables/table_text.h"
#include "pin-admin/value_text.h"

namespace postern {
namespace {

bool ComparesNames(Level level) {
  return level == Level::kVerify || level == Level::kSecure;
}

}  // namespace

Result<std::string> PostfixLine::Setting(std::string_view name) const {
  const Result<std::optional<std::string>> value = options_.settings.Get(name);
  if (!value) return value.error();
  return value->value_or("");
}

Result<PolicyKey> PostfixLine::Key() const {
  if (source_.key == "*") {
    return Invalid(
        "Postfix never looks up '*' here; what holds for the others is "
        "smtp_tls_security_level there and the line of '*' here");
  }
  Result<PolicyKey> key = PolicyKey::Parse(source_.key);
  if (!key) return Invalid(key.error().detail());
  return key;
}

Status PostfixLine::TakeWords() {
  const std::vector<std::string> words =
      SplitWords(source_.value, kPolicyBreaks);
  if (words.empty()) return Invalid("the policy is empty");
  static const std::set<Level> kKnown{
      Level::kNone,   Level::kMay,    Level::kEncrypt, Level::kFingerprint,
      Level::kVerify, Level::kSecure, Level::kDane,    Level::kDaneOnly};
  const std::optional<Level> level = LevelFromToken(words.front());
  if (!level || !kKnown.contains(*level)) {
    const bool per_site = LowerCase(words.front()).starts_with("must");
    return Invalid(Quoted(words.front()) + " is no level of Postfix's" +
                   (per_site ? ": it is smtp_tls_per_site's, another table"
                             : ", which defers the mail"));
  }
  level_ = *level;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (level_ == Level::kNone) {
      attributes_.notes.push_back(Quoted(words[i]) +
                                  " is left out: Postfix ignores it at none");
      continue;
    }
    if (Status set = TakeAttribute(words[i], attributes_); !set) return set;
  }
  return {};
}

// match= of names, and the common name as Postfix takes it.
Status PostfixLine::TakeNames(std::string& text) const {
  if (level_ == Level::kFingerprint) return {};
  std::vector<std::string> names;
  for (const std::string& value : attributes_.match) {
    for (std::string& name : SplitWords(value, ":"))
      names.push_back(std::move(name));
  }
  if (!attributes_.match.empty() && names.empty()) {
    return Invalid("match= names nothing");
  }
  if (names.empty() && ComparesNames(level_)) {
    const bool verify = level_ == Level::kVerify;
    const Result<std::string> standard = Setting(
        verify ? "smtp_tls_verify_cert_match" : "smtp_tls_secure_cert_match");
    if (!standard) return standard.error();
    std::vector<std::string> set =
        SplitWords(LowerCase(*standard), kListBreaks);
    const std::vector<std::string> usual =
        verify ? std::vector<std::string>{"hostname"}
               : std::vector<std::string>{"nexthop", "dot-nexthop"};
    if (!set.empty() && set != usual) names = std::move(set);
  }
  for (std::string& name : names) {
    // Tokens of ours, and host names to Postfix; the dot keeps them apart.
    const std::string lower = LowerCase(name);
    if (lower == "domain" || lower == "ptr") name += '.';
  }
  if (!names.empty()) text += WordOf("match", JoinParts(names));
  if (ComparesNames(level_)) text += WordOf("cn", "no-san");
  return {};
}

// protocols=, ciphers=, exclude=: the line's own, else main.cf's where those
// ask for more than we do by ourselves.
Status PostfixLine::TakeProtection(std::string& text) {
  if (level_ == Level::kNone) return {};
  const bool mandatory = level_ != Level::kMay;
  if (!attributes_.protocols.empty()) {
    text += WordOf("protocols", attributes_.protocols);
  } else {
    const Result<std::string> standard = Setting(
        mandatory ? "smtp_tls_mandatory_protocols" : "smtp_tls_protocols");
    if (!standard) return standard.error();
    if (!standard->empty()) {
      const std::string word = WordOf("protocols", *standard);
      const Result<PolicyLine> with = ParsePolicyLine("* encrypt" + word);
      if (!with) return with.error();
      const Result<PolicyLine> without = ParsePolicyLine("* encrypt");
      if (!without) return without.error();
      if (WouldWeaken(*with, *without)) text += word;
    }
  }
  const std::string grade = LowerCase(attributes_.ciphers);
  if (grade == "export" || grade == "low") {
    attributes_.notes.push_back("ciphers=" + grade +
                                " is left out: no such ciphers are used here");
  } else if (!grade.empty()) {
    text += WordOf("ciphers", grade);
  }
  std::string exclude = attributes_.exclude;
  if (exclude.empty()) {
    const Result<std::string> always = Setting("smtp_tls_exclude_ciphers");
    if (!always) return always.error();
    const Result<std::string> besides =
        mandatory ? Setting("smtp_tls_mandatory_exclude_ciphers")
                  : Result<std::string>(std::string());
    if (!besides) return besides.error();
    exclude = JoinParts(SplitWords(*always + "," + *besides, kListBreaks));
  }
  if (!exclude.empty()) text += WordOf("exclude", exclude);
  return {};
}

Status PostfixLine::TakeServername(const PolicyKey& key,
                                   std::string& text) const {
  const std::string name = LowerCase(attributes_.servername);
  // Ours by itself is the name of the host.
  if (name.empty() || name == "hostname") return {};
  if (name != "nexthop") {
    text += WordOf("servername", attributes_.servername);
    return {};
  }
  if (key.kind() == PolicyKey::Kind::kDomain) {
    text += WordOf("servername", key.str());
    return {};
  }
  const Result<NextHop> hop = NextHop::Parse(key.str());
  if (!hop || hop->domain() == nullptr) {
    return Invalid(
        "servername=nexthop is a different name for each domain below it: "
        "write a line for each of them");
  }
  text += WordOf("servername", hop->domain()->str());
  return {};
}

Status PostfixLine::TakeTrust(std::string& text) {
  if (attributes_.tafile.size() > 1) {
    return Invalid(
        "several tafile=: put their certificates into one file and name that");
  }
  if (!attributes_.tafile.empty()) {
    text += WordOf("ca", attributes_.tafile.front());
    return {};
  }
  if (!ComparesNames(level_)) return {};
  return TakeSystemTrust(text);
}

// Where Postfix trusts other authorities than the system's, the line says so.
Status PostfixLine::TakeSystemTrust(std::string& text) {
  static const std::set<std::string> kSystem{
      "/etc/ssl/certs",
      "/etc/ssl/certs/",
      "/etc/ssl/certs/ca-certificates.crt",
      "/etc/ssl/cert.pem",
      "/etc/pki/tls/certs/ca-bundle.crt",
      "/etc/pki/tls/cert.pem"};
  bool known = false;
  bool system = false;
  std::vector<std::string> own;
  for (const char* name : {"smtp_tls_CAfile", "smtp_tls_CApath"}) {
    const Result<std::optional<std::string>> value =
        options_.settings.Get(name);
    if (!value) return value.error();
    if (!value->has_value()) continue;
    known = true;
    if ((*value)->empty()) continue;
    if (kSystem.contains(**value)) {
      system = true;
    } else {
      own.push_back(**value);
    }
  }
  if (!known) return {};
  const Result<std::string> append = Setting("tls_append_default_CA");
  if (!append) return append.error();
  system = system || LowerCase(*append) == "yes";
  if (own.empty() && !system) {
    return Invalid(
        "Postfix trusts no authority at all (smtp_tls_CAfile and "
        "smtp_tls_CApath are empty), so this line lets no mail out; name the "
        "authorities with tafile=");
  }
  if (own.size() > 1) {
    return Invalid(own[0] + " and " + own[1] +
                   " are trusted together: name one of them with tafile=");
  }
  if (own.empty()) return {};
  if (!system) {
    text += WordOf("ca", own.front());
    return {};
  }
  attributes_.notes.push_back(
      "Postfix trusts " + Quoted(own.front()) +
      " besides the system's authorities; here the system's alone count, set "
      "ca= where that is not enough");
  return {};
}

Result<Pin> PostfixLine::PinFrom(const std::string& digits) const {
  const std::optional<std::string> octets = FromHex(digits);
  if (!octets || octets->empty()) {
    return Invalid(Quoted(digits) + " is no fingerprint: expected hexadecimal");
  }
  const std::optional<DigestAlgorithm> algorithm =
      DigestAlgorithmOfLength(octets->size());
  if (!algorithm) {
    return Invalid("the fingerprint has " + std::to_string(octets->size()) +
                   " octets, and that is none of MD5, SHA-1, SHA-256 and "
                   "SHA-512");
  }
  std::optional<DigestAlgorithm> used = options_.digest;
  if (!used) {
    const Result<std::string> name = Setting("smtp_tls_fingerprint_digest");
    if (!name) return name.error();
    for (const auto known :
         {DigestAlgorithm::kMd5, DigestAlgorithm::kSha1,
          DigestAlgorithm::kSha256, DigestAlgorithm::kSha512}) {
      if (LowerCase(*name) == ToString(known)) used = known;
    }
    if (!used && !name->empty()) {
      return Invalid("smtp_tls_fingerprint_digest is " + Quoted(*name) +
                     ", and no pin can be made of that");
    }
  }
  if (used && *used != *algorithm) {
    return Invalid("Postfix compares " + std::string(ToString(*used)) +
                   " digests, and this one is as long as " +
                   std::string(ToString(*algorithm)) +
                   ": it never matches there");
  }
  if (IsWeak(*algorithm) && !options_.allow_weak) {
    return Invalid(std::string(ToString(*algorithm)) +
                   " digests can be forged: put the SHA-256 digest there, or "
                   "take it with --allow-weak and replace it with 'pin-admin "
                   "pin upgrade'");
  }
  Pin pin;
  // Postfix compares it with the certificate and with its key.
  pin.kind = PinKind::kAny;
  pin.algorithm = *algorithm;
  pin.digest = *octets;
  return pin;
}

Status PostfixLine::TakePins(const PolicyKey& key,
                             std::vector<Pin>& pins) const {
  if (level_ != Level::kFingerprint) return {};
  std::vector<std::string> digests;
  for (const std::string& value : attributes_.match) {
    for (std::string& part : SplitWords(value, "|")) digests.push_back(part);
  }
  if (attributes_.match.empty()) {
    const Result<std::string> standard =
        Setting("smtp_tls_fingerprint_cert_match");
    if (!standard) return standard.error();
    digests = SplitWords(*standard, kPolicyBreaks);
  }
  if (digests.empty()) {
    return Invalid(
        attributes_.match.empty() && options_.settings.empty()
            ? "there is no match=, so smtp_tls_fingerprint_cert_match counts: "
              "give main.cf's settings with --postconf"
            : "there is no fingerprint, and Postfix defers the mail");
  }
  for (const std::string& digits : digests) {
    Result<Pin> pin = PinFrom(digits);
    if (!pin) return pin.error();
    pin->key = key.str();
    if (std::find(pins.begin(), pins.end(), *pin) == pins.end()) {
      pins.push_back(*std::move(pin));
    }
  }
  return {};
}

Result<ImportedEntry> PostfixLine::Read() {
  if (!source_.trouble.empty()) return Invalid(source_.trouble);
  const Result<PolicyKey> key = Key();
  if (!key) return key.error();
  if (Status taken = TakeWords(); !taken) return taken.error();
  std::string text = key->str() + " " + std::string(ToString(level_));
  if (Status taken = TakeNames(text); !taken) return taken.error();
  if (Status taken = TakeProtection(text); !taken) return taken.error();
  if (Status taken = TakeServername(*key, text); !taken) return taken.error();
  if (Status taken = TakeTrust(text); !taken) return taken.error();
  ImportedEntry entry;
  entry.number = source_.number;
  if (Status taken = TakePins(*key, entry.pins); !taken) return taken.error();
  Result<PolicyLine> line = ParsePolicyLine(text);
  if (!line) return Invalid(line.error().detail());
  entry.line = *std::move(line);
  return entry;
}

}  // namespace postern
