#include "core/store/published_store.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <mutex>
#include <optional>
#include <utility>

#include "core/store/database.h"
#include "core/store/service_file.h"
#include "core/store/state_file.h"

namespace postern {
namespace {

// Script n makes version n + 1 of version n. Never edit one that was released.
constexpr std::array kPublishedScripts{
    "CREATE TABLE published(source TEXT NOT NULL, domain TEXT NOT NULL,"
    " id TEXT NOT NULL, text BLOB NOT NULL, fetched_at INTEGER NOT NULL,"
    " expires_at INTEGER NOT NULL, refresh_at INTEGER NOT NULL,"
    " failures INTEGER NOT NULL, failed_at INTEGER NOT NULL,"
    " failed_id TEXT NOT NULL, failure TEXT NOT NULL, detail TEXT NOT NULL,"
    " PRIMARY KEY(source,domain)) WITHOUT ROWID;"
    "CREATE INDEX published_refresh ON published(source,refresh_at);"
    "CREATE INDEX published_expires ON published(source,expires_at);"};

constexpr ServiceSchema kPublishedSchema{
    "a store of published policies (published.db)",
    0x506f5075,  // "PoPu"
    kPublishedScripts};

#define POSTERN_PUBLISHED_COLUMNS                                    \
  "source,domain,id,text,fetched_at,expires_at,refresh_at,failures," \
  "failed_at,failed_id,failure,detail"
constexpr std::string_view kFindPublished =
    "SELECT " POSTERN_PUBLISHED_COLUMNS
    " FROM published WHERE source=? AND domain=?";
constexpr std::string_view kDue =
    "SELECT " POSTERN_PUBLISHED_COLUMNS
    " FROM published WHERE source=? AND refresh_at<=?"
    " ORDER BY refresh_at LIMIT ?";
constexpr std::string_view kAll =
    "SELECT " POSTERN_PUBLISHED_COLUMNS
    " FROM published WHERE ?1='' OR domain=?1 ORDER BY source,domain";
constexpr std::string_view kPut =
    "INSERT OR REPLACE INTO published(" POSTERN_PUBLISHED_COLUMNS
    ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?)";
#undef POSTERN_PUBLISHED_COLUMNS
constexpr std::string_view kRemove =
    "DELETE FROM published WHERE source=? AND domain=?";
constexpr std::string_view kClaim =
    "UPDATE published SET refresh_at=? WHERE source=? AND domain=?";
// What ran out long ago, and what never came and nobody asked for since.
constexpr std::string_view kPrune =
    "DELETE FROM published WHERE source=? AND expires_at<? AND failed_at<?";
constexpr std::chrono::hours kKeptFor{24 * 30};

PublishedEntry ReadEntry(const Statement& row) {
  PublishedEntry entry;
  entry.source = row.TextAt(0);
  entry.domain = row.TextAt(1);
  entry.id = row.TextAt(2);
  entry.text = row.TextAt(3);
  entry.fetched_at = FromMicroseconds(row.IntAt(4));
  entry.expires_at = FromMicroseconds(row.IntAt(5));
  entry.refresh_at = FromMicroseconds(row.IntAt(6));
  entry.failures = static_cast<unsigned>(row.IntAt(7));
  entry.failed_at = FromMicroseconds(row.IntAt(8));
  entry.failed_id = row.TextAt(9);
  entry.failure = ReasonFromToken(row.TextAt(10)).value_or(Reason::kInternal);
  entry.detail = row.TextAt(11);
  return entry;
}

Result<std::vector<PublishedEntry>> ReadEntries(Statement& statement) {
  std::vector<PublishedEntry> entries;
  for (;;) {
    const Result<bool> row = statement.Step();
    if (!row) return row.error();
    if (!*row) return entries;
    entries.push_back(ReadEntry(statement));
  }
}

struct File {
  Database database;
  Statement find, put, due, claim, remove, prune;

  static Result<File> Open(const std::string& path) {
    Result<Database> database = OpenForService(path, kPublishedSchema);
    if (!database) return database.error();
    std::vector<Statement> made;
    for (const std::string_view sql :
         {kFindPublished, kPut, kDue, kClaim, kRemove, kPrune}) {
      Result<Statement> statement = database->Prepare(sql);
      if (!statement) return statement.error();
      made.push_back(*std::move(statement));
    }
    return File{*std::move(database), std::move(made[0]), std::move(made[1]),
                std::move(made[2]),   std::move(made[3]), std::move(made[4]),
                std::move(made[5])};
  }
};

}  // namespace

class PublishedStore::Impl {
 public:
  Impl(std::string path, std::function<void(std::string_view)> warn)
      : path_(std::move(path)), warn_(std::move(warn)) {}

