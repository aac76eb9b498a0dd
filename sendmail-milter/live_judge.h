// sendmail-milter/live_judge.h
//
// LiveJudge: a verdict on a connection of which Sendmail tells little more than
// the SHA-256 of the leaf. The chain is one that posternd itself was shown by
// that host; the host is one of the destination's own; the rest is
// Gate::JudgeMade(), on today's plan.
#pragma once

#include <memory>
#include <optional>
#include <variant>

#include "core/gate/evidence_index.h"
#include "core/gate/gate.h"
#include "core/gate/prober.h"
#include "core/tls/socket_wait.h"
#include "sendmail-milter/map_question.h"
#include "sendmail-milter/recent_plans.h"

namespace postern {

// Thread-safe; borrows its parts.
class LiveJudge {
 public:
  // Looks at one address for one question: behind it may be several servers.
  static constexpr int kLooks = 4;

  struct Parts {
    Gate& gate;
    EvidenceIndex& index;
    Prober& prober;
    RecentPlans& plans;
  };
  explicit LiveJudge(Parts parts) : parts_(parts) {}

  struct Judged {
    Verdict verdict;
    TlsEvidence evidence;
    // Null where planning ended in the verdict.
    std::shared_ptr<const Plan> plan;
    const HostPlan* host = nullptr;  // of `plan`; null: it is none of its hosts
  };
  // How long the judge may wait for DNS and servers, and what ends that.
  struct Patience {
    Deadline deadline;
    Cancellation stop;
  };
  // Nothing: it can't be said without waiting, and there is no `patience`.
  // `question` has a destination.
  std::optional<Judged> Judge(const MapQuestion& question,
                              const std::optional<Patience>& patience);

 private:
  struct NotKnown {};
  struct Place {
    std::shared_ptr<const Plan> plan;
    const HostPlan* host = nullptr;
  };
  using Found = std::variant<NotKnown, Judged, Place>;

  Found PlanFor(const MapQuestion& question, const NextHop& hop,
                const std::optional<Patience>& patience);
  Found PlaceOf(const MapQuestion& question,
                const std::optional<Patience>& patience);
  // Looks at the server's address until the leaf is seen.
  Result<TlsEvidence> Search(const MapQuestion& question, const Place& place,
                             const Patience& patience);

  const Parts parts_;
};

}  // namespace postern
