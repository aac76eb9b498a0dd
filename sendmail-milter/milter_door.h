// sendmail-milter/milter_door.h
//
// MilterDoor: what the service answers postern-milter about a recipient
// (docs/protocol.md, "The door sendmail"). Nothing is let out by it: the
// connection that carries the mail is judged later, when there is one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/audit/session_record.h"
#include "core/delivery/report.h"
#include "core/gate/evidence_index.h"
#include "core/gate/gate.h"
#include "core/gate/prober.h"
#include "core/service/call_pool.h"
#include "sendmail-milter/recent_plans.h"

namespace postern {

// Thread-safe; borrows its parts.
class MilterDoor {
 public:
  // Below postern-milter's own patience, which lies below the MTA's (R:30s).
  static constexpr std::chrono::seconds kBudget{20};
  // A look that is no older is not repeated.
  static constexpr std::chrono::seconds kRecent{60};
  static constexpr std::size_t kMostLooks = 8;  // for one question

  struct Parts {
    Gate& gate;
    EvidenceIndex& index;
    Prober& prober;
    RecentPlans& plans;
    SessionSink& sink;
    const Clock& clock;
  };
  explicit MilterDoor(Parts parts) : parts_(parts) {}

  Reply Handle(const Call& call) {
    Cancellation stop;
    stop.stop_fd = call.stop_fd;
    return Answer(call.request, stop);
  }
  // recipient; see docs/protocol.md.
  Reply Answer(const Request& request, const Cancellation& stop);

 private:
  struct Survey;  // what the hosts of a destination said

  Reply Recipient(const Request& request, const Cancellation& stop);
  Reply Planless(const HostName& domain, const NextHop& hop,
                 const std::string& queue_id, const Verdict& verdict);
  // True: one of them passes.
  bool Remembered(const Plan& plan, Deadline deadline);
  bool Look(const Plan& plan, const std::string& queue_id,
            const Cancellation& stop, Deadline deadline, Survey& survey);
  void Note(const Plan& plan, const HostPlan& host, const Verdict& verdict,
            Survey& survey);
  Reply Refuse(const Plan& plan, const Survey& survey, Deadline deadline);

  const Parts parts_;
};

}  // namespace postern
