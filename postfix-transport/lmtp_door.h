// postfix-transport/lmtp_door.h
//
// LmtpDoor: where Postfix's lmtp(8) hands over mail. One call is one
// connection: any number of messages, each for any number of recipients, and
// for each recipient an answer of its own that comes only after the
// destination's.
//
// The message is spooled whole before anybody is connected to. Recipients of
// one domain share a connection, several domains are delivered side by side, so
// that a slow one doesn't eat the others' time; what is known is said at once.
// When lmtp(8) hangs up, whatever has not reached its final dot gives up.
//
// An answer is never better than what happened: every error, exception or
// doubt is 4.x.x.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/clock/clock.h"
#include "core/delivery/delivery.h"
#include "core/delivery/spooled_message.h"
#include "core/service/call_pool.h"
#include "postfix-transport/destination_share.h"
#include "postfix-transport/lmtp_protocol.h"

namespace postern {

// Thread-safe if its parts are; borrows spool and random.
class LmtpDoor {
 public:
  using Deliver = std::function<std::vector<RecipientResult>(
      const DeliveryRequest&, const Message&, Deadline)>;
  // Told of each recipient's result; must not throw.
  using OnResult = std::function<void(const RecipientResult&)>;

  struct Limits {
    // How long after a message came a recipient's may still be on its way to
    // the final dot; the reply to that has a time of its own.
    std::chrono::seconds until_dot{2400};
    std::uint64_t message = 0;  // octets
    // Messages at a time to a destination of which one takes so long.
    std::size_t share = 25;
    std::chrono::seconds slow{60};
    std::chrono::seconds idle{300};   // for the next command
    std::chrono::seconds block{180};  // for the next octets of a message
    std::chrono::seconds data{300};   // for all of them
  };

  // `name`: this host's, for the greeting.
  LmtpDoor(Deliver deliver, Spool& spool, Random& random, std::string name,
           Limits limits)
      : deliver_(std::move(deliver)),
        spool_(spool),
        random_(random),
        name_(std::move(name)),
        limits_(limits),
        share_(limits.share, limits.slow) {}

  // Until the client quits, hangs up, is silent, or the service stops. The
  // reply is empty: all has been said on the call's socket.
  Reply Serve(Call& call, const OnResult& on_result) const;

 private:
  class Connection;

  Deliver deliver_;
  Spool& spool_;
  Random& random_;
  std::string name_;
  Limits limits_;
  mutable DestinationShare share_;
};

// "421 4.3.2 service-busy: …": how the service's own refusals look to lmtp(8),
// which tries again later. Nothing for an empty reply.
std::string FormatLmtpReply(const Reply& reply);

}  // namespace postern
