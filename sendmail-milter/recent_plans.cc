#include "sendmail-milter/recent_plans.h"

namespace postern {
namespace {

constexpr std::size_t kMost = 10'000;

}  // namespace

RecentPlans::Key RecentPlans::KeyOf(const HostName& recipient,
                                    const NextHop& hop) {
  return {ToString(recipient), hop.str()};
}

std::shared_ptr<const Plan> RecentPlans::Known(const HostName& recipient,
                                               const NextHop& hop) {
  std::shared_ptr<const Plan> plan;
  {
    const std::lock_guard lock(mutex_);
    const auto found = plans_.find(KeyOf(recipient, hop));
    if (found == plans_.end()) return nullptr;
    plan = found->second;
  }
  const bool good = clock_.Now() < plan->valid_until && gate_.StillHolds(*plan);
  return good ? plan : nullptr;
}

RecentPlans::Made RecentPlans::Get(const HostName& recipient,
                                   const NextHop& hop, Deadline deadline) {
  if (auto plan = Known(recipient, hop)) return plan;
  Planned planned = gate_.MakePlan(recipient, hop, deadline);
  if (auto* verdict = std::get_if<Verdict>(&planned)) {
    return std::move(*verdict);
  }
  auto plan = std::make_shared<const Plan>(std::get<Plan>(std::move(planned)));
  for (const HostPlan& host : plan->hosts) {
    index_.NoteAddresses(host.facts.host, host.facts.port, host.facts.ips);
  }
  Keep(KeyOf(recipient, hop), plan);
  return plan;
}

void RecentPlans::Keep(const Key& key, std::shared_ptr<const Plan> plan) {
  const std::lock_guard lock(mutex_);
  if (plans_.size() >= kMost && !plans_.contains(key)) {
    const TimePoint now = clock_.Now();
    std::erase_if(plans_, [now](const auto& entry) {
      return entry.second->valid_until <= now;
    });
    if (plans_.size() >= kMost) plans_.clear();
  }
  plans_.insert_or_assign(key, std::move(plan));
}

void RecentPlans::Forget(const HostName& recipient, const NextHop& hop) {
  const std::lock_guard lock(mutex_);
  plans_.erase(KeyOf(recipient, hop));
}

}  // namespace postern
