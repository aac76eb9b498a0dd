#include "core/delivery/under_way.h"

#include <algorithm>
#include <utility>

namespace postern {
namespace {

// Between two looks at whether the caller is still there.
constexpr std::chrono::milliseconds kLook{200};

}  // namespace

UnderWay::Place::Place(UnderWay& owner, Names names)
    : owner_(&owner), names_(std::move(names)) {}

UnderWay::Place::Place(Place&& other) noexcept
    : owner_(std::exchange(other.owner_, nullptr)),
      names_(std::move(other.names_)) {}

UnderWay::Place::~Place() {
  if (owner_ == nullptr) return;
  {
    const std::lock_guard lock(owner_->mutex_);
    for (const std::string& name : names_) owner_->under_way_.erase(name);
  }
  owner_->left_.notify_all();
}

bool UnderWay::Free(const Names& names) const {
  return std::none_of(
      names.begin(), names.end(),
      [this](const std::string& name) { return under_way_.contains(name); });
}

Result<UnderWay::Place> UnderWay::Enter(Names names, Deadline deadline,
                                        const Cancellation& cancellation) {
  std::unique_lock lock(mutex_);
  while (!Free(names)) {
    if (deadline.expired()) return Error{Reason::kDeliveryUnderWay, ""};
    if (auto why = WhyCancelled(cancellation)) return *std::move(why);
    left_.wait_for(lock, std::min(kLook, deadline.remaining()));
  }
  // Named first, entered then: without memory nothing is left behind.
  Names entered = names;
  under_way_.merge(entered);
  return Place(*this, std::move(names));
}

}  // namespace postern
