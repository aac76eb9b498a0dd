// SmtpConnection::Send(): one mail transaction.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/smtp/smtp_connection.h"
#include "core/smtp/smtp_path.h"

namespace postern {

namespace {

// Commands sent before their replies are read. Bounded so that neither side
// fills the other's socket buffers and both wait for ever (RFC 2920
// section 3.1).
constexpr std::size_t kPipelineDepth = 32;
constexpr std::size_t kBlock = 64 * 1024;

// Octets of the message without the doubled dots, which is what SIZE counts
// (RFC 1870 section 5). Read only where the wire form is over the limit.
Result<std::uint64_t> UnstuffedSize(const Message& message) {
  std::vector<char> block(kBlock);
  std::uint64_t dots = 0;
  bool line_start = true;
  for (std::uint64_t offset = 0; offset < message.size();) {
    const Result<std::size_t> count = message.Read(offset, block);
    if (!count.ok()) return count.error();
    if (*count == 0) break;
    for (std::size_t i = 0; i < *count; ++i) {
      if (line_start && block[i] == '.') ++dots;
      line_start = block[i] == '\n';
    }
    offset += *count;
  }
  return message.size() - dots;
}

bool NeedsSmtputf8(const Envelope& envelope) {
  return !IsAscii(envelope.sender) ||
         !std::all_of(
             envelope.recipients.begin(), envelope.recipients.end(),
             [](const std::string& address) { return IsAscii(address); });
}

}  // namespace

// One Send(): its steps in order. Ends early by returning false, with the why
// in result().
class SmtpTransaction {
 public:
  SmtpTransaction(SmtpConnection& connection, const Envelope& envelope,
                  const Message& message, Deadline deadline)
      : connection_(connection),
        timeouts_(connection.options_.timeouts),
        envelope_(envelope),
        message_(message),
        deadline_(deadline) {}

  SendResult Run() && {
    if (Check() && SendEnvelope() && SendBody()) SendDot();
    return std::move(result_);
  }

 private:
  // Before MAIL: what we can't send at all.
  bool Check();
  // RSET where it is needed, MAIL, RCPT and DATA. True if the server now waits
  // for the message and has accepted a recipient.
  bool SendEnvelope();
  bool SendBody();
  void SendDot();

  Status CheckEnvelope() const;
  // "MAIL …", "RCPT …", …, "DATA": the i-th of them.
  std::string Command(std::size_t i) const;
  std::size_t command_count() const { return envelope_.recipients.size() + 2; }
  // The reply to RSET. False if the connection is over.
  bool ReadReset();
  // Notes the reply to the i-th command. False if the connection is over.
  bool Note(std::size_t i, SmtpReply reply);
  // Reads the reply to the i-th command and notes it.
  bool ReadAndNote(std::size_t i);
  std::chrono::milliseconds TimeoutOf(std::size_t i) const;
  bool any_accepted() const {
    return std::any_of(result_.recipients.begin(), result_.recipients.end(),
                       [](const SmtpReply& reply) { return reply.positive(); });
  }
  // Every recipient has its "no" already, whatever still goes wrong.
  bool decided() const {
    return (result_.mail && !result_.mail->positive()) ||
           (result_.recipients.size() == envelope_.recipients.size() &&
            !any_accepted());
  }
  bool Fail(const Error& error) {
    connection_.Abort();
    result_.failure = error;
    return false;
  }
  // A server that has had enough may answer before the dot. False if it has.
  bool CheckEarlyAnswer();

