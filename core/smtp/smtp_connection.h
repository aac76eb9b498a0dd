// core/smtp/smtp_connection.h
//
// SmtpConnection: the one SmtpSession. For this room only.
//
// Once anything has gone wrong that leaves the two sides with different ideas
// of where they are, the connection is closed at once and every later call
// fails: a late reply must never be taken for the answer to another command.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/smtp/ehlo.h"
#include "core/smtp/smtp_session.h"
#include "core/smtp/stream.h"

namespace postern {

class SmtpConnection final : public SmtpSession {
 public:
  SmtpConnection(const SessionOptions& options, const TlsClient& tls,
                 std::unique_ptr<Stream> stream, const IpAddress& address);

  // Open() in its two parts after the TCP connection.
  SmtpStatus Handshake(Deadline deadline);
  SmtpStatus ReadGreeting(Deadline deadline);

  SmtpStatus Hello(Deadline deadline) override;
  bool offers_starttls() const override;
  SmtpStatus StartTls(Deadline deadline) override;
  bool encrypted() const override { return !evidence_.protocol.empty(); }
  const TlsEvidence& evidence() const override { return evidence_; }
  std::string local_address() const override {
    const std::optional<IpAddress> local = stream_->LocalAddress();
    return local ? local->str() : std::string();
  }
  SmtpStatus Authenticate(const SaslClient& sasl, const Credentials& who,
                          Deadline deadline) override;
  std::string_view logged_in() const override { return logged_in_; }
  SendResult Send(const Envelope& envelope, const Message& message,
                  Deadline deadline) override;
  bool Idle() override;
  void SetCancellation(const Cancellation& cancellation) override {
    options_.cancellation = cancellation;
  }
  void Quit() override;
  void QuitAtOnce() override;

 private:
  void Leave(std::chrono::milliseconds wait);
  friend class Login;
  friend class SmtpTransaction;

  // Sends `commands` (with their line ends). Refuses if the server has spoken
  // out of turn.
  Status Write(std::string_view commands, Deadline deadline);
  // Write() and ReadReply().
  Result<SmtpReply> Ask(std::string_view command, Deadline deadline);
  // Exactly one reply; any Error closes the connection.
  Result<SmtpReply> ReadReply(Deadline deadline,
                              const Cancellation& cancellation);
  // Takes what has arrived without waiting.
  Status FillFromSocket();
  // Closes without a word: the server drops an unfinished message.
  void Abort() { stream_->Close(); }
  SmtpFailure Fail(SmtpStep step, const Error& error);
  SmtpStatus TryHello(std::string_view verb, Deadline deadline);

  SessionOptions options_;
  const TlsClient& tls_;
  const std::string peer_address_;
  std::unique_ptr<Stream> stream_;
  ReplyReader reader_;
  // What the last EHLO said; nothing before one, and after STARTTLS.
  std::optional<ServerCapabilities> offered_;
  TlsEvidence evidence_;
  std::string_view logged_in_;  // one of SaslClient::Mechanisms()
  bool used_ = false;           // MAIL was sent before
};

}  // namespace postern
