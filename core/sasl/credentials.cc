#include "core/sasl/credentials.h"

#include <atomic>

namespace postern {
namespace {

std::uint64_t NextId() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

Credentials::Credentials(std::string user, Secret secret)
    : user_(std::move(user)), secret_(std::move(secret)), id_(NextId()) {}

void Credentials::NoteRefusal(Moment now, const std::string& text) const {
  const std::lock_guard lock(mutex_);
  refusal_.emplace(now, text);
}

std::optional<std::string> Credentials::RefusedLately(Moment now) const {
  const std::lock_guard lock(mutex_);
  if (!refusal_ || now - refusal_->first >= kRefusalMemory) return std::nullopt;
  return refusal_->second;
}

}  // namespace postern
