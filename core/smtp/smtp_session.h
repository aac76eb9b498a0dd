// core/smtp/smtp_session.h
//
// SmtpSession: one connection to one server, from connect to QUIT (RFC 5321,
// RFC 3207). It knows how to speak, not whether to: the caller judges the
// evidence between StartTls() and Hello(), and nothing of the envelope leaves
// before Send().
//
// Every step has a deadline of its own within the caller's; replies, lines and
// handshakes are bounded; nothing learnt before TLS survives it. Not
// thread-safe: one worker owns a session.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/clock/clock.h"
#include "core/names/ip_address.h"
#include "core/outcome/result.h"
#include "core/smtp/message.h"
#include "core/tls/tls_client.h"
#include "core/tls/tls_evidence.h"

namespace postern {

struct SmtpReply {
  int code = 0;
  std::string enhanced;            // "5.1.1" if the server gave one
  std::vector<std::string> lines;  // without code; control characters removed
  // "550 5.1.1 no such user", lines joined by "; ", at most 400 octets.
  std::string Text() const;
};

// Why a step failed; with the server's reply where there was one.
struct SmtpFailure {
  Error error;
  std::optional<SmtpReply> reply;
};
using SmtpStatus = std::optional<SmtpFailure>;  // nothing: success

// Who waits for the result. When the peer of `hangup_fd` is gone, every wait
// before the final dot ends with kClientGone; after it nothing does.
struct Cancellation {
  int hangup_fd = -1;
};

struct SessionOptions {
  std::string helo;                 // our name, an A-label or "[address]"
  bool wrapper = false;             // TLS from the first octet
  bool allow_helo = false;          // HELO where EHLO is refused: only without TLS
  std::optional<IpAddress> source;
  TlsParameters tls;                // SNI, protocols, ciphers
  Cancellation cancellation;
};

// What the server answered to one recipient, and to the message.
struct SendResult {
  // In the order of the envelope. A recipient is delivered only if its own
  // reply and the one to the final dot were 2xx.
  std::vector<SmtpReply> recipients;
  std::optional<SmtpReply> mail, data, dot;
  // Network, timeout, cancellation, local trouble. With `dot_sent` the server
  // may have taken the message (RFC 5321 section 4.5.3.2.6).
  std::optional<Error> failure;
  bool dot_sent = false;
};

class SmtpSession {
 public:
  virtual ~SmtpSession() = default;

  // TCP connect, TLS if wrapper, greeting. The handshake's failure is in the
  // SmtpFailure; the evidence of a successful one in evidence().
  static std::variant<std::unique_ptr<SmtpSession>, SmtpFailure> Open(
      const IpAddress& address, Port port, const SessionOptions& options,
      const TlsClient& tls, Deadline deadline);

  // EHLO (or HELO, if allowed). Forgets what an earlier one said.
  virtual SmtpStatus Hello(Deadline deadline) = 0;
  virtual bool offers_starttls() const = 0;
  // STARTTLS and the handshake; refuses octets pipelined before it. Afterwards
  // the caller judges evidence() and calls Hello() again, or Quit().
  virtual SmtpStatus StartTls(Deadline deadline) = 0;
  virtual bool encrypted() const = 0;
  // Without TLS: no protocol, no chain.
  virtual const TlsEvidence& evidence() const = 0;

  // MAIL, RCPT, DATA, message, final dot; pipelined where offered. Refuses
  // before MAIL what the EHLO rules out: SIZE (kMessageTooBig), SMTPUTF8.
  virtual SendResult Send(const Envelope& envelope, const Message& message,
                          Deadline deadline) = 0;
  // RSET, before a kept connection is used again.
  virtual SmtpStatus Reset(Deadline deadline) = 0;
  // QUIT, a short wait for the 221, close_notify, close. Never throws, never
  // takes longer than a few seconds.
  virtual void Quit() = 0;

 protected:
  SmtpSession() = default;
};

}  // namespace postern
