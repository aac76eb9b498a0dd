// postfix-transport/lmtp_command.h
//
// One line of an LMTP client, understood or refused. Pure functions over text.
//
// A refusal of an address, a size or a parameter is always 4.x.x: it is a
// mistake on this side of the gate, and nothing but the destination's own word
// may bounce a message.
//
// RFC 2033 (LMTP), RFC 5321 section 4.1 (commands), RFC 1870 (SIZE), RFC 6152
// (8BITMIME), RFC 6531 (SMTPUTF8), Postfix's XFORWARD_README.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/delivery/delivery.h"
#include "core/outcome/result.h"

namespace postern {

struct LmtpReply {
  int code = 451;
  std::string status;  // RFC 3463, of the code's class; empty for 354
  std::string text;    // whatever a server said

  // "250 2.1.5 text\r\n": one line of printable ASCII, bounded.
  std::string Format() const;
};

// 451 (452 where room is lacking), whatever the error.
LmtpReply LmtpReplyFor(const Error& error);
LmtpReply LmtpReplyFor(const RecipientResult& result);

namespace lmtp {

struct Lhlo {};
struct Mail {
  std::string sender;
  std::uint64_t size = 0;  // 0: not said
};
struct Rcpt {
  std::string recipient;
  HostName domain;
};
struct Data {};
struct Rset {};
struct Noop {};
struct Vrfy {};
struct Quit {};
// What Postfix knows of the message; of that only its queue id matters here.
struct Xforward {
  std::optional<std::string> ident;  // nothing: not named; "": not known
};

using Command =
    std::variant<Lhlo, Mail, Rcpt, Data, Rset, Noop, Vrfy, Quit, Xforward>;

// `line` without its CRLF.
std::variant<Command, LmtpReply> ParseCommand(std::string_view line);

// RFC 3461 section 4: "+XX" stands for an octet. Nothing for what is no xtext.
std::optional<std::string> DecodeXtext(std::string_view text);

// The queue id in the Received: field that Postfix puts before a message which
// did not come by SMTP; `head` is how the message begins. Empty where it has
// none.
std::string QueueIdIn(std::string_view head);

}  // namespace lmtp
}  // namespace postern
