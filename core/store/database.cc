#include "core/store/database.h"

#include <sqlite3.h>

#include <limits>

namespace postern {
namespace {

constexpr int kBusyMilliseconds = 5000;

int AsLength(std::size_t size) {
  return size > static_cast<std::size_t>(std::numeric_limits<int>::max())
             ? -1
             : static_cast<int>(size);
}

// A path as the path of a URI: '?', '#' and '%' mean themselves.
std::string AsUri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '?') {
      uri += "%3f";
    } else if (c == '#') {
      uri += "%23";
    } else if (c == '%') {
      uri += "%25";
    } else {
      uri += c;
    }
  }
  return uri;
}

// In words that say whose disk it is; nothing is damaged then.
Error NoRoom(sqlite3* database) {
  const char* file = sqlite3_db_filename(database, "main");
  return StoreError("no room is left for " +
                    std::string(file != nullptr ? file : "the store") +
                    ": nothing was written; make room on that disk");
}

}  // namespace

Error StoreError(std::string_view what) {
  return Error(Reason::kPolicyStoreUnavailable, std::string(what));
}

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

void Statement::Note(int code) {
  ++next_;
  if (code != SQLITE_OK && failure_ == SQLITE_OK) failure_ = code;
}

Statement& Statement::Text(std::string_view text) {
  // An empty view may have no address, and that would be NULL.
  const char* const data = text.empty() ? "" : text.data();
  Note(AsLength(text.size()) < 0
           ? SQLITE_TOOBIG
           : sqlite3_bind_text(statement_.get(), next_, data,
                               AsLength(text.size()), SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::Blob(std::string_view octets) {
  const char* const data = octets.empty() ? "" : octets.data();
  Note(AsLength(octets.size()) < 0
           ? SQLITE_TOOBIG
           : sqlite3_bind_blob(statement_.get(), next_, data,
                               AsLength(octets.size()), SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::Int(std::int64_t number) {
  Note(sqlite3_bind_int64(statement_.get(), next_, number));
  return *this;
}

Statement& Statement::Int(std::optional<std::int64_t> number) {
  if (number) return Int(*number);
  Note(sqlite3_bind_null(statement_.get(), next_));
  return *this;
}

Result<bool> Statement::Step() {
  const int code =
      failure_ != SQLITE_OK ? failure_ : sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  if (code == SQLITE_FULL) return NoRoom(database_);
  return StoreError(std::string(sqlite3_errstr(code)) + " (" +
                    sqlite3_errmsg(database_) + ")");
}

Status Statement::Run() {
  for (;;) {
    const Result<bool> row = Step();
    if (!row) return row.error();
    if (!*row) return {};
  }
}

void Statement::Reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  next_ = 1;
  failure_ = SQLITE_OK;
}

std::string Statement::TextAt(int column) const {
  const void* const data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (data == nullptr || size <= 0) return {};
  return {static_cast<const char*>(data), static_cast<std::size_t>(size)};
}

std::int64_t Statement::IntAt(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::optional<std::int64_t> Statement::OptionalIntAt(int column) const {
  if (sqlite3_column_type(statement_.get(), column) == SQLITE_NULL) {
    return std::nullopt;
  }
  return IntAt(column);
}

void Database::Closer::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);  // waits for statements that outlive it
}

Database::Database(std::string path, sqlite3* handle)
    : path_(std::move(path)), handle_(handle) {}

Error Database::Failure(std::string_view doing) const {
  if (handle_ && sqlite3_errcode(handle_.get()) == SQLITE_FULL) {
    return NoRoom(handle_.get());
  }
  return StoreError(path_ + ": " + std::string(doing) + ": " +
                    (handle_ ? sqlite3_errmsg(handle_.get()) : "no memory"));
}

Result<Database> Database::Open(const std::string& path, Mode mode) {
  // NOMUTEX: one thread at a time, as this class promises.
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  std::string name = path;
  switch (mode) {
    case Mode::kReadWrite:
      flags |= SQLITE_OPEN_READWRITE;
      break;
    case Mode::kCreate:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      break;
    case Mode::kReadOnly:
      flags |= SQLITE_OPEN_READONLY;
      break;
    case Mode::kImmutable:
      flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
      name = AsUri(path) + "?immutable=1";
      break;
  }
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &handle, flags, nullptr);
  Database database(path, handle);
  if (code != SQLITE_OK) return database.Failure("cannot be opened");
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
  // A damaged or hostile file must not run anything or write out of bounds.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  if (Status set = database.Execute("PRAGMA cell_size_check=ON;"); !set) {
    return set.error();
  }
  return database;
}

Result<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(
      handle_.get(), sql.data(), AsLength(sql.size()), 0, &statement, nullptr);
  if (code != SQLITE_OK) return Failure("cannot be asked");
  return Statement(handle_.get(), statement);
}

Status Database::Execute(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) !=
      SQLITE_OK) {
    return Failure("cannot be used");
  }
  return {};
}

