#include "core/delivery/dead_hosts.h"

#include <algorithm>
#include <utility>

namespace postern {
namespace {

Error NotTried(const Error& why, std::chrono::seconds ago, bool trial) {
  std::string text = "not tried: " + why.detail() + ", " +
                     std::to_string(ago.count()) + " s ago";
  if (trial) text += "; another message is trying it now";
  return Error(why.reason(), std::move(text));
}

std::chrono::seconds Between(Moment from, Moment to) {
  return std::chrono::duration_cast<std::chrono::seconds>(to - from);
}

}  // namespace

Moment MonotonicNow() {
  return Deadline::After(std::chrono::milliseconds::zero()).at();
}

std::optional<Error> DeadHosts::Begin(const std::string& peer, bool insist) {
  if (count_ == 0) return std::nullopt;
  const Moment now = now_();
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(peer);
  if (found == entries_.end()) return std::nullopt;
  Entry& entry = found->second;
  const auto age = now - entry.at;
  if (age >= kForget) {
    entries_.erase(found);
    count_ = entries_.size();
    return std::nullopt;
  }
  const bool due = age >= kMemory || (insist && age >= kBetweenTrials);
  if (entry.trial || !due) {
    return NotTried(entry.why, Between(entry.at, now), entry.trial);
  }
  entry.trial = true;
  return std::nullopt;
}

void DeadHosts::End(const std::string& peer, Connection::Reach reach,
                    const Error& why) {
  const bool dead = reach == Connection::Reach::kUnreachable;
  if (!dead && count_ == 0) return;
  const Moment now = now_();
  const std::lock_guard lock(mutex_);
  if (dead) {
    MakeRoom(now);
    entries_.insert_or_assign(peer, Entry{why, now, false});
  } else if (reach == Connection::Reach::kReached) {
    entries_.erase(peer);
  } else if (const auto found = entries_.find(peer); found != entries_.end()) {
    found->second.trial = false;
  }
  count_ = entries_.size();
}

bool DeadHosts::Remembers(const std::string& peer) const {
  if (count_ == 0) return false;
  const Moment now = now_();
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(peer);
  return found != entries_.end() && now - found->second.at < kMemory;
}

void DeadHosts::MakeRoom(Moment now) {
  if (entries_.size() < kMaxEntries) return;
  std::erase_if(entries_, [now](const auto& entry) {
    return now - entry.second.at >= kMemory;
  });
  // All of the last minute: forgetting costs a connection, no more.
  if (entries_.size() >= kMaxEntries) entries_.clear();
}

}  // namespace postern
