// postfix-transport/lmtp_protocol.h
//
// LmtpProtocol: the server's side of one LMTP connection (RFC 2033) without the
// connection: octets in, octets and events out. It delivers nothing and decides
// nothing about a message; whoever drives it (lmtp_door.h) answers for each
// recipient. Everything it keeps is bounded.
//
// Not thread-safe. Throws nothing but std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/names/next_hop.h"
#include "postfix-transport/lmtp_command.h"

namespace postern {

// Takes a message out of what follows DATA. It ends at CRLF "." CRLF and
// nowhere else: another reader of "LF . LF" would see other commands. What
// comes out is the wire form, dots still doubled, octet for octet.
class LmtpData {
 public:
  // Adds to `out`; the octets of `in` that were used: all, unless it ended.
  std::size_t Feed(std::string_view in, std::string& out);
  bool ended() const { return state_ == State::kEnded; }

 private:
  enum class State { kLineStart, kMiddle, kCr, kDot, kDotCr, kEnded };
  State state_ = State::kLineStart;
};

struct LmtpTransaction {
  struct Recipient {
    std::string address;
    HostName domain;
  };
  // As XFORWARD told it, which lmtp(8) does only of mail that came by SMTP;
  // else from the message's own Received: field; empty where that has none
  // either.
  std::string queue_id;
  std::string sender;
  std::vector<Recipient> recipients;  // accepted, in order
};

class LmtpProtocol {
 public:
  // Octets of a command line, its CRLF included. More than lmtp(8) makes of the
  // longest address that Postfix takes (line_length_limit, 2048), should each
  // octet need a backslash: where a line is cut the connection ends, and all
  // recipients of the message wait with that one.
  static constexpr std::size_t kMaxLine = 8192;
  // More than Postfix's default_destination_recipient_limit (50) and than
  // RFC 5321 section 4.5.3.1.8 asks for.
  static constexpr std::size_t kMaxRecipients = 200;
  // Octets of a message in which its queue id is looked for.
  static constexpr std::size_t kMaxHead = 2048;
  // Lines that are no command at all; then the connection is closed.
  static constexpr int kMaxNonsense = 20;

  // `name`: this host's, for the greeting. A message that announces more than
  // `max_size` octets is deferred at MAIL.
  LmtpProtocol(std::string name, std::uint64_t max_size);

  // What the client sent. Call Next() until it wants more.
  void Append(std::string_view octets);

  enum class Event {
    kNeedsInput,  // send replies(), then read more
    kData,        // take data(); several times a message
    kMessage,     // it is complete: an Answer() for each recipient is due
    kOver,        // send replies() and close
  };
  Event Next();

  // What is to be sent now; the caller takes it away.
  std::string& replies() { return replies_; }
  // Octets of the message since the last kData; the caller takes them away.
  std::string& data() { return data_; }

  // The client is in the middle of a message.
  bool receiving() const { return phase_ == Phase::kData; }

  // Valid from kData until the last Answer().
  const LmtpTransaction& transaction() const { return transaction_; }
  // kMessage: a name for a message that has no queue id.
  void Name(std::string queue_id) {
    transaction_.queue_id = std::move(queue_id);
  }
  // For the next recipient, in order. The last one ends the transaction.
  void Answer(const LmtpReply& reply);

 private:
  enum class Phase { kCommands, kData, kAnswers, kOver };

  Event NextCommand();
  Event NextData();
  void Handle(std::string_view line);
  void On(const lmtp::Lhlo&);
  void On(const lmtp::Mail& mail);
  void On(const lmtp::Rcpt& rcpt);
  void On(const lmtp::Data&);
  void On(const lmtp::Rset&);
  void On(const lmtp::Noop&);
  void On(const lmtp::Vrfy&);
  void On(const lmtp::Quit&);
  void On(const lmtp::Xforward& xforward);
  void Say(const LmtpReply& reply);
  void OutOfOrder(const char* text);
  void Reset();

  const std::string name_;
  const std::uint64_t max_size_;
  Phase phase_ = Phase::kCommands;
  bool greeted_ = false;  // LHLO was said
  bool mail_given_ = false;
  int nonsense_ = 0;
  std::size_t answered_ = 0;
  LmtpTransaction transaction_;
  LmtpData body_;
  std::string input_;
  std::string replies_, data_;
  std::string head_;  // the message's first octets
};

}  // namespace postern
