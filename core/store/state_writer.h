// core/store/state_writer.h
//
// Writes session records into an open state store, a batch in one transaction.
// What a batch says several times (a chain, an observation) is written once:
// under load most of it is the same few servers. Only for core/store.
#pragma once

#include <deque>
#include <memory>

#include "core/audit/session_record.h"
#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/store/database.h"

namespace postern {

// For one thread.
class StateWriter {
 public:
  // Opens or makes the store at `path`.
  static Result<std::unique_ptr<StateWriter>> Open(const std::string& path);
  ~StateWriter();

  // All of it, or an error and nothing.
  [[nodiscard]] Status Write(const std::deque<SessionRecord>& batch);

  // Drops verdicts, and plans and certificates last seen, before `verdicts`,
  // and observations last seen before `observations`.
  [[nodiscard]] Status Purge(TimePoint verdicts, TimePoint observations);

 private:
  struct Statements;
  struct Batch;
  StateWriter(Database database, std::unique_ptr<Statements> statements);

  Status WriteVerdict(const SessionRecord& record, Batch& batch);
  Result<std::string> WriteChain(const SessionRecord& record, Batch& batch);
  Result<std::string> WritePlan(const SessionRecord& record, Batch& batch);
  Status WriteObservations(const Batch& batch);

  Database database_;
  std::unique_ptr<Statements> statements_;  // goes before the database
};

}  // namespace postern
