#include "core/dns/dns_message.h"

#include <algorithm>
#include <optional>

namespace postern {
namespace {

constexpr std::size_t kHeaderLength = 12;
constexpr std::uint16_t kClassIn = 1;
constexpr std::uint16_t kFlagResponse = 0x8000;
constexpr std::uint16_t kFlagTruncated = 0x0200;
constexpr std::size_t kMaxNameLength = 255;  // RFC 1035 section 2.3.4
// libunbound gives up earlier; this only bounds what a hostile message costs.
constexpr int kMaxAliases = 16;

struct Record {
  std::string owner;
  std::uint16_t type = 0, klass = 0;
  std::uint32_t ttl = 0;
  Rdata rdata;

  bool Is(RrType wanted) const {
    return klass == kClassIn && type == static_cast<std::uint16_t>(wanted);
  }
};

Error Malformed(std::string what) {
  return {Reason::kDnsLookupFailed, "malformed DNS answer: " + std::move(what)};
}

void AppendOctet(std::uint8_t octet, std::string& text) {
  const char c = static_cast<char>(octet);
  if (c >= 'A' && c <= 'Z') {
    text += static_cast<char>(c - 'A' + 'a');
  } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
             c == '_') {
    text += c;
  } else {
    text += '\\';
    text += static_cast<char>('0' + octet / 100);
    text += static_cast<char>('0' + octet / 10 % 10);
    text += static_cast<char>('0' + octet % 10);
  }
}

Record ReadRecord(std::string_view message, WireReader& reader) {
  Record record;
  record.owner = reader.Name();
  record.type = reader.U16();
  record.klass = reader.U16();
  record.ttl = reader.U32();
  // The top bit set means zero (RFC 2181 section 8).
  if (record.ttl > 0x7fffffffU) record.ttl = 0;
  const std::size_t length = reader.U16();
  record.rdata = Rdata{message, reader.at(), length};
  reader.Octets(length);
  return record;
}

// How long an absence may be believed (RFC 2308 section 5).
std::optional<std::uint32_t> NegativeTtl(const Record& record) {
  if (!record.Is(RrType::kSoa)) return std::nullopt;
  WireReader reader = record.rdata.Reader();
  reader.Name();
  reader.Name();
  reader.Octets(16);  // serial, refresh, retry, expire
  const std::uint32_t minimum = reader.U32();
  if (!reader.done()) return std::nullopt;
  return std::min(record.ttl, minimum);
}

// Follows the aliases from answer.name; false if they never end or are torn.
bool FollowAliases(const std::vector<Record>& records, DnsMessage& answer,
                   std::uint32_t& ttl) {
  for (int step = 0; step <= kMaxAliases; ++step) {
    const auto alias = std::find_if(
        records.begin(), records.end(), [&answer](const Record& record) {
          return record.Is(RrType::kCname) && record.owner == answer.name;
        });
    if (alias == records.end()) return true;
    WireReader reader = alias->rdata.Reader();
    answer.name = reader.Name();
    if (!reader.done()) return false;
    answer.alias = true;
    ttl = std::min(ttl, alias->ttl);
  }
  return false;
}

}  // namespace

WireReader::WireReader(std::string_view message, std::size_t at,
                       std::size_t end)
    : message_(message),
      at_(at),
      end_(end),
      ok_(at <= end && end <= message.size()) {}

std::string_view WireReader::Octets(std::size_t count) {
  if (!ok_ || count > end_ - at_) {
    Fail();
    return {};
  }
  const std::string_view octets = message_.substr(at_, count);
  at_ += count;
  return octets;
}

std::uint8_t WireReader::U8() {
  const std::string_view octets = Octets(1);
  return ok_ ? static_cast<std::uint8_t>(octets[0]) : std::uint8_t{0};
}

std::uint16_t WireReader::U16() {
  const unsigned high = U8();
  return static_cast<std::uint16_t>(high << 8 | U8());
}

