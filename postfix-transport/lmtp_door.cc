#include "postfix-transport/lmtp_door.h"

#include <memory>
#include <optional>

#include "core/outcome/verdict.h"
#include "core/service/unix_socket.h"
#include "core/tls/socket_wait.h"
#include "postfix-transport/recipient_groups.h"

namespace postern {
namespace {

constexpr std::size_t kBlock = 32 * 1024;
// Replies fit the socket's buffer, unless nobody reads them.
constexpr std::chrono::seconds kSendBudget{30};

}  // namespace

// One client from its greeting to its end, on one thread.
class LmtpDoor::Connection {
 public:
  Connection(const LmtpDoor& door, const Call& call, const OnResult& on_result)
      : door_(door),
        fd_(call.socket.get()),
        cancellation_{fd_, call.stop_fd},
        on_result_(on_result),
        protocol_(door.name_, door.limits_.message) {}

  void Run();

 private:
  using Event = LmtpProtocol::Event;

  // False: the client is not there any more, or has been told goodbye.
  bool Read();
  bool Send();
  void Goodbye(const Error& error);
  void Spool();
  bool Conclude();
  bool Deliver();
  std::vector<RecipientResult> DeliverTo(const DeliveryRequest& request,
                                         Deadline deadline) const;

  const LmtpDoor& door_;
  const int fd_;
  const Cancellation cancellation_;
  const OnResult& on_result_;
  LmtpProtocol protocol_;
  // Of the message that is being received.
  std::optional<Deadline> complete_by_;
  std::unique_ptr<SpooledMessage> message_;
  std::optional<Error> failure_;  // why there is none
};

void LmtpDoor::Connection::Run() {
  for (;;) {
    const Event event = protocol_.Next();
    if (!Send()) return;
    switch (event) {
      case Event::kNeedsInput:
        if (!Read()) return;
        break;
      case Event::kData:
        Spool();
        break;
      case Event::kMessage:
        if (!Conclude()) return;
        break;
      case Event::kOver:
        return;
    }
  }
}

bool LmtpDoor::Connection::Read() {
  const Limits& limits = door_.limits_;
  Deadline deadline = Deadline::After(limits.idle);
  if (protocol_.receiving()) {
    if (!complete_by_) complete_by_ = Deadline::After(limits.data);
    deadline = complete_by_->Within(limits.block);
  }
  for (;;) {
    const Status ready =
        WaitForSocket(fd_, SocketReady::kToRead, deadline, cancellation_);
    if (!ready) {
      Goodbye(ready.error());
      return false;
    }
    const Result<Received> received = ReceiveNow(fd_, kBlock);
    if (!received) return false;
    if (received->would_block) continue;
    if (received->octets.empty()) return false;
    protocol_.Append(received->octets);
    return true;
  }
}

bool LmtpDoor::Connection::Send() {
  std::string& replies = protocol_.replies();
  if (replies.empty()) return true;
  const Status sent = SendText(fd_, replies, -1, Deadline::After(kSendBudget));
  replies.clear();
  return sent.ok();
}

void LmtpDoor::Connection::Goodbye(const Error& error) {
  const bool slow = error.reason() == Reason::kConnectionTimeout;
  const Error why =
      slow ? Error{Reason::kDeadlineExceeded, "lmtp(8) was silent too long"}
           : error;
  protocol_.replies() += FormatLmtpReply(ErrorReply(why));
  static_cast<void>(Send());
}

void LmtpDoor::Connection::Spool() {
  if (!message_ && !failure_) {
    auto begun = door_.spool_.Begin();
    if (begun) {
      message_ = *std::move(begun);
    } else {
      failure_ = begun.error();
    }
  }
  if (!failure_) {
    const Status added = message_->Append(protocol_.data());
    if (!added) {
      // The rest is read and forgotten: the answer comes after the dot.
      failure_ = added.error();
      message_.reset();
    }
  }
  protocol_.data().clear();
}

bool LmtpDoor::Connection::Conclude() {
  bool there = true;
  // Header checks may have taken the Received: field out. The mail goes all the
  // same, under a name that nothing else has.
  if (protocol_.transaction().queue_id.empty()) {
    protocol_.Name("noid" + std::to_string(door_.random_.Below(UINT64_MAX)));
  }
  if (!failure_) {
    const Status whole = message_->Complete();
    if (!whole) failure_ = whole.error();
  }
  if (failure_) {
    const LmtpReply reply = LmtpReplyFor(*failure_);
    const std::size_t count = protocol_.transaction().recipients.size();
    for (std::size_t i = 0; i < count; ++i) {
      on_result_({RecipientResult::Outcome::kDeferred, reply.status, ""});
      protocol_.Answer(reply);
    }
    there = Send();
  } else {
    there = Deliver();
  }
  message_.reset();
  failure_.reset();
  complete_by_.reset();
  return there;
}

bool LmtpDoor::Connection::Deliver() {
  const Deadline deadline = Deadline::After(door_.limits_.until_dot);
  const std::size_t count = protocol_.transaction().recipients.size();
  RecipientGroups groups(
      protocol_.transaction(), cancellation_,
      [this, deadline](const DeliveryRequest& request) {
        return DeliverTo(request, deadline);
      },
      door_.random_);
  bool there = true;
  for (std::size_t i = 0; i < count; ++i) {
    const RecipientResult result = groups.Await(i);
    on_result_(result);
    protocol_.Answer(LmtpReplyFor(result));
    // Postfix notes each recipient as it hears of it: what is known must not
    // wait for a slower one.
    const bool more = i + 1 < count && groups.settled(i + 1);
    if (there && !more) there = Send();
  }
  return there;
}

std::vector<RecipientResult> LmtpDoor::Connection::DeliverTo(
    const DeliveryRequest& request, Deadline deadline) const {
  const std::string destination = ToString(request.recipient_domain);
  const auto place =
      door_.share_.Enter(destination, Deadline::MonotonicClock::now());
  if (place) return door_.deliver_(request, *message_, deadline);
  const ReasonInfo& busy = Describe(Reason::kServiceBusy);
  return std::vector<RecipientResult>(
      request.envelope.recipients.size(),
      {RecipientResult::Outcome::kDeferred, std::string(busy.status),
       std::string(busy.token) + ": earlier mail to " + destination +
           " takes long and has its share of the service; hint: retried; the "
           "log tells what its servers do"});
}

Reply LmtpDoor::Serve(Call& call, const OnResult& on_result) const {
  Connection(*this, call, on_result).Run();
  return {};
}

std::string FormatLmtpReply(const Reply& reply) {
  if (reply.word.empty()) return "";
  const auto told = ParseStatusText(reply.rest, "4");
  if (!told) return LmtpReply{421, "4.3.0", "internal-error"}.Format();
  return LmtpReply{421, told->status, told->text}.Format();
}

}  // namespace postern