Result<std::int64_t> Database::Number(std::string_view sql) {
  Result<Statement> statement = Prepare(sql);
  if (!statement) return statement.error();
  const Result<bool> row = statement->Step();
  if (!row) return row.error();
  if (!*row) return StoreError(path_ + ": no answer");
  return statement->IntAt(0);
}

Result<std::unique_ptr<Transaction>> Transaction::Begin(Database& database) {
  if (Status begun = database.Execute("BEGIN IMMEDIATE"); !begun) {
    return begun.error();
  }
  return std::unique_ptr<Transaction>(new Transaction(database));
}

Transaction::~Transaction() {
  // A failure to roll back leaves the journal, from which the next one to open
  // the file rolls back.
  if (database_ != nullptr) (void)database_->Execute("ROLLBACK");
}

Status Transaction::Commit() {
  if (Status done = database_->Execute("COMMIT"); !done) return done;
  database_ = nullptr;
  return {};
}

Status CheckVersion(Database& database, std::string_view what,
                    std::int32_t application, std::size_t newest) {
  const Result<std::int64_t> owner = database.Number("PRAGMA application_id");
  if (!owner) return owner.error();
  const Result<std::int64_t> version = database.Number("PRAGMA user_version");
  if (!version) return version.error();
  if (*owner != application) {
    return StoreError("the file is not " + std::string(what));
  }
  const auto known = static_cast<std::int64_t>(newest);
  if (*version == known) return {};
  return StoreError(
      std::string(what) + " has version " + std::to_string(*version) +
      ", and this program knows version " + std::to_string(known) +
      (*version > known ? ": it was written by a newer Postern; install that "
                          "one again"
                        : ": it was written by an older Postern"));
}

Status Migrate(Database& database, std::string_view what,
               std::int32_t application, std::span<const char* const> scripts) {
  Result<std::unique_ptr<Transaction>> transaction =
      Transaction::Begin(database);
  if (!transaction) return transaction.error();
  const Result<std::int64_t> tables =
      database.Number("SELECT count(*) FROM sqlite_schema");
  if (!tables) return tables.error();
  const Result<std::int64_t> version = database.Number("PRAGMA user_version");
  if (!version) return version.error();

  const bool fresh = *tables == 0 && *version == 0;
  if (!fresh) {
    const bool older =
        *version >= 1 && *version < static_cast<std::int64_t>(scripts.size());
    // An older one passes if it is ours; every other must fit as it is.
    const Status fits = CheckVersion(
        database, what, application,
        older ? static_cast<std::size_t>(*version) : scripts.size());
    if (!fits) return fits;
    if (!older) return {};
  }
  for (auto next = static_cast<std::size_t>(*version); next < scripts.size();
       ++next) {
    if (Status done = database.Execute(scripts[next]); !done) return done;
  }
  const Status marked = database.Execute(
      "PRAGMA application_id=" + std::to_string(application) +
      ";PRAGMA user_version=" + std::to_string(scripts.size()));
  if (!marked) return marked;
  return (*transaction)->Commit();
}

}  // namespace postern