std::uint32_t WireReader::U32() {
  const std::uint32_t high = U16();
  return high << 16 | U16();
}

// Appends one label; false at the root label and on failure.
bool WireReader::Label(std::size_t& at, std::size_t end, std::string& name,
                       std::size_t& wire_length) {
  const std::size_t length = static_cast<std::uint8_t>(message_[at]);
  if (length > 63 || length >= end - at ||
      wire_length + length + 1 > kMaxNameLength) {
    Fail();
    return false;
  }
  wire_length += length + 1;
  if (length == 0) {
    ++at;
    return false;
  }
  if (!name.empty()) name += '.';
  for (const char c : message_.substr(at + 1, length)) {
    AppendOctet(static_cast<std::uint8_t>(c), name);
  }
  at += length + 1;
  return true;
}

std::string WireReader::Name() {
  std::string name;
  std::size_t wire_length = 0;
  std::size_t at = at_, end = end_;
  bool jumped = false;
  while (ok_) {
    if (at >= end) {
      Fail();
      break;
    }
    const auto first = static_cast<std::uint8_t>(message_[at]);
    if ((first & 0xc0U) != 0xc0U) {
      if (Label(at, end, name, wire_length)) continue;
      if (!jumped) at_ = at;
      break;
    }
    if (end - at < 2) {
      Fail();
      break;
    }
    const std::size_t target =
        (first & 0x3fU) << 8 | static_cast<std::uint8_t>(message_[at + 1]);
    // Strictly backwards, so that no chain of pointers can go round.
    if (target >= at) {
      Fail();
      break;
    }
    if (!jumped) at_ = at + 2;
    jumped = true;
    // What is pointed at ends before the pointer, or it would go round too.
    end = at;
    at = target;
  }
  if (!ok_) return {};
  return name.empty() ? "." : name;
}

Result<DnsMessage> ReadDnsMessage(std::string_view message, RrType type) {
  WireReader reader(message, 0, message.size());
  reader.U16();  // ID
  const std::uint16_t flags = reader.U16();
  const std::uint16_t questions = reader.U16();
  const std::uint16_t answers = reader.U16();
  const std::uint16_t authorities = reader.U16();
  reader.U16();  // additional records: not looked at
  if (!reader.ok() || reader.at() != kHeaderLength) {
    return Malformed("no header");
  }
  if ((flags & kFlagResponse) == 0) return Malformed("not a response");
  if ((flags & kFlagTruncated) != 0) return Malformed("truncated");
  if (questions != 1) return Malformed("not exactly one question");

  DnsMessage answer;
  answer.rcode = flags & 0xf;
  answer.name = reader.Name();
  const std::uint16_t asked_type = reader.U16();
  const std::uint16_t asked_class = reader.U16();
  if (!reader.ok() || asked_type != static_cast<std::uint16_t>(type) ||
      asked_class != kClassIn) {
    return Malformed("it answers another question");
  }

  std::vector<Record> records;
  for (int i = 0; i < answers && reader.ok(); ++i) {
    records.push_back(ReadRecord(message, reader));
  }
  if (!reader.ok()) return Malformed("torn answer section");

  std::uint32_t ttl = 0x7fffffffU;
  if (type != RrType::kCname && !FollowAliases(records, answer, ttl)) {
    return Malformed("a torn or endless chain of aliases");
  }
  for (const Record& record : records) {
    if (!record.Is(type) || record.owner != answer.name) continue;
    answer.records.push_back(record.rdata);
    ttl = std::min(ttl, record.ttl);
  }
  if (answer.records.empty()) {
    std::uint32_t negative = 0;
    for (int i = 0; i < authorities && reader.ok(); ++i) {
      if (const auto found = NegativeTtl(ReadRecord(message, reader))) {
        negative = *found;
      }
    }
    if (!reader.ok()) return Malformed("torn authority section");
    ttl = std::min(ttl, negative);
  }
  answer.ttl = std::chrono::seconds(ttl);
  return answer;
}

}  // namespace postern
