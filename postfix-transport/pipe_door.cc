#include "postfix-transport/pipe_door.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "core/names/quoted.h"
#include "core/smtp/smtp_path.h"

namespace postern {
namespace {

constexpr std::array<std::string_view, 4> kFields{"nexthop", "queue-id",
                                                  "sender", "recipient"};
constexpr std::size_t kMaxQueueId = 64;
constexpr std::size_t kMaxText = 950;  // the transport prints about 1000
// For the message itself: pipe(8) writes without being asked.
constexpr std::chrono::minutes kSpoolBudget{5};

Error Invalid(std::string_view field, std::string_view value,
              const std::string& why) {
  return Error{Reason::kRequestInvalid,
               std::string(field) + " " + Quoted(value) + ": " + why};
}

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

bool IsQueueId(std::string_view text) {
  return !text.empty() && text.size() <= kMaxQueueId &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                  (c >= 'A' && c <= 'Z');
         });
}

// Where the domain begins: after the last "@" outside quotes, if anything
// stands before and after it.
Result<std::string_view> DomainPart(std::string_view field,
                                    std::string_view address) {
  const Status safe = CheckPath(address);
  if (!safe) return Invalid(field, address, safe.error().detail());
  // Nothing after an "@" outside quotes may hold a quote: the last "@" is it.
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == address.size() ||
      address.find('"', at) != std::string_view::npos) {
    return Invalid(field, address, "not local-part@domain");
  }
  return address.substr(at + 1);
}

// The recipient's domain for the policy; the envelope keeps it as it was given.
Result<HostName> RecipientDomain(std::string_view recipient) {
  const auto text = DomainPart("recipient", recipient);
  if (!text) return text.error();
  Result<HostName> domain = ParseRecipientDomain(*text);
  if (!domain) return Invalid("recipient", recipient, domain.error().detail());
  return domain;
}

Status CheckSender(std::string_view sender) {
  if (sender.empty()) return {};  // the null reverse-path
  if (sender == "MAILER-DAEMON") {
    return Invalid("sender", sender, "set null_sender= in master.cf");
  }
  const auto domain = DomainPart("sender", sender);
  if (!domain) return domain.error();
  return {};
}

// The status where it is of the class that the outcome needs.
std::string StatusOr(const RecipientResult& result, char wanted,
                     const char* otherwise) {
  const std::string classes(1, wanted);
  const auto parsed = ParseStatusText(result.status, classes);
  return parsed && parsed->text.empty() ? result.status : otherwise;
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
  if (!next_hop) return Invalid("nexthop", hop, next_hop.error().detail());
  if (!IsQueueId(queue_id)) {
    return Invalid("queue-id", queue_id, "not letters and digits");
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
  const std::string text = " " + OneLine(result.text, kMaxText);
  switch (result.outcome) {
    case RecipientResult::Outcome::kDelivered:
      return {"delivered", StatusOr(result, '2', "2.0.0") + text};
    case RecipientResult::Outcome::kBounced:
      return {"bounced", StatusOr(result, '5', "5.0.0") + text};
    case RecipientResult::Outcome::kDeferred:
      break;
  }
  return {"deferred", StatusOr(result, '4', "4.0.0") + text};
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
