// sendmail-milter/recent_plans.h
//
// RecentPlans: plans made a moment ago, so that a question about a destination
// that is known needs neither DNS nor HTTPS. A plan is used again only while
// its lines and pins still hold (Gate::StillHolds()) and nothing in it has
// run out, so a policy commit bites at once.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>

#include "core/gate/evidence_index.h"
#include "core/gate/gate.h"

namespace postern {

// Thread-safe; borrows its parts.
class RecentPlans {
 public:
  RecentPlans(Gate& gate, EvidenceIndex& index, const Clock& clock)
      : gate_(gate), index_(index), clock_(clock) {}

  using Made = std::variant<std::shared_ptr<const Plan>, Verdict>;

  // Null where it would have to be made. Asks no network.
  std::shared_ptr<const Plan> Known(const HostName& recipient,
                                    const NextHop& hop);
  // Known(), or made now; the index hears where its hosts are.
  Made Get(const HostName& recipient, const NextHop& hop, Deadline deadline);
  // The next question makes it anew.
  void Forget(const HostName& recipient, const NextHop& hop);

 private:
  using Key = std::pair<std::string, std::string>;
  struct Kept {
    std::shared_ptr<const Plan> plan;
    TimePoint since{};
  };
  static Key KeyOf(const HostName& recipient, const NextHop& hop);
  // False also where the clock was set back: nobody knows for how long yet.
  static bool IsCurrent(const Kept& kept, TimePoint now) {
    return kept.since <= now && now < kept.plan->valid_until;
  }
  void Keep(const Key& key, Kept made);

  Gate& gate_;
  EvidenceIndex& index_;
  const Clock& clock_;
  std::mutex mutex_;  // guards what follows
  std::map<Key, Kept> plans_;
  TimePoint swept_{};  // when those that had run out were dropped
};

}  // namespace postern
