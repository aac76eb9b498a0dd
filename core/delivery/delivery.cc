#include "core/delivery/delivery.h"

#include <exception>
#include <utility>

#include "core/delivery/host_loop.h"
#include "core/delivery/report.h"

namespace postern {
namespace {

using Outcome = RecipientResult::Outcome;

std::vector<RecipientResult> ForAll(std::size_t recipients,
                                    const RecipientResult& result) {
  return std::vector<RecipientResult>(recipients, result);
}

// Planning ended in a verdict: nothing was connected.
RecipientResult FromPlanning(const Verdict& verdict) {
  const bool bounce = verdict.decision == Decision::kBounce;
  return Conclude({FromVerdict(verdict)},
                  bounce ? Outcome::kBounced : Outcome::kDeferred);
}

SessionRecord RecordOfPlanning(const DeliveryRequest& request,
                               const Verdict& verdict, TimePoint now) {
  SessionRecord record;
  record.at = now;
  record.door = request.door;
  record.queue_id = request.envelope.queue_id;
  record.destination = ToString(request.recipient_domain);
  record.next_hop = request.next_hop.str();
  record.verdict = verdict;
  record.outcome =
      verdict.decision == Decision::kBounce ? "bounced" : "refused";
  return record;
}

}  // namespace

Delivery::Delivery(Gate& gate, SessionSink& sink, const Clock& clock,
                   const ConnectionLimits& limits, const MomentNow& now)
    : gate_(gate),
      sink_(sink),
      clock_(clock),
      connections_(gate, limits, now) {}

std::vector<RecipientResult> Delivery::Deliver(const DeliveryRequest& request,
                                               const Message& message,
                                               Deadline deadline) noexcept {
  const std::size_t recipients = request.envelope.recipients.size();
  try {
    const Planned planned =
        gate_.MakePlan(request.recipient_domain, request.next_hop, deadline);
    if (const auto* verdict = std::get_if<Verdict>(&planned)) {
      sink_.OnSession(RecordOfPlanning(request, *verdict, clock_.Now()));
      return ForAll(recipients, FromPlanning(*verdict));
    }
    return HostLoop(gate_, connections_, sink_, clock_, std::get<Plan>(planned),
                    request, message, deadline)
        .Run();
  } catch (const std::exception& e) {
    return ForAll(recipients,
                  FromPlanning(DeferFor(Error(Reason::kInternal, e.what()))));
  } catch (...) {
    return ForAll(
        recipients,
        FromPlanning(DeferFor(Error(Reason::kInternal, "unknown exception"))));
  }
}

}  // namespace postern
