// core/smtp/smtp_reply.h
//
// SmtpReply: what a server answered to one command. ReplyReader: the octets of
// a connection turned into replies, and the only place that reads a server's
// text. Hostile input: everything is bounded, and what leaves here is printable
// ASCII.
//
// Sources: RFC 5321 section 4.2 (replies), RFC 2034 and 3463 (enhanced codes).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/outcome/result.h"

namespace postern {

struct SmtpReply {
  int code = 0;
  std::string enhanced;            // "5.1.1" if the server gave one that fits
  std::vector<std::string> lines;  // without the codes; printable ASCII only
  // "550 5.1.1 no such user", lines joined by "; ", at most 400 octets.
  std::string Text() const;

  bool positive() const { return code >= 200 && code < 300; }
};

// Not thread-safe. After an Error it gives no more replies.
class ReplyReader {
 public:
  // RFC 5321 section 4.5.3.1.5 allows 512 octets a line; real servers write
  // longer ones.
  static constexpr std::size_t kMaxLine = 2048;
  static constexpr std::size_t kMaxLines = 100;

  void Append(std::string_view octets) { buffer_ += octets; }

  // The next reply if it is complete, nothing if more octets are needed. What
  // is no reply is kSmtpProtocolError: a line too long, too many lines, codes
  // that differ within one reply, anything else than three digits in front.
  Result<std::optional<SmtpReply>> Next();

  // Octets that no reply has used yet. More than none means, before a command
  // is sent, that the server spoke out of turn.
  std::size_t pending() const { return buffer_.size() + lines_.size(); }

  // Forgets everything.
  void Clear();

 private:
  Status AddLine(std::string_view line);

  std::string buffer_;              // what has not been split into lines
  std::vector<std::string> lines_;  // of the reply being read, without codes
  int code_ = 0;
  bool last_ = false;  // the last line of the reply is in lines_
  bool broken_ = false;
};

// `text` without control characters, tabs as spaces, other octets than ASCII
// as "?", at most `limit` octets.
std::string PrintableAscii(std::string_view text, std::size_t limit);

}  // namespace postern
