#include "core/smtp/smtp_session.h"

#include <array>
#include <utility>

#include "core/smtp/smtp_connection.h"
#include "core/smtp/smtp_path.h"

namespace postern {

namespace {

// The name goes into a command: it must be one word.
Status CheckHelo(std::string_view name) {
  const bool one_word = !name.empty() && name.size() <= 255 &&
                        name.find_first_of("<>\" ") == std::string_view::npos &&
                        CheckPath(name).ok() && IsAscii(name);
  if (one_word) return {};
  return Error{Reason::kRequestInvalid, "helo= is not a name"};
}

bool IsRefusal(const SmtpReply& reply) { return reply.code >= 400; }

Error Unexpected(std::string_view command, const SmtpReply& reply) {
  return Error{Reason::kSmtpProtocolError,
               "answer to " + std::string(command) + ": " + reply.Text()};
}

}  // namespace

std::variant<std::unique_ptr<SmtpSession>, SmtpFailure> SmtpSession::Open(
    const IpAddress& address, Port port, const SessionOptions& options,
    const TlsClient& tls, Deadline deadline) {
  const Status helo = CheckHelo(options.helo);
  if (!helo.ok()) {
    return SmtpFailure{helo.error(), std::nullopt, SmtpStep::kPrepare};
  }
  Result<std::unique_ptr<Stream>> stream =
      Stream::Make(address, options.source);
  if (!stream.ok()) {
    return SmtpFailure{stream.error(), std::nullopt, SmtpStep::kPrepare};
  }
  const Status connected = (*stream)->Connect(
      address, port, deadline.Within(options.timeouts.connect),
      options.cancellation);
  if (!connected.ok()) {
    return SmtpFailure{connected.error(), std::nullopt, SmtpStep::kConnect};
  }
  auto session = std::make_unique<SmtpConnection>(
      options, tls, std::move(stream).value(), address);
  if (options.wrapper) {
    SmtpStatus failure = session->Handshake(deadline);
    if (failure) return std::move(*failure);
  }
  SmtpStatus failure = session->ReadGreeting(deadline);
  if (failure) {
    session->Quit();
    return std::move(*failure);
  }
  return std::unique_ptr<SmtpSession>(std::move(session));
}

SmtpConnection::SmtpConnection(const SessionOptions& options,
                               const TlsClient& tls,
                               std::unique_ptr<Stream> stream,
                               const IpAddress& address)
    : options_(options),
      tls_(tls),
      peer_address_(address.str()),
      stream_(std::move(stream)) {
  evidence_.peer_address = peer_address_;
}

SmtpFailure SmtpConnection::Fail(SmtpStep step, const Error& error) {
  Abort();
  return SmtpFailure{error, std::nullopt, step};
}

SmtpStatus SmtpConnection::Handshake(Deadline deadline) {
  const Status done = stream_->StartTls(
      tls_, options_.tls, deadline.Within(options_.timeouts.handshake),
      options_.cancellation);
  if (!done.ok()) {
    // A timeout here is the handshake's, and the text should say so.
    return Fail(SmtpStep::kHandshake,
                Error{done.error().reason(),
                      "TLS handshake: " + done.error().detail()});
  }
  evidence_ = stream_->evidence();
  evidence_.peer_address = peer_address_;
  return std::nullopt;
}

SmtpStatus SmtpConnection::ReadGreeting(Deadline deadline) {
  Result<SmtpReply> reply = ReadReply(
      deadline.Within(options_.timeouts.greeting), options_.cancellation);
  if (!reply.ok()) return Fail(SmtpStep::kGreeting, reply.error());
  if (reply->code == 220) return std::nullopt;
  if (!IsRefusal(*reply)) {
    return Fail(SmtpStep::kGreeting, Unexpected("connecting", *reply));
  }
  return SmtpFailure{Error{Reason::kGreetingRefused, reply->Text()},
                     std::move(*reply), SmtpStep::kGreeting};
}

SmtpStatus SmtpConnection::Hello(Deadline deadline) {
  offered_.reset();
  SmtpStatus failure = TryHello("EHLO", deadline);
  // RFC 5321 section 3.2. Over TLS a server that knows STARTTLS knows EHLO.
  if (failure && failure->reply && failure->reply->code >= 500 &&
      options_.allow_helo && !encrypted()) {
    failure = TryHello("HELO", deadline);
  }
  return failure;
}

SmtpStatus SmtpConnection::TryHello(std::string_view verb, Deadline deadline) {
  Result<SmtpReply> reply =
      Ask(std::string(verb) + " " + options_.helo + "\r\n",
          deadline.Within(options_.timeouts.hello));
  if (!reply.ok()) return Fail(SmtpStep::kHello, reply.error());
  if (reply->code == 250) {
    offered_ = verb == "EHLO" ? ParseEhlo(*reply) : ServerCapabilities();
    return std::nullopt;
  }
  if (!IsRefusal(*reply)) {
    return Fail(SmtpStep::kHello, Unexpected(verb, *reply));
  }
  return SmtpFailure{Error{Reason::kHelloRefused, reply->Text()},
                     std::move(*reply), SmtpStep::kHello};
}

bool SmtpConnection::offers_starttls() const {
  // RFC 3207 section 4.2: a server that offers it again is not taken up on it.
  return offered_ && offered_->starttls && !encrypted();
}

SmtpStatus SmtpConnection::StartTls(Deadline deadline) {
  if (encrypted()) {
    return SmtpFailure{Error{Reason::kRequestInvalid, "TLS is there already"},
                       std::nullopt, SmtpStep::kStartTls};
  }
  if (!offers_starttls()) {
    return SmtpFailure{
        Error{Reason::kStarttlsNotSupported, "EHLO did not offer STARTTLS"},
        std::nullopt, SmtpStep::kStartTls};
  }
  Result<SmtpReply> reply =
      Ask("STARTTLS\r\n", deadline.Within(options_.timeouts.starttls));
  if (!reply.ok()) return Fail(SmtpStep::kStartTls, reply.error());
  if (reply->code != 220) {
    return SmtpFailure{Error{Reason::kStarttlsRefused, reply->Text()},
                       std::move(*reply), SmtpStep::kStartTls};
  }
  // The server has to wait for our ClientHello. Whatever is there already was
  // put there by somebody who hopes that we read it as said under TLS
  // (CVE-2011-0411 and its kin).
  const Status filled = FillFromSocket();
  if (reader_.pending() > 0) {
    return Fail(SmtpStep::kStartTls,
                Error{Reason::kTlsPlaintextInjected,
                      "octets followed the answer to STARTTLS"});
  }
  if (!filled.ok()) {
    return Fail(SmtpStep::kHandshake,
                Error{Reason::kTlsHandshakeFailed,
                      "TLS handshake: the server hung up"});
  }
  // RFC 3207 section 4.2.
  reader_.Clear();
  offered_.reset();
  return Handshake(deadline);
}

bool SmtpConnection::Idle() {
  return !stream_->closed() && FillFromSocket().ok() && reader_.pending() == 0;
}

void SmtpConnection::Quit() { Leave(options_.timeouts.quit); }

void SmtpConnection::QuitAtOnce() { Leave(std::chrono::milliseconds::zero()); }

void SmtpConnection::Leave(std::chrono::milliseconds wait) {
  if (stream_->closed()) return;
  try {
    // Whoever asked may be gone; the server deserves its goodbye all the same.
    const Deadline deadline = Deadline::After(wait);
    if (stream_->Write("QUIT\r\n", deadline, Cancellation{}).ok() &&
        wait > std::chrono::milliseconds::zero()) {
      (void)ReadReply(deadline, Cancellation{});
    }
  } catch (const std::bad_alloc&) {  // then without it
  }
  stream_->Close();
}

Status SmtpConnection::Write(std::string_view commands, Deadline deadline) {
  if (stream_->closed()) {
    return Error{Reason::kConnectionLost, "the connection is closed"};
  }
  if (reader_.pending() > 0) {
    Abort();
    return Error{Reason::kSmtpProtocolError, "the server spoke out of turn"};
  }
  const Status written =
      stream_->Write(commands, deadline, options_.cancellation);
  if (!written.ok()) Abort();
  return written;
}

Result<SmtpReply> SmtpConnection::Ask(std::string_view command,
                                      Deadline deadline) {
  const Status written = Write(command, deadline);
  if (!written.ok()) return written.error();
  return ReadReply(deadline, options_.cancellation);
}

Result<SmtpReply> SmtpConnection::ReadReply(Deadline deadline,
                                            const Cancellation& cancellation) {
  std::array<char, 4096> octets;
  for (;;) {
    Result<std::optional<SmtpReply>> reply = reader_.Next();
    if (!reply.ok()) {
      Abort();
      return reply.error();
    }
    if (reply->has_value()) return std::move(**reply);
    if (stream_->closed()) {
      return Error{Reason::kConnectionLost, "the connection is closed"};
    }
    const Result<std::size_t> count =
        stream_->Read(octets, deadline, cancellation);
    if (!count.ok() || *count == 0) {
      Abort();
      return count.ok() ? Error{Reason::kConnectionLost, "the server hung up"}
                        : count.error();
    }
    reader_.Append({octets.data(), *count});
  }
}

Status SmtpConnection::FillFromSocket() {
  std::array<char, 4096> octets;
  const Result<std::optional<std::size_t>> count = stream_->TryRead(octets);
  if (!count.ok()) return count.error();
  if (!count->has_value()) return {};
  if (**count == 0) {
    return Error{Reason::kConnectionLost, "the server hung up"};
  }
  reader_.Append({octets.data(), **count});
  return {};
}

}  // namespace postern
