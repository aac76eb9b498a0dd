// core/smtp/smtp_session.h
//
// SmtpSession: one connection to one server, from connect to QUIT (RFC 5321,
// RFC 3207). It knows how to speak, not whether to: the caller judges the
// evidence between StartTls() and Hello(), and nothing of the envelope leaves
// before Send(), nor a credential before Authenticate().
//
// Every step has a deadline of its own within the caller's; replies, lines and
// handshakes are bounded; nothing learnt before TLS survives it. Not
// thread-safe: one worker owns a session.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/clock/clock.h"
#include "core/names/ip_address.h"
#include "core/outcome/result.h"
#include "core/sasl/sasl_client.h"
#include "core/smtp/message.h"
#include "core/smtp/smtp_reply.h"
#include "core/tls/socket_wait.h"
#include "core/tls/tls_client.h"
#include "core/tls/tls_evidence.h"

namespace postern {

// Where a session failed. The caller learns from it what the failure says about
// the host: kPrepare nothing (no socket, no such source address), kConnect that
// it can't be reached, kHandshake that its TLS is broken.
enum class SmtpStep {
  kPrepare,
  kConnect,
  kHandshake,
  kGreeting,
  kHello,
  kStartTls,
  kAuthenticate
};

// Why a step failed; with the server's reply where there was one.
struct SmtpFailure {
  Error error;
  std::optional<SmtpReply> reply;
  SmtpStep step = SmtpStep::kConnect;
};
using SmtpStatus = std::optional<SmtpFailure>;  // nothing: success

// How long one step may take, whatever the caller's deadline leaves (RFC 5321
// section 4.5.3.2). For a whole reply, so that a server that drips octets gains
// nothing by it.
struct SmtpTimeouts {
  std::chrono::milliseconds connect = std::chrono::seconds(30);
  std::chrono::milliseconds handshake = std::chrono::seconds(60);
  std::chrono::milliseconds greeting = std::chrono::minutes(5);
  std::chrono::milliseconds hello = std::chrono::minutes(5);
  std::chrono::milliseconds starttls = std::chrono::minutes(2);
  std::chrono::milliseconds auth = std::chrono::minutes(2);
  std::chrono::milliseconds mail = std::chrono::minutes(5);
  std::chrono::milliseconds rcpt = std::chrono::minutes(5);
  std::chrono::milliseconds data = std::chrono::minutes(2);
  std::chrono::milliseconds block = std::chrono::minutes(3);  // of the message
  std::chrono::milliseconds dot = std::chrono::minutes(10);
  std::chrono::milliseconds reset = std::chrono::seconds(20);
  std::chrono::milliseconds quit = std::chrono::seconds(3);
};

struct SessionOptions {
  std::string helo;         // our name, an A-label or "[address]"
  bool wrapper = false;     // TLS from the first octet
  bool allow_helo = false;  // HELO where EHLO is refused: only without TLS
  // Without 8BITMIME: kEightBitNotSupported, or the octets go as they are.
  bool refuse_8bit = false;
  std::optional<IpAddress> source;
  TlsParameters tls;  // SNI, protocols, ciphers
  Cancellation cancellation;
  SmtpTimeouts timeouts;
};

// What the server answered to one recipient, and to the message.
struct SendResult {
  // In the order of the envelope; shorter where it ended before the others got
  // an answer, empty where MAIL was refused. A recipient is delivered only if
  // its own reply and the one to the final dot were 2xx.
  std::vector<SmtpReply> recipients;
  std::optional<SmtpReply> mail, data, dot;
  // Network, timeout, cancellation, local trouble, a 421, or what the EHLO
  // rules out (kMessageTooBig, kSmtputf8NotSupported, kEightBitNotSupported).
  // With `dot_sent` the server may have taken the message (RFC 5321
  // section 4.5.3.2.6).
  std::optional<Error> failure;
  bool dot_sent = false;
};

class SmtpSession {
 public:
  virtual ~SmtpSession() = default;

