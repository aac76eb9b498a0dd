// core/dns/dns_message.h
//
// Reading one DNS message (RFC 1035 section 4) as libunbound hands it over.
// What is in it came from strangers: every read is checked against the end, and
// whatever is malformed makes the message unusable as a whole. Pure functions
// on borrowed octets.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/outcome/result.h"

namespace postern {

enum class RrType : std::uint16_t {
  kA = 1,
  kCname = 5,
  kSoa = 6,
  kPtr = 12,
  kMx = 15,
  kTxt = 16,
  kAaaa = 28,
  kTlsa = 52,
};

// Reads forward from `at` and never past `end`. Once a read fails, ok() is
// false for good and every further read gives zero or nothing.
class WireReader {
 public:
  WireReader(std::string_view message, std::size_t at, std::size_t end);

  bool ok() const { return ok_; }
  // Everything up to the end was read, and nothing failed.
  bool done() const { return ok_ && at_ == end_; }
  std::size_t at() const { return at_; }
  std::size_t left() const { return ok_ ? end_ - at_ : 0; }

  std::uint8_t U8();
  std::uint16_t U16();
  std::uint32_t U32();
  std::string_view Octets(std::size_t count);
  // A domain name in presentation form (RFC 1035 section 5.1), lower case,
  // without the trailing dot; the root is ".". Octets that no host name has are
  // written \DDD, so that two names are equal exactly if their texts are.
  // Compression pointers are followed backwards only (section 4.1.4).
  std::string Name();

 private:
  void Fail() { ok_ = false; }
  bool Label(std::size_t& at, std::size_t end, std::string& name,
             std::size_t& wire_length);

  std::string_view message_;
  std::size_t at_, end_;
  bool ok_;
};

// Where the rdata of one record lies in its message.
struct Rdata {
  std::string_view message;
  std::size_t at = 0, length = 0;

  WireReader Reader() const { return {message, at, at + length}; }
};

// The answer to one question, with the chain of aliases followed.
struct DnsMessage {
  int rcode = 0;
  std::string name;    // where the chain ends; the name asked if no alias
  bool alias = false;  // there was a chain
  std::vector<Rdata> records;  // of the type asked, at `name`
  std::chrono::seconds ttl{0};
};

// Result's error (kDnsLookupFailed) says what is wrong: truncated, malformed,
// an answer to something else, an endless chain. The records borrow from
// `message`.
Result<DnsMessage> ReadDnsMessage(std::string_view message, RrType type);

}  // namespace postern
