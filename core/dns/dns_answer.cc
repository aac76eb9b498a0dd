#include "core/dns/dns_answer.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "core/dns/dns_message.h"
#include "core/names/quoted.h"

namespace postern {
namespace {

constexpr int kNoError = 0;
constexpr int kNxDomain = 3;

std::string RcodeName(int rcode) {
  static constexpr std::array<std::string_view, 6> kNames{
      "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
  const auto index = static_cast<std::size_t>(rcode);
  if (index < kNames.size()) return std::string(kNames[index]);
  return "rcode " + std::to_string(rcode);
}

// Where a chain of aliases has to end in a host name (addresses), and where it
// may go through names such as "1.0/25.2.0.192.in-addr.arpa" (RFC 2317).
enum class Aliases { kHostNamesOnly, kAny };

template <typename Record>
DnsAnswer<Record> Fail(DnsAnswer<Record> answer, std::string why) {
  answer.presence = Presence::kFailed;
  answer.records.clear();
  answer.canonical.reset();
  answer.why = std::move(why);
  return answer;
}

// libunbound's words for "the keys of the trust anchor did not come". Then
// nothing that those resolvers say can be judged, and no zone is to blame: they
// can't be reached, or strip what DNSSEC needs. It remembers that for a while
// and says it again, with the first question in it, of every other name.
bool WithoutRootKeys(std::string_view why) {
  return why.find("no DNSKEY rrset") != std::string_view::npos &&
         why.find("for trust anchor") != std::string_view::npos;
}

// `parse` turns one record's rdata into a Record; nothing: malformed.
template <typename Record, typename Parse>
DnsAnswer<Record> Read(const DnsReply& reply, RrType type, Aliases aliases,
                       Parse parse) {
  DnsAnswer<Record> answer;
  answer.security = reply.security;
  // Before all else: what is in a bogus message is the forger's.
  if (reply.security == Security::kBogus && WithoutRootKeys(reply.why_bogus)) {
    answer.security = Security::kInsecure;
    return Fail(
        std::move(answer),
        "the resolvers asked can't be reached or don't pass DNSSEC on (" +
            reply.why_bogus + ")");
  }
  if (reply.security == Security::kBogus) {
    return Fail(std::move(answer), "bogus: " + reply.why_bogus);
  }
  if (!reply.failure.empty()) return Fail(std::move(answer), reply.failure);

  const Result<DnsMessage> message = ReadDnsMessage(reply.message, type);
  if (!message) return Fail(std::move(answer), message.error().detail());
  answer.ttl = message->ttl;
  if (message->rcode != kNoError && message->rcode != kNxDomain) {
    return Fail(std::move(answer), RcodeName(message->rcode));
  }

  if (message->alias) {
    if (auto canonical = Domain::Parse(message->name)) {
      answer.canonical = std::move(canonical).value();
    } else if (aliases == Aliases::kHostNamesOnly) {
      return Fail(std::move(answer),
                  "an alias of " + Quoted(message->name) + ", no host name");
    }
  }
  if (message->rcode == kNxDomain) {
    if (!message->records.empty()) {
      return Fail(std::move(answer), "NXDOMAIN with records");
    }
    answer.presence = Presence::kNoDomain;
    return answer;
  }
  for (const Rdata& rdata : message->records) {
    std::optional<Record> record = parse(rdata);
    if (!record) return Fail(std::move(answer), "a malformed record");
    answer.records.push_back(*std::move(record));
  }
  answer.presence =
      answer.records.empty() ? Presence::kNoData : Presence::kFound;
  return answer;
}

std::optional<MxRecord> ParseMx(const Rdata& rdata) {
  WireReader reader = rdata.Reader();
  MxRecord record;
  record.preference = reader.U16();
  const std::string exchange = reader.Name();
  if (!reader.done()) return std::nullopt;
  if (exchange == ".") return record;
  if (auto host = Domain::Parse(exchange)) {
    record.host = std::move(host).value();
  } else {
    record.unusable = exchange;
  }
  return record;
}

template <std::size_t N>
std::optional<std::array<std::uint8_t, N>> Bytes(const Rdata& rdata) {
  WireReader reader = rdata.Reader();
  const std::string_view octets = reader.Octets(N);
  if (!reader.done()) return std::nullopt;
  std::array<std::uint8_t, N> bytes{};
  std::memcpy(bytes.data(), octets.data(), N);
  return bytes;
}

std::optional<IpAddress> ParseA(const Rdata& rdata) {
  const auto bytes = Bytes<4>(rdata);
  if (!bytes) return std::nullopt;
  return IpAddress::V4(*bytes);
}

std::optional<IpAddress> ParseAaaa(const Rdata& rdata) {
  const auto bytes = Bytes<16>(rdata);
  if (!bytes) return std::nullopt;
  return IpAddress::V6(*bytes);
}

std::optional<std::string> ParseName(const Rdata& rdata) {
  WireReader reader = rdata.Reader();
  std::string name = reader.Name();
  if (!reader.done()) return std::nullopt;
  return name;
}

std::optional<Domain> ParseHostName(const Rdata& rdata) {
  const std::optional<std::string> name = ParseName(rdata);
  if (!name) return std::nullopt;
  auto host = Domain::Parse(*name);
  if (!host) return std::nullopt;
  return std::move(host).value();
}

std::optional<std::string> ParseTxt(const Rdata& rdata) {
  WireReader reader = rdata.Reader();
  std::string text;
  do {  // at least one character-string (RFC 1035 section 3.3.14)
    text += reader.Octets(reader.U8());
  } while (reader.left() > 0);
  if (!reader.done()) return std::nullopt;
  return text;
}

std::optional<TlsaRecord> ParseTlsa(const Rdata& rdata) {
  WireReader reader = rdata.Reader();
  TlsaRecord record;
  record.usage = reader.U8();
  record.selector = reader.U8();
  record.matching = reader.U8();
  record.data = std::string(reader.Octets(reader.left()));
  if (!reader.done()) return std::nullopt;
  return record;
}

}  // namespace

DnsAnswer<MxRecord> ReadMx(const DnsReply& reply) {
  return Read<MxRecord>(reply, RrType::kMx, Aliases::kAny, ParseMx);
}

DnsAnswer<IpAddress> ReadA(const DnsReply& reply) {
  return Read<IpAddress>(reply, RrType::kA, Aliases::kHostNamesOnly, ParseA);
}

DnsAnswer<IpAddress> ReadAaaa(const DnsReply& reply) {
  return Read<IpAddress>(reply, RrType::kAaaa, Aliases::kHostNamesOnly,
                         ParseAaaa);
}

DnsAnswer<Domain> ReadPtr(const DnsReply& reply) {
  DnsAnswer<std::string> names =
      Read<std::string>(reply, RrType::kPtr, Aliases::kAny, ParseName);
  DnsAnswer<Domain> answer;
  answer.presence = names.presence;
  answer.security = names.security;
  answer.canonical = std::move(names.canonical);
  answer.ttl = names.ttl;
  answer.why = std::move(names.why);
  for (const std::string& name : names.records) {
    if (auto host = Domain::Parse(name)) {
      answer.records.push_back(std::move(host).value());
    }
  }
  if (answer.found() && answer.records.empty()) {
    return Fail(std::move(answer),
                Quoted(names.records.front()) + " is no host name");
  }
  return answer;
}

DnsAnswer<Domain> ReadCname(const DnsReply& reply) {
  return Read<Domain>(reply, RrType::kCname, Aliases::kAny, ParseHostName);
}

DnsAnswer<std::string> ReadTxt(const DnsReply& reply) {
  return Read<std::string>(reply, RrType::kTxt, Aliases::kAny, ParseTxt);
}

DnsAnswer<TlsaRecord> ReadTlsa(const DnsReply& reply) {
  return Read<TlsaRecord>(reply, RrType::kTlsa, Aliases::kAny, ParseTlsa);
}

std::string ReverseName(const IpAddress& address) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  const std::string_view bytes = address.bytes();
  std::string name;
  for (auto it = bytes.rbegin(); it != bytes.rend(); ++it) {
    const auto byte = static_cast<std::uint8_t>(*it);
    if (address.is_v6()) {
      name += {kHex[byte & 0xfU], '.', kHex[byte >> 4U], '.'};
    } else {
      name += std::to_string(byte) + '.';
    }
  }
  return name + (address.is_v6() ? "ip6.arpa." : "in-addr.arpa.");
}

}  // namespace postern
