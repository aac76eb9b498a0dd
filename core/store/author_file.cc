#include "core/store/author_file.h"

#include "core/x509/digest.h"

namespace postern {
namespace {

constexpr std::int32_t kApplication = 0x506f4175;  // "PoAu"

// Script n makes version n + 1 of version n. Never edit one that was released.
constexpr std::array kAuthorScripts{
    "CREATE TABLE policies(subject TEXT PRIMARY KEY, text TEXT NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE exceptions(subject TEXT PRIMARY KEY, text TEXT NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE pins(subject TEXT PRIMARY KEY, text TEXT NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE anchors(subject TEXT PRIMARY KEY, text TEXT NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE history(number INTEGER PRIMARY KEY, change INTEGER NOT NULL,"
    " at INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,"
    " subject TEXT NOT NULL, before TEXT NOT NULL, after TEXT NOT NULL,"
    " undoes INTEGER NOT NULL, hash TEXT NOT NULL);"
    "CREATE INDEX history_change ON history(change);"
    "CREATE INDEX history_undoes ON history(undoes) WHERE undoes<>0;"};

std::string TableOf(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kLine:
      return "policies";
    case ObjectKind::kException:
      return "exceptions";
    case ObjectKind::kPin:
      return "pins";
    case ObjectKind::kAnchor:
      break;
  }
  return "anchors";
}

std::int64_t Seconds(TimePoint time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch())
      .count();
}

std::int64_t Signed(std::uint64_t number) {
  return static_cast<std::int64_t>(number);
}

}  // namespace

std::string_view ToString(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kLine:
      return "line";
    case ObjectKind::kException:
      return "exception";
    case ObjectKind::kPin:
      return "pin";
    case ObjectKind::kAnchor:
      break;
  }
  return "anchor";
}

Result<ObjectKind> ObjectKindFrom(std::string_view text) {
  for (const ObjectKind kind : kAllObjectKinds) {
    if (ToString(kind) == text) return kind;
  }
  return StoreError("the history speaks of an unknown kind of object");
}

Result<AuthorFile> AuthorFile::Open(const std::string& path,
                                    Database::Mode mode) {
  Result<Database> database = Database::Open(path, mode);
  if (!database) return database.error();
  // EXTRA is FULL, and the directory is synced once the journal is gone: a
  // commit that was reported survives a power cut.
  if (Status set = database->Execute(
          "PRAGMA journal_mode=DELETE;PRAGMA synchronous=EXTRA;");
      !set) {
    return set.error();
  }
  if (Status done = Migrate(*database, "an author store (author.db)",
                            kApplication, kAuthorScripts);
      !done) {
    return StoreError(path + ": " + done.error().detail());
  }
  return AuthorFile(*std::move(database));
}

Result<std::string> AuthorFile::Get(const ObjectName& name) {
  Result<Statement> query = database_.Prepare(
      "SELECT text FROM " + TableOf(name.kind) + " WHERE subject=?");
  if (!query) return query.error();
  const Result<bool> row = query->Text(name.subject).Step();
  if (!row) return row.error();
  return *row ? query->TextAt(0) : std::string();
}

Status AuthorFile::Put(const ObjectName& name, std::string_view text) {
  const std::string table = TableOf(name.kind);
  Result<Statement> change = database_.Prepare(
      text.empty()
          ? "DELETE FROM " + table + " WHERE subject=?"
          : "INSERT OR REPLACE INTO " + table + "(subject,text) VALUES(?,?)");
  if (!change) return change.error();
  change->Text(name.subject);
  if (!text.empty()) change->Text(text);
  return change->Run();
}

Result<Statement> AuthorFile::Scan(ObjectKind kind, std::string_view from,
                                   std::string_view below) {
  Result<Statement> query = database_.Prepare(
      "SELECT subject,text FROM " + TableOf(kind) + " WHERE subject>=?" +
      (below.empty() ? "" : " AND subject<?") + " ORDER BY subject");
  if (!query) return query.error();
  query->Text(from);
  if (!below.empty()) query->Text(below);
  return query;
}

Result<Statement> AuthorFile::ScanPins(std::string_view key) {
  // A pin's subject is its key, a space, and the rest; '!' follows the space.
  return Scan(ObjectKind::kPin, std::string(key) + " ", std::string(key) + "!");
}

Result<Statement> AuthorFile::ScanHistory(Order order, std::size_t limit) {
  const bool newest_first = order == Order::kNewestFirst;
  Result<Statement> query = database_.Prepare(
      std::string("SELECT number,change,at,who,what,subject,before,after,"
                  "undoes,hash FROM history ORDER BY number ") +
      (newest_first ? "DESC" : "ASC") + " LIMIT ?");
  if (!query) return query.error();
  query->Int(limit == 0 ? std::int64_t{-1} : Signed(limit));
  return query;
}

HistoryEntry AuthorFile::EntryOf(const Statement& row) {
  HistoryEntry entry;
  entry.number = static_cast<std::uint64_t>(row.IntAt(0));
  entry.commit = static_cast<std::uint64_t>(row.IntAt(1));
  entry.when = TimePoint(std::chrono::seconds(row.IntAt(2)));
  entry.who = row.TextAt(3);
  entry.what = row.TextAt(4);
  entry.subject = row.TextAt(5);
  entry.before = row.TextAt(6);
  entry.after = row.TextAt(7);
  entry.undoes = static_cast<std::uint64_t>(row.IntAt(8));
  entry.hash = row.TextAt(9);
  return entry;
}

Result<HistoryEntry> AuthorFile::Newest() {
  Result<Statement> query = ScanHistory(Order::kNewestFirst, 1);
  if (!query) return query.error();
  const Result<bool> row = query->Step();
  if (!row) return row.error();
  return *row ? EntryOf(*query) : HistoryEntry{};
}

Status AuthorFile::Append(HistoryEntry& entry) {
  const Result<HistoryEntry> newest = Newest();
  if (!newest) return newest.error();
  entry.number = newest->number + 1;
  // As it will be read back.
  entry.when = TimePoint(std::chrono::seconds(Seconds(entry.when)));
  Result<std::string> hash = HashOf(entry, newest->hash);
  if (!hash) return hash.error();
  entry.hash = *std::move(hash);
  Result<Statement> insert = database_.Prepare(
      "INSERT INTO history(number,change,at,who,what,subject,before,after,"
      "undoes,hash) VALUES(?,?,?,?,?,?,?,?,?,?)");
  if (!insert) return insert.error();
  return insert->Int(Signed(entry.number))
      .Int(Signed(entry.commit))
      .Int(Seconds(entry.when))
      .Text(entry.who)
      .Text(entry.what)
      .Text(entry.subject)
      .Text(entry.before)
      .Text(entry.after)
      .Int(Signed(entry.undoes))
      .Text(entry.hash)
      .Run();
}

Result<std::string> HashOf(const HistoryEntry& entry,
                           std::string_view previous) {
  std::string text;
  // With its length before it, no field can borrow octets from the next.
  const auto add = [&text](std::string_view field) {
    text += std::to_string(field.size());
    text += ':';
    text += field;
  };
  add(previous);
  add(std::to_string(entry.number));
  add(std::to_string(entry.commit));
  add(std::to_string(Seconds(entry.when)));
  add(entry.who);
  add(entry.what);
  add(entry.subject);
  add(entry.before);
  add(entry.after);
  add(std::to_string(entry.undoes));
  const Result<std::string> digest = Digest(DigestAlgorithm::kSha256, text);
  if (!digest) return digest.error();
  return ToHex(*digest);
}

}  // namespace postern
