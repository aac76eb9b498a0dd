// core/service/line_protocol.h
//
// The line protocol of posternd's unix sockets (docs/protocol.md): the service
// greets, the client sends one request line, the service sends one reply line
// and closes. A person can type it.
//
//   S: postern 1 ready
//   C: deliver nexthop=[mx.example]:25 queue-id=4F sender=a@b.test
//   recipient=c@d.test S: deferred 4.7.5 certificate-host-mismatch: ...
//
// Pure functions over text: no I/O. What does not parse is an Error, never a
// request or reply that was half understood.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/outcome/result.h"

namespace postern {

// Grows only when the meaning of what is already there changes.
inline constexpr int kProtocolVersion = 1;

// Octets of a line, its line end included.
inline constexpr std::size_t kMaxGreetingLine = 512;
inline constexpr std::size_t kMaxRequestLine = 8192;
// At doors where a request carries a server's certificates.
inline constexpr std::size_t kMaxChainLine = 256 * 1024;
inline constexpr std::size_t kMaxReplyLine = 1024 * 1024;
inline constexpr std::size_t kMaxFields = 32;

// "postern 1 ready", without a line end.
std::string FormatGreeting();
// kServiceUnavailable for any other text; the detail quotes it.
Status CheckGreeting(std::string_view line);

// `VERB key=value key=value`. Verbs and keys are lower-case letters, digits and
// hyphens and begin with a letter; a key occurs once; a value is any text
// without control characters, and may be empty.
struct Request {
  std::string verb;
  std::vector<std::pair<std::string, std::string>> fields;

  // Nothing if the key is absent.
  const std::string* Find(std::string_view key) const;
  bool operator==(const Request&) const = default;
};

// `line` without its line end. Error: kRequestInvalid, naming what is wrong.
Result<Request> ParseRequest(std::string_view line,
                             std::size_t limit = kMaxRequestLine);
// The line, LF included. Error where a verb, key or value can't be sent.
Result<std::string> FormatRequest(const Request& request,
                                  std::size_t limit = kMaxRequestLine);

// `WORD rest`. Words of ours: "ok" (rest: JSON), "delivered", "deferred",
// "bounced" and "error" (rest: an enhanced status code and a text).
struct Reply {
  std::string word;
  std::string rest;
  bool operator==(const Reply&) const = default;
};

// `line` without its line end. Error: kServiceUnavailable.
Result<Reply> ParseReply(std::string_view line);
// The line, LF included, always within kMaxReplyLine: control characters of
// `rest` become spaces; a rest that is too long becomes an "error" reply.
std::string FormatReply(const Reply& reply);

// At the pipe door, before the final dot: the service asks with the one line
// and sends the dot only once it has read the other.
inline constexpr std::string_view kStillWanted = "wanted?";
inline constexpr std::string_view kIsWanted = "wanted";

// The rest of every reply but "ok".
struct StatusText {
  std::string status;  // RFC 3463, "4.7.5"
  std::string text;
};
// Nothing unless `rest` begins with a status code of class `classes` ("2",
// "45") and the code is followed by the end or a space.
std::optional<StatusText> ParseStatusText(std::string_view rest,
                                          std::string_view classes);

// "error 4.3.2 service-busy: sentence (detail); hint: …": how every refusal of
// the service itself is worded. Always 4.x.x.
Reply ErrorReply(const Error& error);

// Printable ASCII but '%' stands for itself, every other octet is %XX.
std::string PercentEncode(std::string_view text);
// Nothing for a '%' that two hex digits don't follow.
std::optional<std::string> PercentDecode(std::string_view text);

// One line fit for a log: control characters become spaces, what is not UTF-8
// becomes '?', and at most `limit` octets remain, never half a character.
std::string OneLine(std::string_view text, std::size_t limit);

}  // namespace postern
