#include "core/policy/published_cache.h"

#include <algorithm>

namespace postern {

Result<std::optional<PublishedEntry>> MemoryPublishedCache::Find(
    std::string_view source, const std::string& domain) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(Key(source, domain));
  if (found == entries_.end()) return std::optional<PublishedEntry>();
  return std::optional(found->second);
}

Status MemoryPublishedCache::Put(const PublishedEntry& entry) {
  const std::lock_guard lock(mutex_);
  entries_.insert_or_assign(Key(entry.source, entry.domain), entry);
  return {};
}

Result<bool> MemoryPublishedCache::Remove(std::string_view source,
                                          const std::string& domain) {
  const std::lock_guard lock(mutex_);
  return entries_.erase(Key(source, domain)) > 0;
}

Result<std::vector<PublishedEntry>> MemoryPublishedCache::Claim(
    std::string_view source, TimePoint now, TimePoint until,
    std::size_t limit) {
  const std::lock_guard lock(mutex_);
  std::vector<PublishedEntry*> due;
  for (auto& [key, entry] : entries_) {
    if (key.first == source && entry.refresh_at <= now) due.push_back(&entry);
  }
  std::sort(due.begin(), due.end(),
            [](const PublishedEntry* a, const PublishedEntry* b) {
              return a->refresh_at < b->refresh_at;
            });
  due.resize(std::min(due.size(), limit));
  std::vector<PublishedEntry> claimed;
  for (PublishedEntry* entry : due) {
    entry->refresh_at = until;
    claimed.push_back(*entry);
  }
  return claimed;
}

}  // namespace postern
