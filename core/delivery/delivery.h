// core/delivery/delivery.h
//
// Delivery: one message to one destination, host by host, until a host takes
// it, one rejects it for good, or none is left. It owns the order of events
// that the promises rest on: plan, connect, judge, and only then MAIL.
#pragma once

#include <string>
#include <vector>

#include "core/audit/session_record.h"
#include "core/clock/clock.h"
#include "core/delivery/connections.h"
#include "core/delivery/message_journal.h"
#include "core/gate/gate.h"
#include "core/smtp/message.h"

namespace postern {

struct DeliveryRequest {
  std::string door;  // for the record: "pipe"
  HostName recipient_domain;
  NextHop next_hop;
  Envelope envelope;  // one recipient at the pipe door, several at LMTP's
  Cancellation cancellation;
};

// The answer for one recipient.
struct RecipientResult {
  enum class Outcome { kDelivered, kDeferred, kBounced };
  Outcome outcome = Outcome::kDeferred;
  std::string status;  // RFC 3463
  std::string text;    // one line: every host tried and why, or its reply
};

class Delivery {
 public:
  // Without a journal nothing is remembered of what was sent; without limits no
  // connection is kept.
  Delivery(Gate& gate, SessionSink& sink, const Clock& clock,
           DeliveryJournal* journal = nullptr,
           const ConnectionLimits& limits = {},
           const MomentNow& now = MonotonicNow);

  // Thread-safe. As many results as recipients, in their order. Never throws;
  // whatever goes wrong is a defer.
  std::vector<RecipientResult> Deliver(const DeliveryRequest& request,
                                       const Message& message,
                                       Deadline deadline) noexcept;

 private:
  std::vector<RecipientResult> ConsultAndSend(const DeliveryRequest& request,
                                              const Message& message,
                                              Deadline deadline);
  std::vector<RecipientResult> PlanAndSend(const DeliveryRequest& request,
                                           const Message& message,
                                           MessageJournal& journal,
                                           Deadline deadline);

  Gate& gate_;
  SessionSink& sink_;
  const Clock& clock_;
  DeliveryJournal* journal_;
  Connections connections_;
};

}  // namespace postern
