#include "sendmail-milter/map_question.h"

#include <algorithm>
#include <vector>

#include "core/gate/evidence_index.h"
#include "core/gate/made_connection.h"
#include "core/names/quoted.h"

namespace postern {
namespace {

// Of both kinds: destination, server_name, server_addr, verify, tls_version,
// cipher_bits, cert_fp, san, cn_subject; then i, h, cipher.
constexpr std::size_t kFields = 9;
constexpr std::size_t kAllFields = 12;

bool IsAlphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z');
}

// A word as Sendmail's macros have it: nothing that any notation knows.
bool IsWord(std::string_view text, std::string_view besides) {
  return text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return IsAlphanumeric(c) || besides.find(c) != besides.npos;
         });
}

// "<a><b>" -> a, b.
std::optional<std::vector<std::string_view>> Fields(std::string_view text) {
  std::vector<std::string_view> fields;
  while (!text.empty()) {
    const std::size_t end = text.find('>');
    if (text.front() != '<' || end == text.npos) return std::nullopt;
    const std::string_view field = text.substr(1, end - 1);
    if (field.find('<') != field.npos) return std::nullopt;
    fields.push_back(field);
    text.remove_prefix(end + 1);
  }
  return fields;
}

std::string_view WithoutDot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

// Sendmail writes "192.0.2.1" and "IPv6:2001:db8::1".
Result<IpAddress> ParseAddress(std::string_view text) {
  if (text.starts_with("IPv6:")) text.remove_prefix(5);
  return IpAddress::Parse(text);
}

// Lists of hosts, local mailers' words and the like are no next hop of ours.
std::optional<NextHop> ParseHop(std::string_view text) {
  Result<NextHop> hop = NextHop::Parse(WithoutDot(text));
  if (!hop) return std::nullopt;
  return *std::move(hop);
}

Result<std::optional<HostName>> ParseDestination(MapQuestion::Asks asks,
                                                 std::string_view text) {
  if (asks == MapQuestion::Asks::kConnection) {
    // A host in brackets is a next hop: it does not say whose mail it is.
    if (text.empty() || text == "?" || text.starts_with('[')) {
      return std::optional<HostName>();
    }
  } else if (text.empty() || text == "?") {
    return Invalid("the recipient's domain is not known");
  }
  Result<HostName> domain = ParseRecipientDomain(WithoutDot(text));
  if (!domain) return domain.error();
  return std::optional<HostName>(*std::move(domain));
}

}  // namespace

Result<MapQuestion> ParseMapQuestion(std::string_view key) {
  if (key.size() >= kMaxMapKey) return Invalid("the key may have been cut off");
  for (const char c : key) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return Invalid("there is a control character in the key");
    }
  }
  const bool recipient = key.starts_with('R');
  if (!recipient && !key.starts_with('S')) {
    return Invalid("a key begins with R or S: " + Quoted(key));
  }
  const auto fields = Fields(key.substr(1));
  if (!fields || (fields->size() != kFields && fields->size() != kAllFields)) {
    return Invalid("not the fields of a key: " + Quoted(key));
  }
  const std::vector<std::string_view>& f = *fields;
  const auto asks = recipient ? MapQuestion::Asks::kRecipient
                              : MapQuestion::Asks::kConnection;
  auto destination = ParseDestination(asks, f[0]);
  if (!destination) return destination.error();
  const std::optional<HostName> server = ParseMadeHost(f[1]);
  if (!server) return Invalid("not a host: " + Quoted(f[1]));
  const Result<IpAddress> address = ParseAddress(f[2]);
  if (!address) return address.error();
  if (!IsWord(f[3], "") || !IsWord(f[4], ".") || !IsWord(f[5], "")) {
    return Invalid("not what is said of TLS: " + Quoted(key));
  }
  MapQuestion question{asks, *std::move(destination), *server, *address};
  question.verify = f[3];
  question.protocol = f[4];
  question.encrypted = !f[4].empty() && (f[3] == "OK" || f[3] == "FAIL");
  question.leaf_sha256 = ParseFingerprint(f[6]).value_or("");
  if (f.size() == kFields) return question;

  if (!IsWord(f[9], "-") || !IsWord(f[11], "-_")) {
    return Invalid("not a queue id or a cipher: " + Quoted(key));
  }
  question.queue_id = f[9];
  question.hop = ParseHop(f[10]);
  question.cipher = f[11];
  return question;
}

}  // namespace postern
