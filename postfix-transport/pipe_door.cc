#include "postfix-transport/pipe_door.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "core/names/quoted.h"
#include "core/service/unix_socket.h"
#include "postfix-transport/envelope_checks.h"

namespace postern {
namespace {

constexpr std::array<std::string_view, 4> kFields{"nexthop", "queue-id",
                                                  "sender", "recipient"};
// For the message itself: pipe(8) writes without being asked.
constexpr std::chrono::minutes kSpoolBudget{5};

// The client has only to look at a descriptor.
constexpr std::chrono::seconds kAnswerBudget{5};

// Asks the client whether pipe(8) is still there.
class ClientsWord final : public LastQuestion {
 public:
  explicit ClientsWord(const Call& call)
      : fd_(call.socket.get()), stop_fd_(call.stop_fd) {}

  Status StillWanted() const override {
    const Deadline deadline = Deadline::After(kAnswerBudget);
    const Status asked =
        SendText(fd_, std::string(kStillWanted) + "\n", -1, deadline);
    if (!asked) return Gone(asked.error().detail());
    LineBuffer answer(kMaxAnswer);
    for (;;) {
      if (const std::optional<std::string> line = answer.TakeLine()) {
        if (*line == kIsWanted) return {};
        return Gone("it answered " + Quoted(*line));
      }
      if (answer.room() == 0) return Gone("it talks too much");
      const Status ready = WaitForSocket(fd_, SocketReady::kToRead, deadline,
                                         {fd_, stop_fd_, nullptr});
      if (!ready.ok()) {
        return ready.error().reason() == Reason::kConnectionTimeout
                   ? Gone("no answer in time")
                   : ready.error();
      }
      Result<Received> received = ReceiveNow(fd_, answer.room());
      if (!received) return Gone(received.error().detail());
      if (received->would_block) continue;
      if (received->octets.empty()) return Gone("it closed the connection");
      answer.Append(received->octets);
    }
  }

 private:
  static constexpr std::size_t kMaxAnswer = 64;
  static Error Gone(const std::string& why) {
    return Error{Reason::kClientGone, "asked before the final dot: " + why};
  }

  const int fd_, stop_fd_;
};

Status CheckFields(const Request& request) {
  if (request.verb != "deliver") {
    return Error{Reason::kRequestInvalid,
                 "this door knows 'deliver', not " + Quoted(request.verb)};
  }
  for (const auto& field : request.fields) {
    if (std::find(kFields.begin(), kFields.end(), field.first) ==
        kFields.end()) {
      return Error{Reason::kRequestInvalid,
                   "unknown field " + Quoted(field.first)};
    }
  }
  for (const std::string_view key : kFields) {
    if (request.Find(key) == nullptr) {
      return Error{Reason::kRequestInvalid, std::string(key) + " is missing"};
    }
  }
  return {};
}

}  // namespace

Result<DeliveryRequest> ParseDeliverRequest(const Request& request) {
  const Status fields = CheckFields(request);
  if (!fields) return fields.error();
  const std::string& hop = *request.Find("nexthop");
  const std::string& queue_id = *request.Find("queue-id");
  const std::string& sender = *request.Find("sender");
  const std::string& recipient = *request.Find("recipient");

  Result<NextHop> next_hop = NextHop::Parse(hop);
  if (!next_hop) return InvalidField("nexthop", hop, next_hop.error().detail());
  if (!IsQueueId(queue_id)) {
    return InvalidField("queue-id", queue_id, "not letters and digits");
  }
  const Status sender_fits = CheckSender(sender);
  if (!sender_fits) return sender_fits.error();
  Result<HostName> domain = RecipientDomain(recipient);
  if (!domain) return domain.error();

  return DeliveryRequest{"pipe", std::move(*domain), std::move(*next_hop),
                         Envelope{sender, {recipient}, queue_id},
                         Cancellation{}};
}

Reply ReplyFor(const RecipientResult& result) {
  const std::string text = " " + OneLine(result.text, kMaxReplyText);
  switch (result.outcome) {
    case RecipientResult::Outcome::kDelivered:
      return {"delivered", StatusOfClass(result, '2', "2.0.0") + text};
    case RecipientResult::Outcome::kBounced:
      return {"bounced", StatusOfClass(result, '5', "5.0.0") + text};
    case RecipientResult::Outcome::kDeferred:
      break;
  }
  return {"deferred", StatusOfClass(result, '4', "4.0.0") + text};
}

Reply PipeDoor::Handle(Call& call) const {
  Result<DeliveryRequest> request = ParseDeliverRequest(call.request);
  if (!request) return ErrorReply(request.error());
  const ClientsWord clients_word(call);
  request->cancellation = {call.socket.get(), call.stop_fd, &clients_word};

  const Deadline deadline(call.received_at + until_dot_);
  auto message = spool_.Receive(
      call.passed.get(), deadline.Within(kSpoolBudget), request->cancellation);
  if (!message) return ErrorReply(message.error());
  // Not needed any more; pipe(8) may see that we took all of it.
  call.passed.Reset();

  const std::vector<RecipientResult> results =
      deliver_(*request, **message, deadline);
  if (results.size() != 1) {
    return ErrorReply({Reason::kInternal, "not one answer for one recipient"});
  }
  return ReplyFor(results.front());
}

}  // namespace postern
