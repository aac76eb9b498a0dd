// VerifyHistory(): is the history whole, and does it lead to what the store
// holds?
#include <map>

#include "core/store/author_sqlite.h"

namespace postern {
namespace {

using Texts = std::map<ObjectName, std::string>;

Error Tampered(std::string detail) { return StoreError(detail); }

Status Replay(const HistoryEntry& entry, Texts& texts) {
  const Result<ObjectKind> kind = ObjectKindFrom(entry.what);
  if (!kind) return kind.error();
  const ObjectName name{*kind, entry.subject};
  const auto found = texts.find(name);
  if ((found == texts.end() ? std::string() : found->second) != entry.before) {
    return Tampered("history entry " + std::to_string(entry.number) +
                    " does not begin where the one before it ended");
  }
  if (entry.after.empty()) {
    texts.erase(name);
  } else {
    texts[name] = entry.after;
  }
  return {};
}

Status CompareWithTables(AuthorFile& file, Texts texts) {
  for (const ObjectKind kind : kAllObjectKinds) {
    Result<Statement> query = file.Scan(kind);
    if (!query) return query.error();
    for (;;) {
      const Result<bool> row = query->Step();
      if (!row) return row.error();
      if (!*row) break;
      const auto found = texts.find({kind, query->TextAt(0)});
      if (found == texts.end() || found->second != query->TextAt(1)) {
        return Tampered("the " + std::string(ToString(kind)) + " " +
                        query->TextAt(0) + " is not as the history has it");
      }
      texts.erase(found);
    }
  }
  if (!texts.empty()) {
    const ObjectName& first = texts.begin()->first;
    return Tampered("the " + std::string(ToString(first.kind)) + " " +
                    first.subject + " of the history is gone");
  }
  return {};
}

}  // namespace

Result<std::string> SqliteAuthorStore::VerifyHistory(
    std::string_view expected_head) {
  Result<std::unique_ptr<Transaction>> still =
      Transaction::Begin(file_.database());
  if (!still) return still.error();
  Result<Statement> query = file_.ScanHistory(AuthorFile::Order::kOldestFirst);
  if (!query) return query.error();

  Texts texts;
  std::string head;
  std::uint64_t number = 0;
  bool expected_seen = expected_head.empty();
  for (;;) {
    const Result<bool> row = query->Step();
    if (!row) return row.error();
    if (!*row) break;
    const HistoryEntry entry = AuthorFile::EntryOf(*query);
    const Result<std::string> hash = HashOf(entry, head);
    if (!hash) return hash.error();
    if (entry.number != ++number || entry.hash != *hash) {
      return Tampered("history entry " + std::to_string(number) +
                      " was changed, or one before it is missing");
    }
    if (Status replayed = Replay(entry, texts); !replayed) {
      return replayed.error();
    }
    head = entry.hash;
    expected_seen = expected_seen || head == expected_head;
  }
  if (!expected_seen) {
    return Tampered(
        "no history entry has the hash expected: the history was "
        "shortened or written anew");
  }
  if (Status same = CompareWithTables(file_, std::move(texts)); !same) {
    return same.error();
  }
  return head;
}

}  // namespace postern