  SmtpConnection& connection_;
  const SmtpTimeouts& timeouts_;
  const Envelope& envelope_;
  const Message& message_;
  const Deadline deadline_;
  std::string mail_parameters_;
  SendResult result_;
};

SendResult SmtpConnection::Send(const Envelope& envelope,
                                const Message& message, Deadline deadline) {
  return SmtpTransaction(*this, envelope, message, deadline).Run();
}

Status SmtpTransaction::CheckEnvelope() const {
  if (envelope_.recipients.empty()) {
    return Error{Reason::kRequestInvalid, "the envelope has no recipient"};
  }
  const Status sender = CheckPath(envelope_.sender);
  if (!sender.ok()) return sender;
  for (const std::string& recipient : envelope_.recipients) {
    const Status path = recipient.empty()
                            ? Error{Reason::kRequestInvalid,
                                    "a recipient of the envelope is empty"}
                            : CheckPath(recipient);
    if (!path.ok()) return path;
  }
  return {};
}

bool SmtpTransaction::Check() {
  // None of these is the connection's fault: it stays usable.
  const auto refuse = [this](Error error) {
    result_.failure = std::move(error);
    return false;
  };
  const Status envelope = CheckEnvelope();
  if (!envelope.ok()) return refuse(envelope.error());
  if (!connection_.offered_) {
    return refuse({Reason::kRequestInvalid, "Send() comes after Hello()"});
  }
  const ServerCapabilities& offered = *connection_.offered_;
  if (NeedsSmtputf8(envelope_) && !offered.smtputf8) {
    return refuse({Reason::kSmtputf8NotSupported,
                   "an address of the envelope is not ASCII"});
  }
  std::uint64_t size = message_.size();
  if (offered.size_limit && size > *offered.size_limit) {
    const Result<std::uint64_t> exact = UnstuffedSize(message_);
    if (!exact.ok()) return refuse(exact.error());
    size = *exact;
    if (size > *offered.size_limit) {
      return refuse(
          {Reason::kMessageTooBig, "the message has " + std::to_string(size) +
                                       " octets, the server takes " +
                                       std::to_string(*offered.size_limit)});
    }
  }
  if (offered.size) mail_parameters_ += " SIZE=" + std::to_string(size);
  if (message_.has_8bit() && !offered.eight_bit_mime &&
      connection_.options_.refuse_8bit) {
    return refuse({Reason::kEightBitNotSupported,
                   "without-8bitmime = refuse, and EHLO did not offer it"});
  }
  if (offered.eight_bit_mime && message_.has_8bit()) {
    mail_parameters_ += " BODY=8BITMIME";
  }
  if (offered.smtputf8 &&
      (NeedsSmtputf8(envelope_) || message_.has_utf8_header())) {
    mail_parameters_ += " SMTPUTF8";
  }
  return true;
}

std::string SmtpTransaction::Command(std::size_t i) const {
  if (i == 0) {
    return "MAIL FROM:<" + envelope_.sender + ">" + mail_parameters_ + "\r\n";
  }
  if (i == command_count() - 1) return "DATA\r\n";
  return "RCPT TO:<" + envelope_.recipients[i - 1] + ">\r\n";
}

std::chrono::milliseconds SmtpTransaction::TimeoutOf(std::size_t i) const {
  if (i == 0) return timeouts_.mail;
  return i == command_count() - 1 ? timeouts_.data : timeouts_.rcpt;
}

bool SmtpTransaction::SendEnvelope() {
  const std::size_t depth =
      connection_.offered_->pipelining ? kPipelineDepth : 1;
  bool reset = std::exchange(connection_.used_, true);
  for (std::size_t next = 0; next < command_count();) {
    // Alone in its group, DATA comes with the knowledge that nobody wants it.
    if (next == command_count() - 1 && !any_accepted()) break;
    std::size_t end = std::min(next + depth, command_count());
    std::string commands;
    if (reset) {
      commands = "RSET\r\n";
      if (depth == 1) end = next;
    }
    for (std::size_t i = next; i < end; ++i) commands += Command(i);
    const Status written =
        connection_.Write(commands, deadline_.Within(TimeoutOf(next)));
    if (!written.ok()) return Fail(written.error());
    if (std::exchange(reset, false)) {
      if (!ReadReset()) return false;
      if (next == end) continue;
    }
    for (; next < end; ++next) {
      if (!ReadAndNote(next)) return false;
    }
    if (!result_.mail->positive()) break;
  }
  if (!result_.mail->positive()) result_.recipients.clear();
  const bool go_ahead = result_.data && result_.data->code == 354;
  if (any_accepted()) return go_ahead;
  // The server would take what comes next for the message, "QUIT" and an empty
  // one included.
  if (go_ahead) connection_.Abort();
  return false;
}

bool SmtpTransaction::ReadReset() {
  const Result<SmtpReply> reply = connection_.ReadReply(
      deadline_.Within(timeouts_.reset), connection_.options_.cancellation);
  if (!reply.ok()) return Fail(reply.error());
  if (reply->code == 250) return true;
  return Fail({reply->code == 421 ? Reason::kServerDeferred
                                  : Reason::kSmtpProtocolError,
               "answer to RSET: " + reply->Text()});
}

bool SmtpTransaction::ReadAndNote(std::size_t i) {
  Result<SmtpReply> reply = connection_.ReadReply(
      deadline_.Within(TimeoutOf(i)), connection_.options_.cancellation);
  if (reply.ok()) return Note(i, std::move(*reply));
  if (!decided()) return Fail(reply.error());
  // Hanging up right after a refusal takes nothing back.
  if (!result_.mail->positive()) result_.recipients.clear();
  return false;
}

bool SmtpTransaction::Note(std::size_t i, SmtpReply reply) {
  const bool is_data = i == command_count() - 1;
  const int code = reply.code;
  const bool expected =
      code >= 400 || (is_data ? code == 354 : reply.positive());
  const Error unexpected{
      Reason::kSmtpProtocolError,
      "answer to " + Command(i).substr(0, 4) + ": " + reply.Text()};
  const Error closing{Reason::kServerDeferred, reply.Text()};
  if (i == 0) {
    result_.mail = std::move(reply);
  } else if (is_data) {
    result_.data = std::move(reply);
  } else {
    result_.recipients.push_back(std::move(reply));
  }
  if (!expected) return Fail(unexpected);
  if (code != 421) return true;
  if (!result_.mail->positive()) result_.recipients.clear();
  return Fail(closing);
}

bool SmtpTransaction::SendBody() {
  std::vector<char> block(std::min<std::uint64_t>(
      kBlock, std::max<std::uint64_t>(message_.size(), 1)));
  for (std::uint64_t offset = 0; offset < message_.size();) {
    if (deadline_.expired()) {
      return Fail({Reason::kDeadlineExceeded,
                   "the time was over while the message was sent"});
    }
    const Result<std::size_t> count = message_.Read(offset, block);
    if (!count.ok()) return Fail(count.error());
    if (*count == 0) {
      return Fail({Reason::kInternal, "the message is shorter than its size"});
    }
    const Status written = connection_.stream_->Write(
        {block.data(), *count}, deadline_.Within(timeouts_.block),
        connection_.options_.cancellation);
    if (!written.ok()) {
      return CheckEarlyAnswer() && Fail(written.error());
    }
    offset += *count;
  }
  return CheckEarlyAnswer();
}

bool SmtpTransaction::CheckEarlyAnswer() {
  // An end of the connection shows when the dot is sent.
  (void)connection_.FillFromSocket();
  if (connection_.reader_.pending() == 0) return true;
  Result<std::optional<SmtpReply>> reply = connection_.reader_.Next();
  connection_.Abort();
  if (reply.ok() && reply->has_value() && (*reply)->code >= 400) {
    result_.dot = std::move(**reply);
    return false;
  }
  return Fail({Reason::kSmtpProtocolError,
               "the server answered before the message was complete"});
}

void SmtpTransaction::SendDot() {
  if (const auto gone = WhyCancelled(connection_.options_.cancellation)) {
    Fail(*gone);
    return;
  }
  if (deadline_.expired()) {
    Fail({Reason::kDeadlineExceeded, "the time was over before the final dot"});
    return;
  }
  const Cancellation& cancellation = connection_.options_.cancellation;
  if (cancellation.last_question != nullptr) {
    const Status wanted = cancellation.last_question->StillWanted();
    if (!wanted.ok()) {
      Fail(wanted.error());
      return;
    }
  }
  // From here on the server may have the message. Giving up early would only
  // send it twice, so nothing but the time for this one reply counts any more.
  result_.dot_sent = true;
  const Deadline deadline = Deadline::After(timeouts_.dot);
  const Status written = connection_.stream_->Write(
      message_.ends_with_crlf() || message_.size() == 0 ? ".\r\n" : "\r\n.\r\n",
      deadline, Cancellation{});
  if (!written.ok()) {
    Fail(written.error());
    return;
  }
  Result<SmtpReply> reply = connection_.ReadReply(deadline, Cancellation{});
  if (!reply.ok()) {
    Fail(reply.error());
    return;
  }
  const int code = reply->code;
  const Error unexpected{Reason::kSmtpProtocolError,
                         "answer to the message: " + reply->Text()};
  result_.dot = std::move(*reply);
  if (code >= 300 && code < 400) Fail(unexpected);
  if (code == 421) connection_.Abort();
}

}  // namespace postern
