#include "exim-dlfunc/exim_kept.h"

#include <utility>

namespace postern {
namespace {

constexpr std::size_t kMostPlans = 4096;
constexpr std::size_t kMostChains = 1024;
constexpr std::chrono::minutes kChainKept{10};

}  // namespace

std::shared_ptr<const Plan> HandedOutPlans::Keep(Plan plan) {
  auto kept = std::make_shared<const Plan>(std::move(plan));
  const std::lock_guard lock(mutex_);
  const auto old = by_digest_.find(kept->digest);
  if (old != by_digest_.end()) {
    plans_.erase(old->second);
    by_digest_.erase(old);
  }
  plans_.push_front(kept);
  by_digest_[kept->digest] = plans_.begin();
  if (plans_.size() > kMostPlans) {
    by_digest_.erase(plans_.back()->digest);
    plans_.pop_back();
  }
  return kept;
}

std::shared_ptr<const Plan> HandedOutPlans::Find(
    const std::string& digest) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_digest_.find(digest);
  return found == by_digest_.end() ? nullptr : *found->second;
}

void ToldChains::Add(const EximSessions::Key& key, unsigned depth,
                     std::string der) {
  const std::lock_guard lock(mutex_);
  const TimePoint limit = clock_.Now() - kChainKept;
  std::erase_if(told_, [limit](const auto& e) { return e.second.at < limit; });
  if (told_.size() >= kMostChains && !told_.contains(key)) return;
  Told& told = told_[key];
  // Not one less than before: another handshake has begun.
  if (told.ders.empty() || depth + 1 != told.depth) told.ders.clear();
  told.at = clock_.Now();
  told.depth = depth;
  if (told.ders.size() < kMostCertificates) {
    told.ders.push_back(std::move(der));
  }
}

std::vector<std::string> ToldChains::Of(const EximSessions::Key& key,
                                        const std::string& leaf) const {
  const std::lock_guard lock(mutex_);
  const auto found = told_.find(key);
  if (found == told_.end() || found->second.depth != 0 ||
      found->second.ders.back() != leaf) {
    return {};
  }
  return {found->second.ders.rbegin(), found->second.ders.rend()};
}

}  // namespace postern
