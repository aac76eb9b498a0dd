#include "postfix-transport/lmtp_protocol.h"

#include <utility>
#include <variant>

namespace postern {

std::size_t LmtpData::Feed(std::string_view in, std::string& out) {
  // What the state before held back might have been the end.
  if (state_ == State::kDot) out += '.';
  if (state_ == State::kDotCr) out += ".\r";
  std::size_t used = 0;
  while (used < in.size() && state_ != State::kEnded) {
    const char c = in[used++];
    switch (state_) {
      case State::kLineStart:
        state_ = c == '.'    ? State::kDot
                 : c == '\r' ? State::kCr
                             : State::kMiddle;
        break;
      case State::kMiddle:
        if (c == '\r') state_ = State::kCr;
        break;
      case State::kCr:
        state_ = c == '\n'   ? State::kLineStart
                 : c == '\r' ? State::kCr
                             : State::kMiddle;
        break;
      case State::kDot:
        state_ = c == '\r' ? State::kDotCr : State::kMiddle;
        break;
      case State::kDotCr:
        state_ = c == '\n'   ? State::kEnded
                 : c == '\r' ? State::kCr
                             : State::kMiddle;
        break;
      case State::kEnded:
        break;
    }
  }
  out += in.substr(0, used);
  const std::size_t held = state_ == State::kDot     ? 1
                           : state_ == State::kDotCr ? 2
                           : state_ == State::kEnded ? 3
                                                     : 0;
  out.resize(out.size() - held);
  return used;
}

LmtpProtocol::LmtpProtocol(std::string name, std::uint64_t max_size)
    : name_(std::move(name)), max_size_(max_size) {
  Say({220, "", name_ + " LMTP Postern"});
}

void LmtpProtocol::Append(std::string_view octets) { input_ += octets; }

LmtpProtocol::Event LmtpProtocol::Next() {
  switch (phase_) {
    case Phase::kCommands:
      return NextCommand();
    case Phase::kData:
      return NextData();
    case Phase::kAnswers:
      return Event::kMessage;
    case Phase::kOver:
      break;
  }
  return Event::kOver;
}

LmtpProtocol::Event LmtpProtocol::NextCommand() {
  std::size_t begin = 0;
  while (phase_ == Phase::kCommands) {
    const std::size_t end = input_.find('\n', begin);
    const std::size_t length =
        (end == std::string::npos ? input_.size() : end + 1) - begin;
    if (length > kMaxLine || (end != std::string::npos &&
                              (end == begin || input_[end - 1] != '\r'))) {
      // Where the next command begins is anybody's guess now. Not a 500: to a
      // long RCPT that would bounce the mail.
      Say(LmtpReplyFor(Error{Reason::kRequestInvalid,
                             "a line too long, or not ended by CR LF"}));
      phase_ = Phase::kOver;
      break;
    }
    if (end == std::string::npos) break;
    Handle(std::string_view(input_).substr(begin, length - 2));
    begin = end + 1;
  }
  input_.erase(0, begin);
  return phase_ == Phase::kCommands ? Event::kNeedsInput : Next();
}

LmtpProtocol::Event LmtpProtocol::NextData() {
  if (input_.empty()) return Event::kNeedsInput;
  const std::size_t before = data_.size();
  input_.erase(0, body_.Feed(input_, data_));
  head_.append(data_, before, kMaxHead - head_.size());
  if (body_.ended()) {
    if (transaction_.queue_id.empty()) {
      transaction_.queue_id = lmtp::QueueIdIn(head_);
    }
    phase_ = Phase::kAnswers;
  }
  return Event::kData;
}

void LmtpProtocol::Handle(std::string_view line) {
  const auto parsed = lmtp::ParseCommand(line);
  if (const auto* refused = std::get_if<LmtpReply>(&parsed)) {
    Say(*refused);
    return;
  }
  std::visit([this](const auto& command) { On(command); },
             std::get<lmtp::Command>(parsed));
}

void LmtpProtocol::On(const lmtp::Lhlo&) {
  Reset();
  greeted_ = true;
  replies_ += "250-" + name_ +
              "\r\n"
              "250-PIPELINING\r\n"
              "250-8BITMIME\r\n"
              "250-SMTPUTF8\r\n"
              "250-ENHANCEDSTATUSCODES\r\n"
              "250-XFORWARD IDENT\r\n"
              // Without our limit: Postfix would bounce what is larger, and
              // that is ours to defer.
              "250 SIZE\r\n";
}

void LmtpProtocol::On(const lmtp::Xforward& xforward) {
  if (!greeted_ || mail_given_) return OutOfOrder("XFORWARD comes before MAIL");
  if (xforward.ident) transaction_.queue_id = *xforward.ident;
  Say({250, "2.0.0", "ok"});
}

void LmtpProtocol::On(const lmtp::Mail& mail) {
  if (!greeted_) return OutOfOrder("LHLO comes first");
  if (mail_given_) return OutOfOrder("MAIL was given already");
  if (mail.size > max_size_) {
    return Say(LmtpReplyFor(Error{
        Reason::kMessageTooBig,
        "more than max-message-size (" + std::to_string(max_size_) + ")"}));
  }
  transaction_.sender = mail.sender;
  mail_given_ = true;
  Say({250, "2.1.0", "ok"});
}

void LmtpProtocol::On(const lmtp::Rcpt& rcpt) {
  if (!mail_given_) return OutOfOrder("MAIL comes before RCPT");
  if (transaction_.recipients.size() >= kMaxRecipients) {
    return Say({452, "4.5.3", "too many recipients in one transaction"});
  }
  transaction_.recipients.push_back({rcpt.recipient, rcpt.domain});
  Say({250, "2.1.5", "ok"});
}

void LmtpProtocol::On(const lmtp::Data&) {
  // RFC 2033 section 4.2 asks for this very code.
  if (transaction_.recipients.empty()) return OutOfOrder("no valid recipients");
  Say({354, "", "end with a line of one dot"});
  body_ = LmtpData{};
  data_.clear();
  head_.clear();
  answered_ = 0;
  phase_ = Phase::kData;
}

void LmtpProtocol::On(const lmtp::Rset&) {
  Reset();
  Say({250, "2.0.0", "ok"});
}

void LmtpProtocol::On(const lmtp::Noop&) { Say({250, "2.0.0", "ok"}); }

void LmtpProtocol::On(const lmtp::Vrfy&) {
  Say({252, "2.0.0", "send some mail, the destination will tell"});
}

void LmtpProtocol::On(const lmtp::Quit&) {
  Say({221, "2.0.0", "bye"});
  phase_ = Phase::kOver;
}

void LmtpProtocol::Answer(const LmtpReply& reply) {
  replies_ += reply.Format();
  if (++answered_ < transaction_.recipients.size()) return;
  Reset();
  phase_ = Phase::kCommands;
}

void LmtpProtocol::Say(const LmtpReply& reply) {
  replies_ += reply.Format();
  if (reply.code != 500 || ++nonsense_ < kMaxNonsense) return;
  replies_ += LmtpReply{421, "4.7.0", "too many errors"}.Format();
  phase_ = Phase::kOver;
}

void LmtpProtocol::OutOfOrder(const char* text) { Say({503, "5.5.1", text}); }

void LmtpProtocol::Reset() {
  mail_given_ = false;
  transaction_ = {};
}

}  // namespace postern
