// core/smtp/message.h
//
// What is sent: an envelope and a message in SMTP wire form (lines end in CRLF,
// leading dots doubled, the closing "." not included; RFC 5321 section 4.5.2).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/outcome/result.h"

namespace postern {

struct Envelope {
  std::string sender;                   // empty: the null reverse-path
  std::vector<std::string> recipients;  // quoted as SMTP wants them
  std::string queue_id;                 // the MTA's, for the log
};

// Immutable: any number of sessions may read at a time.
class Message {
 public:
  virtual ~Message() = default;
  virtual std::uint64_t size() const = 0;  // octets of the wire form
  virtual bool has_8bit() const = 0;
  // A header field holds non-ASCII octets (RFC 6532).
  virtual bool has_utf8_header() const = 0;
  virtual bool ends_with_crlf() const = 0;
  // Fills from `offset`; fewer octets than asked only at the end; an Error if
  // the spool can't be read.
  virtual Result<std::size_t> Read(std::uint64_t offset,
                                   std::span<char> into) const = 0;

 protected:
  Message() = default;
};

}  // namespace postern
