// exim-dlfunc/exim_sessions.h
//
// EximSessions: the records of connections that Exim makes. A refusal is
// recorded at once; a connection that passed waits here until an event says
// what became of the message, so that one record tells both.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>

#include "core/audit/session_record.h"
#include "core/clock/clock.h"

namespace postern {

// Thread-safe; borrows its parts.
class EximSessions {
 public:
  EximSessions(SessionSink& sink, const Clock& clock)
      : sink_(sink), clock_(clock) {}
  // What is still open is recorded as "unreported".
  ~EximSessions();
  EximSessions(const EximSessions&) = delete;
  EximSessions& operator=(const EximSessions&) = delete;

  struct Key {
    std::string queue_id, domain, host;
    auto operator<=>(const Key&) const = default;
  };

  void Refused(SessionRecord record);
  // The message may go; how it ends comes later.
  void Passed(const Key& key, SessionRecord record);
  // True: the connection had passed, and is recorded now with that end.
  bool Ended(const Key& key, std::string_view outcome, std::string reply);
  // The message has gone on past all hosts of the destination: whatever passed
  // and has had no end of its own was deferred.
  void Deferred(const std::string& queue_id, const std::string& domain);

 private:
  void Record(SessionRecord record, std::string_view outcome);
  void GiveUpWaiting();

  SessionSink& sink_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<Key, SessionRecord> open_;  // guarded by mutex_
};

}  // namespace postern
