#include "postfix-transport/smtp_policy.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/tls/tls_words.h"

namespace postern {
namespace {

// Ours at every level (core/tls): no anonymous server, nothing weak. smtp(8)
// takes anonymous ciphers below the levels that verify.
constexpr std::string_view kNeverCiphers = "aNULL:3DES:RC4:MD5";

constexpr PostfixVersion kReuse{3, 4};    // connection_reuse=
constexpr PostfixVersion kRanges{3, 6};   // protocols=>=TLSv1.2
constexpr PostfixVersion kRawKeys{3, 9};  // enable_rpk=

// Blanks and commas end an attribute on every version.
bool IsPlainPath(std::string_view text) {
  return text.starts_with('/') &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return c > ' ' && c < 0x7f && c != ',' && c != '{' && c != '}';
         });
}

// What no word of smtp(8) stands for, whatever the level; empty: nothing.
std::string Unsaid(const PolicyLine& line) {
  if (line.on_fail != OnFail::kDefer) {
    return "on-fail=: smtp(8) always defers";
  }
  if (line.also_auto) return "also=auto";
  if (!line.mx.empty()) return "mx=: smtp(8) takes any MX host";
  if (!line.route.empty()) return "route=";
  if (line.wrapper) return "wrapper=yes";
  if (line.source) return "source=";
  if (!line.helo.empty()) return "helo=";
  if (line.family != Family::kAny) return "family=";
  if (!line.client_cert.empty()) return "client-cert=";
  if (line.exclude.find("TLS_") != std::string::npos) {
    return "exclude= of a TLS 1.3 suite";
  }
  return "";
}

// One policy in the making.
class Writer {
 public:
  Writer(const ServedPolicy& policy, const NextHop& key,
         const SmtpClient& client, TimePoint now)
      : policy_(policy),
        line_(policy.line),
        key_(key),
        client_(client),
        now_(now) {}

  SmtpPolicy Write() {
    Refuse(Unsaid(line_));
    WriteLevel();
    if (!result_.why.empty()) {
      result_.value.reset();
    } else {
      result_.value = std::move(text_);
    }
    return std::move(result_);
  }

 private:
  void WriteLevel();
  void WriteFingerprint();
  void WriteNames();
  void WriteTrust();
  void WriteTls(bool server_name);
  std::string Protocols() const;
  bool HoldsNow(const Pin& pin) const;

  // The first reason stays.
  void Refuse(std::string why) {
    if (result_.why.empty()) result_.why = std::move(why);
  }
  void Add(std::string_view attribute, std::string_view value) {
    text_ += ' ';
    text_ += attribute;
    text_ += '=';
    text_ += value;
  }

  const ServedPolicy& policy_;
  const PolicyLine& line_;
  const NextHop& key_;
  const SmtpClient& client_;
  const TimePoint now_;
  std::string text_;
  SmtpPolicy result_;
};

void Writer::WriteLevel() {
  // `hosted` is `secure` with names of its own.
  text_ =
      ToString(line_.level == Level::kHosted ? Level::kSecure : line_.level);
  switch (line_.level) {
    case Level::kNone:
      return;
    case Level::kMay:
    case Level::kEncrypt:
      return WriteTls(true);
    case Level::kFingerprint:
      WriteFingerprint();
      return WriteTls(true);
    case Level::kVerify:
    case Level::kSecure:
    case Level::kHosted:
      WriteNames();
      WriteTrust();
      return WriteTls(true);
    case Level::kDaneOnly:
      // The name is the TLSA base domain there, whatever servername= says.
      if (line_.servername) Refuse("servername= at dane-only");
      return WriteTls(false);
    case Level::kDane:
      return Refuse(
          "dane: smtp(8) sends in clear where its resolver does not validate");
    case Level::kSts:
      return Refuse(
          "sts: smtp(8) does not compare the MX host with the certificate");
    case Level::kAuto:
      break;
  }
  Refuse("auto: what is published decides host by host");
}

bool Writer::HoldsNow(const Pin& pin) const {
  return (!pin.valid_from || *pin.valid_from <= now_) &&
         (!pin.valid_until || now_ <= *pin.valid_until);
}

