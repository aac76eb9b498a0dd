#include "sendmail-milter/recent_plans.h"

namespace postern {
namespace {

constexpr std::size_t kMost = 10'000;
constexpr std::chrono::seconds kSweep{60};

}  // namespace

RecentPlans::Key RecentPlans::KeyOf(const HostName& recipient,
                                    const NextHop& hop) {
  return {ToString(recipient), hop.str()};
}

std::shared_ptr<const Plan> RecentPlans::Known(const HostName& recipient,
                                               const NextHop& hop) {
  Kept kept;
  {
    const std::lock_guard lock(mutex_);
    const auto found = plans_.find(KeyOf(recipient, hop));
    if (found == plans_.end()) return nullptr;
    kept = found->second;
  }
  const bool good =
      IsCurrent(kept, clock_.Now()) && gate_.StillHolds(*kept.plan);
  return good ? kept.plan : nullptr;
}

RecentPlans::Made RecentPlans::Get(const HostName& recipient,
                                   const NextHop& hop, Deadline deadline) {
  if (auto plan = Known(recipient, hop)) return plan;
  const TimePoint since = clock_.Now();
  Planned planned = gate_.MakePlan(recipient, hop, deadline);
  if (auto* verdict = std::get_if<Verdict>(&planned)) {
    return std::move(*verdict);
  }
  auto plan = std::make_shared<const Plan>(std::get<Plan>(std::move(planned)));
  for (const HostPlan& host : plan->hosts) {
    index_.NoteAddresses(host.facts.host, host.facts.port, host.facts.ips);
  }
  Keep(KeyOf(recipient, hop), {plan, since});
  return plan;
}

// Strangers choose whose plans these are and how large.
void RecentPlans::Keep(const Key& key, Kept made) {
  const std::lock_guard lock(mutex_);
  const TimePoint now = clock_.Now();
  if (now < swept_ || now - swept_ >= kSweep || plans_.size() >= kMost) {
    std::erase_if(plans_, [now](const auto& entry) {
      return !IsCurrent(entry.second, now);
    });
    swept_ = now;
  }
  if (plans_.size() >= kMost && !plans_.contains(key)) plans_.clear();
  plans_.insert_or_assign(key, std::move(made));
}

void RecentPlans::Forget(const HostName& recipient, const NextHop& hop) {
  const std::lock_guard lock(mutex_);
  plans_.erase(KeyOf(recipient, hop));
}

}  // namespace postern
