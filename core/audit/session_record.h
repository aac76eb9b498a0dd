// core/audit/session_record.h
//
// SessionRecord: what happened to one message on one connection, for the audit
// line, the observations and, later, TLS reports. SessionSink: who is told.
#pragma once

#include <string>
#include <vector>

#include "core/clock/clock.h"
#include "core/outcome/published_policy.h"
#include "core/outcome/verdict.h"
#include "core/tls/tls_evidence.h"

namespace postern {

struct SessionRecord {
  TimePoint at{};
  std::string door;         // "pipe", "lmtp", "exim", "sendmail", "milter"
  std::string queue_id;     // the MTA's; empty for a probe
  std::string destination;  // the recipient's domain
  std::string next_hop;
  std::string level;  // of the line that held
  std::string plan_digest;
  std::string plan;  // what had to hold, as explain shows it; kept for
                     // replay, not logged
  Verdict verdict;
  TlsEvidence evidence;
  // What the destination publishes for this host (RFC 8460 section 4.4); the
  // findings in `verdict`, by source, and their reasons' result types say how
  // each fared.
  std::vector<PublishedPolicy> policies;
  std::string local_address;  // the sending MTA's; empty if never connected
  bool starttls_offered = false;
  // Messages that the same connection had carried before; 0: it was made for
  // this one.
  unsigned reused = 0;
  // "delivered", "deferred", "bounced", "refused" (no MAIL), "looked",
  // "already-sent" (by the journal: no connection at all), "unreported" (it
  // passed, and the MTA never said how it ended).
  std::string outcome;
  std::string reply;  // the server's last words, sanitised
};

// False where it never came to a connection: planning ended in a verdict, the
// plan refused the host, or nobody answered at its address.
bool WasConnected(const SessionRecord& record);

// Thread-safe. Told of every connection once it is over; must not block for
// long and must not fail the delivery.
class SessionSink {
 public:
  virtual ~SessionSink() = default;
  virtual void OnSession(const SessionRecord& record) noexcept = 0;

 protected:
  SessionSink() = default;
};

}  // namespace postern
