#include "core/store/author_store.h"

#include <algorithm>

#include "core/store/author_rules.h"
#include "core/store/author_sqlite.h"

namespace postern {
PinId IdOf(const Pin& pin) {
  return {pin.key, pin.kind, pin.algorithm, pin.digest};
}

Status AuthorStore::ForEachRow(
    const std::function<Status(const PolicyRow&)>& visit) {
  return ForEachStoredRow([&visit](const StoredRow& stored) -> Status {
    const Result<PolicyRow> row = ParseStoredRow(stored);
    if (!row) return row.error();
    return visit(*row);
  });
}

Result<std::vector<PolicyRow>> AuthorStore::Rows() {
  std::vector<PolicyRow> rows;
  const Status done = ForEachRow([&rows](const PolicyRow& row) -> Status {
    rows.push_back(row);
    return {};
  });
  if (!done) return done.error();
  return rows;
}

Result<Commit> SqliteAuthorStore::Apply(std::span<const Change> changes,
                                        const Author& author, ApplyMode mode) {
  Result<std::unique_ptr<Transaction>> transaction =
      Transaction::Begin(file_.database());
  if (!transaction) return transaction.error();

  ChangeSet set(file_, author);
  for (const Change& change : changes) {
    if (Status made = set.Make(change); !made) return made.error();
  }

  std::vector<HistoryEntry> entries;
  std::set<ObjectName> touched;
  for (const auto& object : set.before()) {
    const Result<std::string> after = file_.Get(object.first);
    if (!after) return after.error();
    if (*after == object.second) continue;
    touched.insert(object.first);
    HistoryEntry entry;
    entry.what = ToString(object.first.kind);
    entry.subject = object.first.subject;
    entry.before = object.second;
    entry.after = *after;
    entries.push_back(std::move(entry));
  }
  return Finish(*std::move(transaction), std::move(entries), touched, author,
                mode);
}

Result<std::vector<HistoryEntry>> SqliteAuthorStore::EntriesToUndo(
    int commits) {
  Result<Statement> query = file_.database().Prepare(
      "SELECT DISTINCT change FROM history WHERE undoes=0 AND change NOT IN"
      " (SELECT undoes FROM history WHERE undoes<>0)"
      " ORDER BY change DESC LIMIT ?");
  if (!query) return query.error();
  query->Int(std::int64_t{commits});
  std::set<std::uint64_t> numbers;
  for (;;) {
    const Result<bool> row = query->Step();
    if (!row) return row.error();
    if (!*row) break;
    numbers.insert(static_cast<std::uint64_t>(query->IntAt(0)));
  }
  if (commits < 1 || numbers.size() < static_cast<std::size_t>(commits)) {
    return Refused("there are " + std::to_string(numbers.size()) +
                   " changes to undo");
  }
  const Result<std::vector<HistoryEntry>> history = History(0);
  if (!history) return history.error();
  std::vector<HistoryEntry> entries;
  for (const HistoryEntry& entry : *history) {
    if (numbers.count(entry.commit) != 0) entries.push_back(entry);
  }
  return entries;
}

Result<Commit> SqliteAuthorStore::Undo(int commits, const Author& author,
                                       ApplyMode mode) {
  Result<std::unique_ptr<Transaction>> transaction =
      Transaction::Begin(file_.database());
  if (!transaction) return transaction.error();
  const Result<std::vector<HistoryEntry>> undone = EntriesToUndo(commits);
  if (!undone) return undone.error();

  std::vector<HistoryEntry> entries;
  std::set<ObjectName> touched;
  for (const HistoryEntry& old : *undone) {
    const Result<ObjectKind> kind = ObjectKindFrom(old.what);
    if (!kind) return kind.error();
    const ObjectName name{*kind, old.subject};
    const Result<std::string> now = file_.Get(name);
    if (!now) return now.error();
    if (*now != old.after) {
      return StoreError("the store and its history differ about " + old.what +
                        " " + old.subject + "; see 'pin-admin audit'");
    }
    if (Status put = file_.Put(name, old.before); !put) return put.error();
    touched.insert(name);
    HistoryEntry entry;
    entry.what = old.what;
    entry.subject = old.subject;
    entry.before = old.after;
    entry.after = old.before;
    entry.undoes = old.commit;
    entries.push_back(std::move(entry));
  }
  return Finish(*std::move(transaction), std::move(entries), touched, author,
                mode);
}

Result<Commit> SqliteAuthorStore::Finish(
    std::unique_ptr<Transaction> transaction, std::vector<HistoryEntry> entries,
    const std::set<ObjectName>& touched, const Author& author, ApplyMode mode) {
  const Result<HistoryEntry> newest = file_.Newest();
  if (!newest) return newest.error();
  Commit commit{newest->commit, {}, newest->hash};
  if (Status kept = CheckRules(file_, touched, author.when); !kept) {
    return kept.error();
  }
  if (entries.empty()) return commit;  // rolled back: nothing is different

  ++commit.number;
  for (HistoryEntry& entry : entries) {
    entry.commit = commit.number;
    entry.when = author.when;
    entry.who = author.who;
    if (Status added = file_.Append(entry); !added) return added.error();
  }
  commit.head = entries.back().hash;
  commit.entries = std::move(entries);
  if (mode == ApplyMode::kDryRun) return commit;
  if (Status done = transaction->Commit(); !done) return done.error();
  return commit;
}

Result<StoreVersion> SqliteAuthorStore::Version() {
  const Result<HistoryEntry> newest = file_.Newest();
  if (!newest) return newest.error();
  return StoreVersion{newest->commit, newest->hash};
}

Status SqliteAuthorStore::WhileUnchanged(const std::function<Status()>& work) {
  Result<std::unique_ptr<Transaction>> transaction =
      Transaction::Begin(file_.database());
  if (!transaction) return transaction.error();
  return work();  // nothing was written: rolled back
}

}  // namespace postern
