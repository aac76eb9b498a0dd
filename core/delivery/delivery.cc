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

SessionRecord RecordFor(const DeliveryRequest& request, const Verdict& verdict,
                        TimePoint now, std::string outcome) {
  SessionRecord record;
  record.at = now;
  record.door = request.door;
  record.queue_id = request.envelope.queue_id;
  record.destination = ToString(request.recipient_domain);
  record.next_hop = request.next_hop.str();
  record.verdict = verdict;
  record.outcome = std::move(outcome);
  return record;
}

SessionRecord RecordOfPlanning(const DeliveryRequest& request,
                               const Verdict& verdict, TimePoint now) {
  const bool bounce = verdict.decision == Decision::kBounce;
  return RecordFor(request, verdict, now, bounce ? "bounced" : "refused");
}

std::string SentWhen(const JournalEntry& entry) {
  return FormatTime(entry.ended_at.value_or(entry.begun_at));
}

// The MTA never heard of the end of that delivery, and now it does.
RecipientResult FromJournal(const JournalEntry& entry) {
  return {Outcome::kDelivered, entry.status.empty() ? "2.0.0" : entry.status,
          "already sent at " + SentWhen(entry) +
              ", not sent again: " + entry.where + " took it: " + entry.reply};
}

SessionRecord RecordOfAlreadySent(const DeliveryRequest& request,
                                  const JournalEntry& entry, TimePoint now) {
  Verdict verdict;
  verdict.decision = Decision::kPass;
  verdict.reason = Reason::kOk;
  verdict.status = "2.0.0";
  verdict.mx_host = entry.where;
  verdict.sentence = "already sent at " + SentWhen(entry) +
                     "; nothing was sent or judged this time";
  SessionRecord record = RecordFor(request, verdict, now, "already-sent");
  record.reply = entry.reply;
  return record;
}

}  // namespace

Delivery::Delivery(Gate& gate, SessionSink& sink, const Clock& clock,
                   DeliveryJournal* journal, const ConnectionLimits& limits,
                   const MomentNow& now)
    : gate_(gate),
      sink_(sink),
      clock_(clock),
      journal_(journal),
      connections_(gate, limits, now) {}

std::vector<RecipientResult> Delivery::Deliver(const DeliveryRequest& request,
                                               const Message& message,
                                               Deadline deadline) noexcept {
  const std::size_t recipients = request.envelope.recipients.size();
  try {
    return ConsultAndSend(request, message, deadline);
  } catch (const std::exception& e) {
    return ForAll(recipients,
                  FromPlanning(DeferFor(Error(Reason::kInternal, e.what()))));
  } catch (...) {
    return ForAll(
        recipients,
        FromPlanning(DeferFor(Error(Reason::kInternal, "unknown exception"))));
  }
}

// Before planning: what a server has taken is done, even if its domain's DNS
// has gone since or the policy has changed.
std::vector<RecipientResult> Delivery::ConsultAndSend(
    const DeliveryRequest& request, const Message& message, Deadline deadline) {
  const std::vector<std::string>& recipients = request.envelope.recipients;
  const auto defer = [&](const Error& error) {
    const Verdict verdict = DeferFor(error);
    sink_.OnSession(RecordOfPlanning(request, verdict, clock_.Now()));
    return ForAll(recipients.size(), FromPlanning(verdict));
  };
  Result<MessageJournal> journal =
      MessageJournal::For(journal_, request.envelope, message);
  if (!journal) return defer(journal.error());
  const auto place = journal->Enter(recipients, deadline, request.cancellation);
  if (!place) return defer(place.error());
  const auto sent = journal->AlreadySent(recipients);
  if (!sent) return defer(sent.error());

  DeliveryRequest rest = request;
  rest.envelope.recipients.clear();
  std::vector<RecipientResult> results(recipients.size());
  for (std::size_t i = 0; i < recipients.size(); ++i) {
    if (const auto& entry = (*sent)[i]) {
      sink_.OnSession(RecordOfAlreadySent(request, *entry, clock_.Now()));
      results[i] = FromJournal(*entry);
    } else {
      rest.envelope.recipients.push_back(recipients[i]);
    }
  }
  if (rest.envelope.recipients.empty()) return results;
  std::vector<RecipientResult> others =
      PlanAndSend(rest, message, *journal, deadline);
  for (std::size_t i = 0, next = 0; i < recipients.size(); ++i) {
    if (!(*sent)[i]) results[i] = std::move(others[next++]);
  }
  return results;
}

std::vector<RecipientResult> Delivery::PlanAndSend(
    const DeliveryRequest& request, const Message& message,
    MessageJournal& journal, Deadline deadline) {
  const Planned planned =
      gate_.MakePlan(request.recipient_domain, request.next_hop, deadline);
  if (const auto* verdict = std::get_if<Verdict>(&planned)) {
    sink_.OnSession(RecordOfPlanning(request, *verdict, clock_.Now()));
    return ForAll(request.envelope.recipients.size(), FromPlanning(*verdict));
  }
  return HostLoop(gate_, connections_, sink_, clock_, std::get<Plan>(planned),
                  request, message, journal, deadline)
      .Run();
}

}  // namespace postern