  // Does `work` on the file, under the lock. After a failure the file is opened
  // anew: there may be room again, or another file.
  template <typename Value, typename Work>
  Result<Value> Do(Work work) {
    const std::lock_guard lock(mutex_);
    Result<Value> done = Try<Value>(work);
    if (!done) file_.reset();
    Report(done ? Status{} : Status{done.error()});
    return done;
  }

 private:
  template <typename Value, typename Work>
  Result<Value> Try(Work& work) {
    if (!file_) {
      Result<File> opened = File::Open(path_);
      if (!opened) return opened.error();
      file_.emplace(*std::move(opened));
    }
    return work(*file_);
  }

  void Report(const Status& done) {
    if (done.ok() != failing_) return;
    failing_ = !done.ok();
    if (!warn_) return;
    warn_(failing_ ? "published policies: " + path_ + " cannot be used (" +
                         done.error().detail() + ")"
                   : "published policies: " + path_ + " can be used again");
  }

  const std::string path_;
  const std::function<void(std::string_view)> warn_;
  std::mutex mutex_;
  std::optional<File> file_;
  bool failing_ = false;
};

PublishedStore::PublishedStore(std::string path,
                               std::function<void(std::string_view)> warn)
    : impl_(std::make_unique<Impl>(std::move(path), std::move(warn))) {}

PublishedStore::~PublishedStore() = default;

Status PublishedStore::Check() {
  return impl_->Do<void>([](File&) { return Status{}; });
}

Result<std::optional<PublishedEntry>> PublishedStore::Find(
    std::string_view source, const std::string& domain) {
  using Found = std::optional<PublishedEntry>;
  return impl_->Do<Found>([&](File& file) -> Result<Found> {
    file.find.Reset();
    file.find.Text(source).Text(domain);
    Result<std::vector<PublishedEntry>> entries = ReadEntries(file.find);
    if (!entries) return entries.error();
    if (entries->empty()) return Found();
    return Found(std::move(entries->front()));
  });
}

Status PublishedStore::Put(const PublishedEntry& entry) {
  return impl_->Do<void>([&](File& file) -> Status {
    file.put.Reset();
    file.put.Text(entry.source).Text(entry.domain).Text(entry.id);
    file.put.Blob(entry.text)
        .Int(ToMicroseconds(entry.fetched_at))
        .Int(ToMicroseconds(entry.expires_at))
        .Int(ToMicroseconds(entry.refresh_at))
        .Int(static_cast<std::int64_t>(entry.failures))
        .Int(ToMicroseconds(entry.failed_at))
        .Text(entry.failed_id)
        .Text(Describe(entry.failure).token)
        .Text(entry.detail);
    return file.put.Run();
  });
}

Result<bool> PublishedStore::Remove(std::string_view source,
                                    const std::string& domain) {
  return impl_->Do<bool>([&](File& file) -> Result<bool> {
    file.remove.Reset();
    const Status done = file.remove.Text(source).Text(domain).Run();
    if (!done) return done.error();
    const Result<std::int64_t> changes =
        file.database.Number("SELECT changes()");
    if (!changes) return changes.error();
    return *changes > 0;
  });
}

Result<std::vector<PublishedEntry>> PublishedStore::Claim(
    std::string_view source, TimePoint now, TimePoint until,
    std::size_t limit) {
  using Entries = std::vector<PublishedEntry>;
  return impl_->Do<Entries>([&](File& file) -> Result<Entries> {
    auto transaction = Transaction::Begin(file.database);
    if (!transaction) return transaction.error();
    const std::int64_t old = ToMicroseconds(now - kKeptFor);
    file.prune.Reset();
    const Status pruned = file.prune.Text(source).Int(old).Int(old).Run();
    if (!pruned) return pruned.error();
    file.due.Reset();
    file.due.Text(source)
        .Int(ToMicroseconds(now))
        .Int(static_cast<std::int64_t>(limit));
    Result<Entries> due = ReadEntries(file.due);
    if (!due) return due.error();
    for (PublishedEntry& entry : *due) {
      entry.refresh_at = until;
      file.claim.Reset();
      const Status claimed = file.claim.Int(ToMicroseconds(until))
                                 .Text(source)
                                 .Text(entry.domain)
                                 .Run();
      if (!claimed) return claimed.error();
    }
    const Status committed = (*transaction)->Commit();
    if (!committed) return committed.error();
    return due;
  });
}

Result<std::vector<PublishedEntry>> ReadPublished(const std::string& path,
                                                  std::string_view domain) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 && errno == ENOENT) {
    return std::vector<PublishedEntry>();
  }
  Result<Database> database = OpenForReading(path, kPublishedSchema);
  if (!database) return database.error();
  Result<Statement> statement = database->Prepare(kAll);
  if (!statement) return statement.error();
  statement->Text(domain);
  return ReadEntries(*statement);
}

}  // namespace postern