// A pin that can't be said is refused like any unknown key, so it may be left
// out: stricter, never weaker. But not the last one: then nothing would match,
// and the log would blame the server.
void Writer::WriteFingerprint() {
  std::string digests;
  std::string left_out;
  for (const Pin& pin : policy_.pins) {
    if (!HoldsNow(pin)) continue;
    if (pin.kind == PinKind::kCa || pin.algorithm != client_.digest) {
      left_out =
          std::string(pin.kind == PinKind::kCa ? ToString(pin.kind)
                                               : ToString(pin.algorithm)) +
          " pin" + (pin.label.empty() ? "" : " \"" + pin.label + '"');
      result_.notes.push_back("left out: a " + left_out +
                              "; smtp(8) compares " +
                              std::string(ToString(client_.digest)) +
                              " digests of the server's own certificate");
      continue;
    }
    if (!digests.empty()) digests += '|';
    digests += ToHex(pin.digest);
  }
  if (!digests.empty()) return Add("match", digests);
  if (!left_out.empty()) return Refuse("its only " + left_out);
  Refuse(policy_.pins.empty() ? "fingerprint without a pin"
                              : "fingerprint: no pin is valid now");
}

void Writer::WriteNames() {
  if (CommonNameRule(line_) != CommonName::kNoSan) {
    return Refuse(line_.cn == CommonName::kAlways
                      ? "cn=always"
                      : "cn=never: smtp(8) takes a bare common name; "
                        "cn=no-san says so");
  }
  std::vector<std::string> names;
  const auto add = [&names](std::string name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(std::move(name));
    }
  };
  std::vector<MatchItem> items = MatchRule(line_);
  if (line_.level == Level::kHosted) {
    items = {MatchToken::kNextHop, MatchToken::kHostname};
  }
  // At a host's own key the recipient is unknown.
  const Domain* hop = key_.domain();
  const bool own_mx = hop != nullptr && !key_.bracketed();
  if (line_.level == Level::kHosted && !own_mx) {
    return Refuse("hosted at a host's key: the recipient's domain is unknown");
  }
  for (const MatchItem& item : items) {
    if (const auto* name = std::get_if<ReferenceIdentity>(&item)) {
      // Its own tokens have no dot; such a name would be read as one.
      if (name->str().find('.') == std::string::npos) {
        return Refuse("match=" + name->str());
      }
      add(name->str());
      continue;
    }
    const auto token = std::get<MatchToken>(item);
    if (token == MatchToken::kPtr) return Refuse("match=ptr");
    if (token == MatchToken::kDomain && !own_mx) {
      return Refuse("match=domain at a host's key");
    }
    if (token == MatchToken::kHostname) {
      add("hostname");
    } else if (hop != nullptr) {
      add((token == MatchToken::kDotNextHop ? "." : "") + hop->str());
    }
  }
  if (names.empty()) return Refuse("match=: no name is left to compare");
  std::string joined;
  for (const std::string& name : names) {
    if (!joined.empty()) joined += ':';
    joined += name;
  }
  Add("match", joined);
}

void Writer::WriteTrust() {
  if (!line_.crl.empty()) Refuse("crl=: smtp(8) looks at no revocation list");
  if (line_.ca.empty()) return;
  // A hashed directory or an anchor of the store has no word.
  if (!IsPlainPath(line_.ca) || line_.ca.ends_with('/')) {
    return Refuse("ca=" + line_.ca);
  }
  Add("tafile", line_.ca);
}

std::string Writer::Protocols() const {
  // Checked when the line was written; what does not parse is not let pass.
  const Result<ProtocolSet> set = ParseProtocols(line_.protocols);
  const bool tls12 = set && set->tls12;
  const bool tls13 = !set || set->tls13;
  if (client_.version >= kRanges) {
    std::string range = tls12 ? ">=TLSv1.2" : ">=TLSv1.3";
    if (!tls13) range += ":<=TLSv1.2";
    return range;
  }
  std::string excluded = "!SSLv2:!SSLv3:!TLSv1:!TLSv1.1";
  if (!tls12) excluded += ":!TLSv1.2";
  if (!tls13) excluded += ":!TLSv1.3";
  return excluded;
}

void Writer::WriteTls(bool server_name) {
  Add("protocols", Protocols());
  Add("ciphers", line_.ciphers.empty() ? "high" : line_.ciphers);
  Add("exclude", line_.exclude.empty()
                     ? std::string(kNeverCiphers)
                     : std::string(kNeverCiphers) + ':' + line_.exclude);
  // Of a connection that is used again the map is not asked: one whose pin is
  // gone would still take mail.
  if (client_.version >= kReuse) Add("connection_reuse", "no");
  if (server_name && line_.servername) {
    Add("servername", line_.servername->str());
  } else if (server_name && key_.domain() != nullptr) {
    Add("servername", "hostname");
  }
  // A raw key has no certificate to judge.
  if (client_.version >= kRawKeys) Add("enable_rpk", "no");
}

}  // namespace

SmtpPolicy ToSmtpPolicy(const ServedPolicy& policy, const NextHop& key,
                        const SmtpClient& client, TimePoint now) {
  return Writer(policy, key, client, now).Write();
}

}  // namespace postern
