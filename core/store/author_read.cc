// What an author store answers: rows, anchors, pins, history.
#include <algorithm>
#include <map>

#include "core/store/author_rules.h"
#include "core/store/author_sqlite.h"
#include "core/store/stored_row.h"

namespace postern {
namespace {

// A scan that can be looked at before it is moved on.
class Cursor {
 public:
  static Result<Cursor> Over(Result<Statement> statement) {
    if (!statement) return statement.error();
    Cursor cursor(*std::move(statement));
    if (Status moved = cursor.Next(); !moved) return moved.error();
    return cursor;
  }

  bool done() const { return done_; }
  const std::string& subject() const { return subject_; }
  std::string text() const { return statement_.TextAt(1); }
  Status Next() {
    const Result<bool> row = statement_.Step();
    if (!row) return row.error();
    done_ = !*row;
    subject_ = done_ ? std::string() : statement_.TextAt(0);
    return {};
  }

 private:
  explicit Cursor(Statement statement) : statement_(std::move(statement)) {}
  Statement statement_;
  std::string subject_;
  bool done_ = false;
};

std::string PinKey(const std::string& subject) {
  return subject.substr(0, subject.find(' '));
}

using AnchorTexts = std::map<std::string, std::string, std::less<>>;

Result<AnchorTexts> AllAnchors(AuthorFile& file) {
  Result<Cursor> cursor = Cursor::Over(file.Scan(ObjectKind::kAnchor));
  if (!cursor) return cursor.error();
  AnchorTexts anchors;
  while (!cursor->done()) {
    anchors.emplace(cursor->subject(), cursor->text());
    if (Status moved = cursor->Next(); !moved) return moved.error();
  }
  return anchors;
}

// The anchors that the row's lines name. A name that is not there is left out:
// the reader finds the line's ca= without its anchor, and refuses.
Status AddAnchors(const AnchorTexts& anchors, StoredRow& row) {
  for (const std::string& text : {row.line, row.exception}) {
    // Most lines name none, and parsing a million lines takes its time.
    if (text.find("anchor:") == std::string::npos) continue;
    const Result<PolicyLine> line = ParsePolicyLine(text);
    if (!line) return line.error();
    const auto anchor = anchors.find(AnchorName(*line));
    if (anchor == anchors.end()) continue;
    if (std::find(row.anchors.begin(), row.anchors.end(), anchor->second) ==
        row.anchors.end()) {
      row.anchors.push_back(anchor->second);
    }
  }
  return {};
}

Result<StoredRow> RowAt(AuthorFile& file, const std::string& key) {
  StoredRow row;
  row.key = key;
  Result<std::string> line = file.Get({ObjectKind::kLine, key});
  if (!line) return line.error();
  row.line = *std::move(line);
  Result<std::string> exception = file.Get({ObjectKind::kException, key});
  if (!exception) return exception.error();
  row.exception = *std::move(exception);
  Result<Cursor> pins = Cursor::Over(file.ScanPins(key));
  if (!pins) return pins.error();
  while (!pins->done()) {
    row.pins.push_back(pins->text());
    if (Status moved = pins->Next(); !moved) return moved.error();
  }
  return row;
}

bool IsEmpty(const StoredRow& row) {
  return row.line.empty() && row.exception.empty() && row.pins.empty();
}

}  // namespace

Status SqliteAuthorStore::ForEachStoredRow(
    const std::function<Status(const StoredRow&)>& visit) {
  const Result<AnchorTexts> anchors = AllAnchors(file_);
  if (!anchors) return anchors.error();
  Result<Cursor> lines = Cursor::Over(file_.Scan(ObjectKind::kLine));
  if (!lines) return lines.error();
  Result<Cursor> exceptions = Cursor::Over(file_.Scan(ObjectKind::kException));
  if (!exceptions) return exceptions.error();
  Result<Cursor> pins = Cursor::Over(file_.Scan(ObjectKind::kPin));
  if (!pins) return pins.error();

  // Three sorted lists become one: always the smallest key that is left.
  while (!lines->done() || !exceptions->done() || !pins->done()) {
    StoredRow row;
    const auto take_smaller = [&row](bool done, const std::string& key) {
      if (!done && (row.key.empty() || key < row.key)) row.key = key;
    };
    take_smaller(lines->done(), lines->subject());
    take_smaller(exceptions->done(), exceptions->subject());
    take_smaller(pins->done(), PinKey(pins->subject()));
    if (row.key.empty()) return StoreError("an object has no subject");

    if (!lines->done() && lines->subject() == row.key) {
      row.line = lines->text();
      if (Status moved = lines->Next(); !moved) return moved;
    }
    if (!exceptions->done() && exceptions->subject() == row.key) {
      row.exception = exceptions->text();
      if (Status moved = exceptions->Next(); !moved) return moved;
    }
    while (!pins->done() && PinKey(pins->subject()) == row.key) {
      row.pins.push_back(pins->text());
      if (Status moved = pins->Next(); !moved) return moved;
    }
    if (Status added = AddAnchors(*anchors, row); !added) return added;
    if (Status visited = visit(row); !visited) return visited;
  }
  return {};
}

Result<std::optional<PolicyRow>> SqliteAuthorStore::Find(const PolicyKey& key) {
  Result<StoredRow> stored = RowAt(file_, key.str());
  if (!stored) return stored.error();
  if (IsEmpty(*stored)) return std::optional<PolicyRow>();
  const Result<AnchorTexts> anchors = AllAnchors(file_);
  if (!anchors) return anchors.error();
  if (Status added = AddAnchors(*anchors, *stored); !added) {
    return added.error();
  }
  Result<PolicyRow> row = ParseStoredRow(*stored);
  if (!row) return row.error();
  return std::optional<PolicyRow>(*std::move(row));
}

Result<std::vector<Anchor>> SqliteAuthorStore::Anchors() {
  const Result<AnchorTexts> texts = AllAnchors(file_);
  if (!texts) return texts.error();
  std::vector<Anchor> anchors;
  for (const auto& text : *texts) {
    Result<Anchor> anchor = ReadAnchor(text.second);
    if (!anchor) return anchor.error();
    anchors.push_back(*std::move(anchor));
  }
  return anchors;
}

Result<std::vector<Pin>> SqliteAuthorStore::UnusedPins(TimePoint now) {
  Result<Cursor> cursor = Cursor::Over(file_.Scan(ObjectKind::kPin));
  if (!cursor) return cursor.error();
  std::vector<Pin> unused;
  while (!cursor->done()) {
    Result<Pin> pin = ReadPin(cursor->text());
    if (!pin) return pin.error();
    const Result<PolicyKey> key = PolicyKey::Parse(pin->key);
    if (!key) return key.error();
    const Result<bool> used = IsPinUsed(file_, *key, now);
    if (!used) return used.error();
    if (!*used) unused.push_back(*std::move(pin));
    if (Status moved = cursor->Next(); !moved) return moved.error();
  }
  return unused;
}

Result<std::vector<HistoryEntry>> SqliteAuthorStore::History(
    std::size_t limit) {
  Result<Statement> query =
      file_.ScanHistory(AuthorFile::Order::kNewestFirst, limit);
  if (!query) return query.error();
  std::vector<HistoryEntry> entries;
  for (;;) {
    const Result<bool> row = query->Step();
    if (!row) return row.error();
    if (!*row) return entries;
    entries.push_back(AuthorFile::EntryOf(*query));
  }
}

}  // namespace postern
