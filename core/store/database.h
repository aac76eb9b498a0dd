// core/store/database.h
//
// A thin shell around SQLite: owned handles, and errors as values. For this
// room only. One thread at a time per Database.
//
// Every failure is Reason::kPolicyStoreUnavailable: what can't be read has not
// been found out.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/outcome/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace postern {

// "what: the library's words"
Error StoreError(std::string_view what);

class Statement {
 public:
  // The next parameter. Mistakes are kept and reported by Step().
  Statement& Text(std::string_view text);
  Statement& Blob(std::string_view octets);
  Statement& Int(std::int64_t number);
  Statement& Int(std::optional<std::int64_t> number);  // nothing: NULL

  // True: there is a row. False: done.
  [[nodiscard]] Result<bool> Step();
  // For statements without rows.
  [[nodiscard]] Status Run();
  // Ready for new parameters.
  void Reset();

  // Columns of the row, from 0. Octets of a text or a blob; empty for NULL.
  std::string TextAt(int column) const;
  std::int64_t IntAt(int column) const;
  std::optional<std::int64_t> OptionalIntAt(int column) const;

 private:
  friend class Database;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };
  Statement(sqlite3* database, sqlite3_stmt* statement)
      : database_(database), statement_(statement) {}
  void Note(int code);

  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
  int next_ = 1;
  int failure_ = 0;
};

class Database {
 public:
  enum class Mode {
    kReadWrite,  // the file must exist
    kCreate,     // made if it does not
    kReadOnly,
    kImmutable,  // read-only, and nobody writes: no locks, no journal
  };
  static Result<Database> Open(const std::string& path, Mode mode);

  Database(Database&&) noexcept = default;
  Database& operator=(Database&&) noexcept = default;

  [[nodiscard]] Result<Statement> Prepare(std::string_view sql);
  // One or more statements without parameters; rows are passed over.
  [[nodiscard]] Status Execute(const std::string& sql);

  // The first column of the first row, as a number.
  [[nodiscard]] Result<std::int64_t> Number(std::string_view sql);

 private:
  struct Closer {
    void operator()(sqlite3* database) const;
  };
  Database(std::string path, sqlite3* handle);
  Error Failure(std::string_view doing) const;

  std::string path_;
  std::unique_ptr<sqlite3, Closer> handle_;
};

// A write transaction that is rolled back unless it is committed.
class Transaction {
 public:
  // Waits for other writers (the database's busy timeout).
  static Result<std::unique_ptr<Transaction>> Begin(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  [[nodiscard]] Status Commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;  // nothing once it is over
};

// Brings `database` to the newest schema: script n makes version n + 1 of
// version n. Refuses a file of another program (`application`) and one of a
// newer version.
[[nodiscard]] Status Migrate(Database& database, std::string_view what,
                             std::int32_t application,
                             std::span<const char* const> scripts);
// The same for a reader, which migrates nothing: the version must be the
// newest.
[[nodiscard]] Status CheckVersion(Database& database, std::string_view what,
                                  std::int32_t application, std::size_t newest);

}  // namespace postern
