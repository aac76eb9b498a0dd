// core/store/state_store.h
//
// The state store: what the service has seen. Observations (what each server
// showed, how it was authenticated, since when) and verdicts (with the plan and
// the evidence, for `explain QUEUE-ID`, `audit` and replay). Nothing here
// decides about mail: if it can't be written, enforcement goes on and the log
// says so once.
//
// Only posternd writes (WAL, one writer). A reader opens it read-only; it must
// run as the store's owner (pin-admin, started by root, drops to that user
// first: what a peer sent is in there, and SQLite makes files beside it).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/audit/session_record.h"
#include "core/clock/clock.h"
#include "core/outcome/result.h"

namespace postern {

struct Observation {
  std::string destination;
  std::string mx_host;
  std::string spki_sha256;         // octets, of the leaf
  std::string cert_sha256;         // octets, of the leaf
  std::vector<std::string> names;  // the leaf's, as presented, sanitised
  std::optional<TimePoint> not_after;
  std::string protocol;  // "TLSv1.3"
  // Which verifiers were satisfied: "pin", "webpki", "pin webpki"; empty:
  // nothing vouched for this key.
  std::string authenticated_by;
  TimePoint first_seen{}, last_seen{};
  std::uint64_t count = 0;
};

// A SessionRecord as it was kept. The findings' text is in `record.verdict`;
// the evidence is whole, so that it can be judged again.
struct StoredVerdict {
  std::uint64_t id = 0;
  SessionRecord record;
};

struct ObservationQuery {
  std::string destination = {};  // empty: all
  std::optional<TimePoint> seen_since = {};
  std::size_t limit = 1000;
};

struct VerdictQuery {
  std::string queue_id = {};     // empty: all
  std::string destination = {};  // empty: all
  std::optional<TimePoint> since = {}, until = {};
  bool failed_only = false;
  std::size_t limit = 1000;  // newest first
};

class StateStore final : public SessionSink {
 public:
  struct Options {
    std::string path;
    // Verdicts, and the plans and certificates that only they name, are
    // dropped after it.
    std::chrono::hours verdict_retention{24 * 30};
    // Observations not seen for so long are dropped.
    std::chrono::hours observation_retention{24 * 400};
    std::size_t queue_limit = 4096;  // records waiting to be written
    // Of their plans, certificates and texts, those being written included: a
    // destination has a say in how large a record is.
    std::size_t queue_octets = std::size_t{64} << 20;
    // Told once when writing begins to fail or records are dropped, and once
    // when it works again. From the writing thread; must not throw.
    std::function<void(std::string_view)> warn;
  };

  // Opens or makes the store (0600; readable by its owner) and starts the
  // writing thread. `clock` must outlive the store.
  static Result<std::unique_ptr<StateStore>> Open(Options options,
                                                  const Clock& clock);
  // Writes what is waiting, then closes.
  ~StateStore() override;

  // Queues and returns at once; a full queue drops the record.
  void OnSession(const SessionRecord& record) noexcept override;
  // Returns once everything queued before the call is written or given up.
  void Flush();

 private:
  class Impl;
  explicit StateStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Read-only; one thread at a time.
class StateReader {
 public:
  static Result<std::unique_ptr<StateReader>> Open(const std::string& path);
  ~StateReader();

  Result<std::vector<Observation>> Observations(const ObservationQuery& query);
  Result<std::vector<StoredVerdict>> Verdicts(const VerdictQuery& query);

 private:
  class Impl;
  explicit StateReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace postern
