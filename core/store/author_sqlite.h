// core/store/author_sqlite.h
//
// AuthorStore on SQLite. For this room only.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "core/store/author_change.h"
#include "core/store/author_file.h"
#include "core/store/author_store.h"

namespace postern {

class SqliteAuthorStore final : public AuthorStore {
 public:
  explicit SqliteAuthorStore(AuthorFile file) : file_(std::move(file)) {}

  Result<Commit> Apply(std::span<const Change> changes, const Author& author,
                       ApplyMode mode = ApplyMode::kCommit) override;
  Result<Commit> Undo(int commits, const Author& author,
                      ApplyMode mode = ApplyMode::kCommit) override;
  Status ForEachStoredRow(
      const std::function<Status(const StoredRow&)>& visit) override;
  Result<std::optional<PolicyRow>> Find(const PolicyKey& key) override;
  Result<std::vector<Anchor>> Anchors() override;
  Result<std::vector<Pin>> UnusedPins(TimePoint now) override;
  Result<std::vector<HistoryEntry>> History(std::size_t limit) override;
  Result<std::string> VerifyHistory(std::string_view expected_head) override;
  Result<StoreVersion> Version() override;
  Status WhileUnchanged(const std::function<Status()>& work) override;

 private:
  // Writes `entries` into the history, checks the rules and commits.
  Result<Commit> Finish(std::unique_ptr<Transaction> transaction,
                        std::vector<HistoryEntry> entries,
                        const std::set<ObjectName>& touched,
                        const Author& author, ApplyMode mode);
  // The entries that Undo() takes back, newest first.
  Result<std::vector<HistoryEntry>> EntriesToUndo(int commits);

  AuthorFile file_;
};

}  // namespace postern
