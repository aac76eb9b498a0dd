// core/service/socket_map.h
//
// The socket map protocol that Sendmail and Postfix share: a client sends
// "map key" as a netstring and gets "OK value", "NOTFOUND", "TEMP text",
// "TIMEOUT text" or "PERM text" as one, in the order in which it asked. (Dan
// Bernstein's netstrings, 1997; Postfix's socketmap_table(5); Sendmail's
// operations guide, "socket".)
//
// Pure functions over octets: no I/O. What does not parse is an Error, never a
// question that was half understood. Both ends' halves are here.
#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "core/outcome/result.h"

namespace postern {

// Octets of a question within its netstring. Sendmail cuts keys at 1024;
// Postfix asks for domains and host names.
inline constexpr std::size_t kMaxSocketMapQuery = 4096;
// Octets of an answer within its netstring: what Postfix takes at most.
inline constexpr std::size_t kMaxSocketMapReply = 100'000;

struct SocketMapQuery {
  std::string map;  // its name; never empty, no blank in it
  std::string key;  // whatever follows the first blank; may be empty
  auto operator<=>(const SocketMapQuery&) const = default;
};

// The content of a question's netstring. Error: kRequestInvalid for a map name
// that is missing, or for control characters.
Result<SocketMapQuery> ParseSocketMapQuery(std::string_view content);
// The whole netstring.
std::string FormatSocketMapQuery(const SocketMapQuery& query);

struct SocketMapReply {
  enum class Status { kOk, kNotFound, kTemp, kTimeout, kPerm };
  Status status = Status::kTemp;
  std::string text;  // the value, or why there is none
  bool operator==(const SocketMapReply&) const = default;

  static SocketMapReply Ok(std::string value);
  static SocketMapReply Temp(std::string why);
};
// "OK", "NOTFOUND", ...: the word on the wire.
std::string_view ToString(SocketMapReply::Status status);

// The content of an answer's netstring. Error: kServiceUnavailable.
Result<SocketMapReply> ParseSocketMapReply(std::string_view content);
// The whole netstring. Control characters of the text become spaces. An answer
// that is too long becomes a TEMP, for half a value may say something else.
std::string FormatSocketMapReply(const SocketMapReply& reply);

// "5:hello,".
std::string FormatNetstring(std::string_view content);

// Collects octets and takes netstrings off their front. Holds at most one
// netstring of `limit` octets and what came after it in the same Append().
class NetstringBuffer {
 public:
  explicit NetstringBuffer(std::size_t limit) : limit_(limit) {}

  void Append(std::string_view octets) { octets_ += octets; }
  // The first netstring's content, or nothing if it is not whole yet. Error
  // (kRequestInvalid): this is no netstring, or one that is longer than the
  // limit; nothing after it can be understood. Told before its content came.
  Result<std::optional<std::string>> Take();
  bool empty() const { return begin_ == octets_.size(); }

 private:
  std::size_t limit_;
  std::string octets_;
  std::size_t begin_ = 0;  // what stands before it has been taken
};

}  // namespace postern
