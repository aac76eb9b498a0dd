#include "plugins/mta_sts/kept_policies.h"

#include <utility>
#include <vector>

namespace postern {

KeptPolicies::KeptPolicies(PublishedCache& cache,
                           std::function<void(const std::string&)> warn)
    : cache_(cache), warn_(std::move(warn)) {}

Result<std::optional<PublishedEntry>> KeptPolicies::Find(
    const std::string& domain) {
  {
    const std::lock_guard lock(mutex_);
    const auto unsaved = unsaved_.find(domain);
    if (unsaved != unsaved_.end()) return std::optional(unsaved->second);
  }
  return cache_.Find(kSource, domain);
}

void KeptPolicies::Keep(const PublishedEntry& entry) {
  const std::lock_guard changing(changing_);
  KeepLocked(entry);
}

Status KeptPolicies::Change(
    const std::string& domain,
    const std::function<void(PublishedEntry&)>& change) {
  const std::lock_guard changing(changing_);
  const auto held = Find(domain);
  if (!held) return held.error();
  PublishedEntry entry = held->value_or(PublishedEntry{});
  entry.source = kSource;
  entry.domain = domain;
  change(entry);
  KeepLocked(entry);
  return {};
}

void KeptPolicies::KeepLocked(const PublishedEntry& entry) {
  const Status kept = cache_.Put(entry);
  bool warn = false;
  {
    const std::lock_guard lock(mutex_);
    if (kept) {
      unsaved_.erase(entry.domain);
    } else if (unsaved_.size() < kMostUnsaved ||
               unsaved_.count(entry.domain) > 0) {
      unsaved_.insert_or_assign(entry.domain, entry);
    }
    warn = !kept && !std::exchange(warned_, true);
    if (kept) warned_ = false;
  }
  if (warn && warn_) {
    warn_(
        "policies can't be stored and would be forgotten at the next start (" +
        kept.error().detail() + ")");
  }
}

void KeptPolicies::KeepAgain() {
  std::vector<std::string> domains;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [domain, entry] : unsaved_) domains.push_back(domain);
  }
  for (const std::string& domain : domains) {
    const std::lock_guard changing(changing_);
    std::optional<PublishedEntry> entry;
    {
      // A newer one may have been stored since.
      const std::lock_guard lock(mutex_);
      const auto unsaved = unsaved_.find(domain);
      if (unsaved != unsaved_.end()) entry = unsaved->second;
    }
    if (!entry) continue;
    if (!cache_.Put(*entry)) return;
    const std::lock_guard lock(mutex_);
    unsaved_.erase(domain);
  }
}

Result<bool> KeptPolicies::Forget(const std::string& domain) {
  const std::lock_guard changing(changing_);
  bool unsaved = false;
  {
    const std::lock_guard lock(mutex_);
    unsaved = unsaved_.erase(domain) > 0;
  }
  const Result<bool> stored = cache_.Remove(kSource, domain);
  if (!stored) return stored.error();
  return unsaved || *stored;
}

}  // namespace postern
