#include "postfix-transport/pipe_door.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "core/names/quoted.h"
#include "postfix-transport/envelope_checks.h"

namespace postern {
namespace {

constexpr std::array<std::string_view, 4> kFields{"nexthop", "queue-id",
                                                  "sender", "recipient"};
// For the message itself: pipe(8) writes without being asked.
constexpr std::chrono::minutes kSpoolBudget{5};

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
  request->cancellation = {call.socket.get(), call.stop_fd};

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
