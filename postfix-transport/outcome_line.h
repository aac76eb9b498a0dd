// postfix-transport/outcome_line.h
//
// What pipe(8) is told: an exit status and one "D.S.N text" line. Postfix takes
// exit 0 as sent even if nothing was read, bounces on most other statuses, and
// lets a line that begins 4.x.x or 5.x.x overrule them; so only three statuses
// ever leave here, and each always with its line.
#pragma once

#include <string>

#include "core/outcome/result.h"
#include "core/service/line_protocol.h"

namespace postern {

struct Outcome {
  enum Exit { kDelivered = 0, kBounced = 69, kDeferred = 75 };
  Exit exit = kDeferred;
  std::string line;  // without a line end; at most 1000 octets
};

// A defer, whatever the error.
Outcome OutcomeOf(const Error& error);

// Delivered and bounced only for a reply that says so in full ("delivered
// 2.x.y …", "bounced 5.x.y …"); everything else is a defer.
Outcome OutcomeOf(const Reply& reply);

}  // namespace postern
