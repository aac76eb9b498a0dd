// SmtpConnection::Authenticate(): one login (RFC 4954).
#include <algorithm>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "core/smtp/smtp_connection.h"

namespace postern {

namespace {

// RFC 4954 section 4: an AUTH command that would be longer goes without the
// initial response. Without the line's end.
constexpr std::size_t kMaxCommand = 510;
constexpr std::string_view kRepeated =
    "(the server's text repeats the credentials)";

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : " ") + word;
  }
  return text.empty() ? "EHLO offered no AUTH"
                      : "EHLO offered AUTH " + PrintableAscii(text, 200);
}

}  // namespace

// One Authenticate().
class Login {
 public:
  Login(SmtpConnection& connection, const Credentials& who, Deadline deadline)
      : connection_(connection),
        who_(who),
        deadline_(deadline.Within(connection.options_.timeouts.auth)) {}

  SmtpStatus Run(SaslExchange& exchange, std::string_view mechanism) {
    Result<std::optional<Secret>> initial = exchange.Initial();
    if (!initial) return Failed(initial.error());
    Result<SmtpReply> reply = Begin(mechanism, *std::move(initial));
    while (reply && reply->code == 334) {
      if (reply->lines.size() != 1) return Unexpected(*reply);
      Result<Secret> answer =
          held_ ? TakeHeld() : exchange.Answer(reply->lines.front());
      if (!answer) return Cancel(answer.error());
      reply = Answer(*std::move(answer));
    }
    if (!reply) {
      return connection_.Fail(
          SmtpStep::kAuthenticate,
          {reply.error().reason(), Harmless(reply.error().detail())});
    }
    if (reply->code == 235) {
      const Status finished = exchange.Finish();
      return finished.ok() ? SmtpStatus() : Failed(finished.error());
    }
    return reply->code >= 400 ? Refused(std::move(*reply)) : Unexpected(*reply);
  }

 private:
  Result<SmtpReply> Begin(std::string_view mechanism,
                          std::optional<Secret> initial) {
    const Secret bare{"AUTH ", mechanism, "\r\n"};
    if (!initial) return connection_.Ask(bare.text(), deadline_);
    const Secret whole{"AUTH ", mechanism, " ", initial->text(), "\r\n"};
    const bool fits = whole.text().size() <= kMaxCommand + 2;
    (fits ? said_.emplace_back() : held_.emplace()) = *std::move(initial);
    return connection_.Ask(fits ? whole.text() : bare.text(), deadline_);
  }

  Result<Secret> TakeHeld() { return *std::exchange(held_, std::nullopt); }

  Result<SmtpReply> Answer(Secret answer) {
    const Secret line{answer.text(), "\r\n"};
    said_.push_back(std::move(answer));
    return connection_.Ask(line.text(), deadline_);
  }

  // RFC 4954 section 4: "*", and the server answers 501.
  SmtpFailure Cancel(const Error& why) {
    (void)connection_.Ask("*\r\n", deadline_);
    return Failed(why);
  }

  static SmtpFailure Failed(const Error& why) {
    return {why, std::nullopt, SmtpStep::kAuthenticate};
  }

  SmtpFailure Unexpected(const SmtpReply& reply) {
    return connection_.Fail(
        SmtpStep::kAuthenticate,
        {Reason::kSmtpProtocolError, "answer to AUTH: " + TextOf(reply)});
  }

  SmtpFailure Refused(SmtpReply reply) {
    const Reason reason =
        reply.code < 500 ? Reason::kAuthDeferred : Reason::kAuthRefused;
    Error why{reason, TextOf(reply)};
    reply.lines.clear();  // the error has them, as far as they may be told
    return {std::move(why), std::move(reply), SmtpStep::kAuthenticate};
  }

  // Some servers repeat what they were told.
  bool Repeats(std::string_view text) const {
    const auto has = [text](const Secret& secret) {
      return !secret.empty() &&
             text.find(secret.text()) != std::string_view::npos;
    };
    return has(who_.secret()) || std::any_of(said_.begin(), said_.end(), has);
  }

  std::string Harmless(const std::string& text) const {
    return Repeats(text) ? std::string(kRepeated) : text;
  }

  std::string TextOf(const SmtpReply& reply) const {
    const bool repeats =
        std::any_of(reply.lines.begin(), reply.lines.end(),
                    [this](const std::string& line) { return Repeats(line); });
    return repeats ? std::to_string(reply.code) + " " + std::string(kRepeated)
                   : reply.Text();
  }

  SmtpConnection& connection_;
  const Credentials& who_;
  const Deadline deadline_;
  std::optional<Secret> held_;  // too long to go with the command
  std::vector<Secret> said_;
};

SmtpStatus SmtpConnection::Authenticate(const SaslClient& sasl,
                                        const Credentials& who,
                                        Deadline deadline) {
  const auto failed = [](Reason reason, std::string what) {
    return SmtpFailure{
        {reason, std::move(what)}, std::nullopt, SmtpStep::kAuthenticate};
  };
  if (!encrypted()) {
    return failed(Reason::kCredentialsWithheld,
                  "the connection is not encrypted");
  }
  if (!offered_ || used_ || !logged_in_.empty()) {
    return failed(Reason::kRequestInvalid,
                  "Authenticate() comes once, between Hello() and Send()");
  }
  const std::string_view mechanism = SaslClient::Choose(offered_->auth);
  if (mechanism.empty()) {
    return failed(Reason::kAuthNotOffered, Joined(offered_->auth));
  }
  const auto exchange = sasl.Begin(mechanism, who);
  if (!exchange)
    return failed(exchange.error().reason(), exchange.error().detail());
  SmtpStatus failure = Login(*this, who, deadline).Run(**exchange, mechanism);
  if (!failure) logged_in_ = mechanism;
  return failure;
}

}  // namespace postern
