#include "postfix-transport/destination_share.h"

namespace postern {

std::optional<DestinationShare::Place> DestinationShare::Enter(
    const std::string& destination, Time now) {
  const std::lock_guard lock(mutex_);
  std::multiset<Time>& since = under_way_[destination];
  const bool slow = !since.empty() && now - *since.begin() >= slow_;
  if (slow && since.size() >= share_) return std::nullopt;
  since.insert(now);
  return Place(this, destination, now);
}

DestinationShare::Place::~Place() {
  if (owner_ == nullptr) return;
  const std::lock_guard lock(owner_->mutex_);
  const auto entry = owner_->under_way_.find(destination_);
  entry->second.erase(entry->second.find(since_));
  if (entry->second.empty()) owner_->under_way_.erase(entry);
}

}  // namespace postern