  // TCP connect, TLS if wrapper, greeting. The handshake's failure is in the
  // SmtpFailure; the evidence of a successful one in evidence(). A greeting of
  // 4xx or 5xx is kGreetingRefused.
  static std::variant<std::unique_ptr<SmtpSession>, SmtpFailure> Open(
      const IpAddress& address, Port port, const SessionOptions& options,
      const TlsClient& tls, Deadline deadline);

  // EHLO (or HELO, if allowed). Forgets what an earlier one said.
  virtual SmtpStatus Hello(Deadline deadline) = 0;
  virtual bool offers_starttls() const = 0;
  // STARTTLS and the handshake. kStarttlsNotSupported where it isn't offered,
  // kStarttlsRefused where the answer is not 220, kTlsPlaintextInjected for
  // octets pipelined before the handshake. Afterwards everything that the
  // server said is forgotten: the caller judges evidence() and calls Hello()
  // again, or Quit(). After a failed handshake only Quit() is left.
  virtual SmtpStatus StartTls(Deadline deadline) = 0;
  virtual bool encrypted() const = 0;
  // Without TLS: no protocol, no chain.
  virtual const TlsEvidence& evidence() const = 0;
  // This side's address, as text; empty where the kernel won't say.
  virtual std::string local_address() const = 0;

  // AUTH (RFC 4954), by the best mechanism that the last EHLO offered; once,
  // after Hello(), and refused without TLS. kAuthNotOffered, kAuthRefused
  // (5xx), kAuthDeferred (4xx), kAuthInvalid. After a failure only Quit() is
  // left. No text of a failure has the secret, even where the server repeats
  // it.
  virtual SmtpStatus Authenticate(const SaslClient& sasl,
                                  const Credentials& who,
                                  Deadline deadline) = 0;
  // The mechanism of a login that succeeded; empty: there was none.
  virtual std::string_view logged_in() const = 0;

  // MAIL, RCPT, DATA, message, final dot; pipelined where offered. Refuses
  // before MAIL what the EHLO rules out: SIZE (kMessageTooBig), 8-bit octets
  // where the options say so (kEightBitNotSupported), SMTPUTF8 for a
  // non-ASCII address. A UTF-8 header alone is sent with SMTPUTF8 where that is
  // offered and as it is elsewhere, as MTAs have always done. An address that
  // isn't one ("a@b>\r\nDATA") is kRequestInvalid. Where no recipient was
  // accepted nothing of the message leaves; a server that says 354 all the same
  // sees the connection close, not an empty message.
  // `deadline` ends with the final dot, which is not sent once it has passed or
  // the caller is gone: the cancellation's last question is asked right before.
  // From there the reply has SmtpTimeouts::dot of its own, so a caller with a
  // budget for the whole keeps that much of it back.
  // A connection that has carried a transaction before is reset first (RSET, in
  // the same write where pipelining is offered); a failure there is one before
  // MAIL.
  virtual SendResult Send(const Envelope& envelope, const Message& message,
                          Deadline deadline) = 0;
  // Whether it can carry another message: open, and the server has said nothing
  // since its last reply. Does not wait. An octet or an end that came meanwhile
  // leaves the two sides with different ideas of where they are.
  virtual bool Idle() = 0;
  // Whose waits these are from now on: a kept connection belongs to nobody, and
  // then to the next delivery.
  virtual void SetCancellation(const Cancellation& cancellation) = 0;
  // QUIT, a short wait for the 221, close_notify, close. Never throws, never
  // takes longer than a few seconds.
  virtual void Quit() = 0;
  // The same without the wait: for the moment between a server's last word on a
  // message and telling the MTA, which must be as short as can be (killed in
  // it, the MTA sends the message again).
  virtual void QuitAtOnce() = 0;

 protected:
  SmtpSession() = default;
};

}  // namespace postern
