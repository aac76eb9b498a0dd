#include "exim-dlfunc/exim_sessions.h"

#include <utility>
#include <vector>

namespace postern {
namespace {

// Longer than the reply to a final dot may take; a report that has not come by
// then (Exim was killed, or reports nothing) does not come.
constexpr std::chrono::minutes kPatience{60};
constexpr std::size_t kMost = 10'000;

}  // namespace

EximSessions::~EximSessions() {
  for (auto& [key, record] : open_) Record(std::move(record), "unreported");
}

void EximSessions::Record(SessionRecord record, std::string_view outcome) {
  record.outcome = outcome;
  sink_.OnSession(record);
}

void EximSessions::Refused(SessionRecord record) {
  Record(std::move(record), "refused");
}

void EximSessions::GiveUpWaiting() {
  const TimePoint limit = clock_.Now() - kPatience;
  for (auto at = open_.begin(); at != open_.end();) {
    if (at->second.at >= limit && open_.size() < kMost) {
      ++at;
      continue;
    }
    Record(std::move(at->second), "unreported");
    at = open_.erase(at);
  }
}

void EximSessions::Passed(const Key& key, SessionRecord record) {
  const std::lock_guard lock(mutex_);
  GiveUpWaiting();
  open_.insert_or_assign(key, std::move(record));
}

void EximSessions::Deferred(const std::string& queue_id,
                            const std::string& domain) {
  const std::lock_guard lock(mutex_);
  for (auto at = open_.lower_bound({queue_id, domain, ""});
       at != open_.end() && at->first.queue_id == queue_id &&
       at->first.domain == domain;) {
    Record(std::move(at->second), "deferred");
    at = open_.erase(at);
  }
}

bool EximSessions::Ended(const Key& key, std::string_view outcome,
                         std::string reply) {
  std::optional<SessionRecord> record;
  {
    const std::lock_guard lock(mutex_);
    const auto at = open_.find(key);
    if (at == open_.end()) return false;
    record = std::move(at->second);
    open_.erase(at);
  }
  record->reply = std::move(reply);
  Record(*std::move(record), outcome);
  return true;
}

}  // namespace postern
