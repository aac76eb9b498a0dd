// postfix-transport/pipe_door.h
//
// PipeDoor: the service's side of postern-transport. Reads a deliver request,
// spools the message, has it delivered and words the answer (docs/protocol.md).
#pragma once

#include <chrono>
#include <functional>
#include <utility>
#include <vector>

#include "core/delivery/delivery.h"
#include "core/delivery/spooled_message.h"
#include "core/service/call_pool.h"
#include "core/service/line_protocol.h"

namespace postern {

// The request as it was checked: next hop, addresses and queue id are what they
// should be, and bounded. Errors: kRequestInvalid, naming the field.
Result<DeliveryRequest> ParseDeliverRequest(const Request& request);

// What the one recipient's result says, as a reply.
Reply ReplyFor(const RecipientResult& result);

// Delivery::Deliver(), bound to its object.
using Deliver = std::function<std::vector<RecipientResult>(
    const DeliveryRequest&, const Message&, Deadline)>;

// Thread-safe if `deliver` is; borrows the spool.
class PipeDoor {
 public:
  // `until_dot`: how long after the request a message may still be on its way
  // to the final dot; the reply to that has a time of its own.
  PipeDoor(Deliver deliver, Spool& spool, std::chrono::seconds until_dot)
      : deliver_(std::move(deliver)), spool_(spool), until_dot_(until_dot) {}

  Reply Handle(Call& call) const;

 private:
  Deliver deliver_;
  Spool& spool_;
  std::chrono::seconds until_dot_;
};

}  // namespace postern
