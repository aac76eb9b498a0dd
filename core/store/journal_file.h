// core/store/journal_file.h
//
// The table of journal.db and its statements, prepared once. For this room
// only; one thread at a time.
#pragma once

#include <string>
#include <vector>

#include "core/clock/clock.h"
#include "core/delivery/journal.h"
#include "core/store/database.h"

namespace postern {

class JournalFile {
 public:
  // Makes or migrates; WAL.
  static Result<JournalFile> Open(const std::string& path);

  Database& database() { return database_; }

  Result<std::optional<JournalEntry>> Find(const JournalKey& key);
  Status Begin(const JournalKey& key, std::string_view where, TimePoint now);
  Status End(const JournalKey& key, const JournalEnd& end, TimePoint now);
  // Takes away some of the oldest rows: those begun before `old`, and those
  // beyond `limit`.
  Status Prune(TimePoint old, std::size_t limit);

  // See ReadJournal().
  static Result<std::vector<JournalEntry>> Read(const std::string& path,
                                                const std::string& queue_id);

 private:
  JournalFile(Database database, Statement find, Statement begin, Statement end)
      : database_(std::move(database)),
        find_(std::move(find)),
        begin_(std::move(begin)),
        end_(std::move(end)) {}

  Database database_;
  Statement find_, begin_, end_;
};

}  // namespace postern
