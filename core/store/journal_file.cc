#include "core/store/journal_file.h"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <utility>

#include "core/store/service_file.h"
#include "core/store/state_file.h"

namespace postern {
namespace {

constexpr std::size_t kMaxReply = 400;
constexpr std::int64_t kPrunedAtOnce = 1000;

// Script n makes version n + 1 of version n. Never edit one that was released.
constexpr std::array kJournalScripts{
    // `id` grows with the time of the first attempt: pruning reads the front of
    // the table and needs no index of its own.
    "CREATE TABLE deliveries(id INTEGER PRIMARY KEY, queue_id TEXT NOT NULL,"
    " recipient TEXT NOT NULL, digest BLOB NOT NULL, state INTEGER NOT NULL,"
    " begun_at INTEGER NOT NULL, ended_at INTEGER, host TEXT NOT NULL,"
    " status TEXT NOT NULL, reply TEXT NOT NULL,"
    " attempts INTEGER NOT NULL, unknown INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX deliveries_key"
    " ON deliveries(queue_id,recipient,digest);"};

constexpr ServiceSchema kJournalSchema{"a delivery journal (journal.db)",
                                       0x506f4a6e,  // "PoJn"
                                       kJournalScripts};

#define POSTERN_JOURNAL_COLUMNS                                          \
  "queue_id,recipient,digest,state,begun_at,ended_at,host,status,reply," \
  "attempts,unknown"
constexpr std::string_view kFindDelivery =
    "SELECT " POSTERN_JOURNAL_COLUMNS
    " FROM deliveries WHERE queue_id=? AND recipient=? AND digest=?";
constexpr std::string_view kFindQueueId =
    "SELECT " POSTERN_JOURNAL_COLUMNS
    " FROM deliveries WHERE queue_id=? ORDER BY id LIMIT 1000";
#undef POSTERN_JOURNAL_COLUMNS
// An attempt without a known end (0: begun, 2: unanswered) is counted when the
// next one begins. What was delivered stays so.
constexpr std::string_view kBegin =
    "INSERT INTO deliveries(queue_id,recipient,digest,host,begun_at,state,"
    "status,reply,attempts,unknown) VALUES(?,?,?,?,?,0,'','',1,0)"
    " ON CONFLICT(queue_id,recipient,digest) DO UPDATE SET"
    " unknown=unknown+(state IN (0,2)), state=0, begun_at=excluded.begun_at,"
    " ended_at=NULL, host=excluded.host, status='', reply='',"
    " attempts=attempts+1 WHERE state<>1";
constexpr std::string_view kEnd =
    "UPDATE deliveries SET state=?,ended_at=?,status=?,reply=?"
    " WHERE queue_id=? AND recipient=? AND digest=? AND state<>1";

JournalState StateFrom(std::int64_t number) {
  switch (number) {
    case 1:
      return JournalState::kDelivered;
    case 2:
      return JournalState::kUnanswered;
    case 3:
      return JournalState::kNotSent;
    default:
      return JournalState::kBegun;
  }
}

JournalEntry ReadDelivery(const Statement& row) {
  JournalEntry entry;
  entry.key = {row.TextAt(0), row.TextAt(1), row.TextAt(2)};
  entry.state = StateFrom(row.IntAt(3));
  entry.begun_at = FromMicroseconds(row.IntAt(4));
  if (const auto ended = row.OptionalIntAt(5)) {
    entry.ended_at = FromMicroseconds(*ended);
  }
  entry.where = row.TextAt(6);
  entry.status = row.TextAt(7);
  entry.reply = row.TextAt(8);
  entry.attempts = static_cast<unsigned>(row.IntAt(9));
  entry.unknown = static_cast<unsigned>(row.IntAt(10));
  return entry;
}

Statement& BindKey(Statement& statement, const JournalKey& key) {
  return statement.Text(key.queue_id).Text(key.recipient).Blob(key.digest);
}

// The next use finds no parameters of the last, and no read stays open.
class Used {
 public:
  explicit Used(Statement& statement) : statement_(statement) {}
  ~Used() { statement_.Reset(); }
  Used(const Used&) = delete;
  Used& operator=(const Used&) = delete;

 private:
  Statement& statement_;
};

}  // namespace

Result<JournalFile> JournalFile::Open(const std::string& path) {
  Result<Database> database = OpenForService(path, kJournalSchema);
  if (!database) return database.error();
  Result<Statement> find = database->Prepare(kFindDelivery);
  if (!find) return find.error();
  Result<Statement> begin = database->Prepare(kBegin);
  if (!begin) return begin.error();
  Result<Statement> end = database->Prepare(kEnd);
  if (!end) return end.error();
  return JournalFile(*std::move(database), *std::move(find), *std::move(begin),
                     *std::move(end));
}

Result<std::optional<JournalEntry>> JournalFile::Find(const JournalKey& key) {
  const Used used(find_);
  const Result<bool> row = BindKey(find_, key).Step();
  if (!row) return row.error();
  if (!*row) return std::optional<JournalEntry>();
  return std::optional(ReadDelivery(find_));
}

Status JournalFile::Begin(const JournalKey& key, std::string_view where,
                          TimePoint now) {
  const Used used(begin_);
  return BindKey(begin_, key).Text(where).Int(ToMicroseconds(now)).Run();
}

Status JournalFile::End(const JournalKey& key, const JournalEnd& end,
                        TimePoint now) {
  const Used used(end_);
  end_.Int(static_cast<std::int64_t>(end.state))
      .Int(ToMicroseconds(now))
      .Text(end.status)
      .Text(std::string_view(end.reply).substr(0, kMaxReply));
  return BindKey(end_, key).Run();
}

Status JournalFile::Prune(TimePoint old, std::size_t limit) {
  Result<Statement> by_age = database_.Prepare(
      "DELETE FROM deliveries WHERE begun_at<? AND id IN"
      " (SELECT id FROM deliveries ORDER BY id LIMIT ?)");
  if (!by_age) return by_age.error();
  const Status aged = by_age->Int(ToMicroseconds(old)).Int(kPrunedAtOnce).Run();
  if (!aged) return aged;
  Result<Statement> by_number = database_.Prepare(
      "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE"
      " id<=(SELECT max(id) FROM deliveries)-? ORDER BY id LIMIT ?)");
  if (!by_number) return by_number.error();
  return by_number->Int(static_cast<std::int64_t>(limit))
      .Int(kPrunedAtOnce)
      .Run();
}

Result<std::vector<JournalEntry>> JournalFile::Read(
    const std::string& path, const std::string& queue_id) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 && errno == ENOENT) {
    return std::vector<JournalEntry>();
  }
  Result<Database> database = OpenForReading(path, kJournalSchema);
  if (!database) return database.error();
  Result<Statement> statement = database->Prepare(kFindQueueId);
  if (!statement) return statement.error();
  statement->Text(queue_id);
  std::vector<JournalEntry> entries;
  for (;;) {
    const Result<bool> row = statement->Step();
    if (!row) return row.error();
    if (!*row) return entries;
    entries.push_back(ReadDelivery(*statement));
  }
}

}  // namespace postern
