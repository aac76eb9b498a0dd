// core/store/snapshot_file.h
//
// One snapshot, open: the form of its rows, and how they prove what they say.
// For this room only; see snapshot.h for what it is for, docs/store.md for the
// file.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/outcome/result.h"
#include "core/store/database.h"
#include "core/store/snapshot.h"

namespace postern {

// Every snapshot begins with a row whose key is empty: the header. It comes
// before every key, so that there is always a row that proves an absence. The
// last row's `next` is empty.
struct SnapshotRow {
  std::string key, next, body, sum;
};

// What the sums of one snapshot begin with, so that a row of another one that
// turned up in this file is no row of it.
std::string SnapshotSalt(const SnapshotInfo& info);

// Fills in `sum`. SHA-256, cut to 16 octets: chance does not hit it.
Status SignRow(std::string_view salt, SnapshotRow& row);

Result<SnapshotRow> HeaderRow(const SnapshotInfo& info, std::string first_key);

inline constexpr std::int32_t kSnapshotApplication = 0x506f536e;  // "PoSn"
inline constexpr std::array kSnapshotScripts{
    "CREATE TABLE served(key TEXT PRIMARY KEY, next TEXT NOT NULL,"
    " body TEXT NOT NULL, sum BLOB NOT NULL) WITHOUT ROWID;"};

// One thread at a time.
class SnapshotFile {
 public:
  static Result<SnapshotFile> Open(const std::string& path);

  const SnapshotInfo& info() const { return info_; }

  // The body filed under `key`; nothing where its absence is proven.
  Result<std::optional<std::string>> Find(std::string_view key);

  // Every row in order, checked.
  Status Verify();

 private:
  SnapshotFile(Database database, Statement find, std::string salt,
               SnapshotInfo info)
      : database_(std::move(database)),
        find_(std::move(find)),
        salt_(std::move(salt)),
        info_(std::move(info)) {}

  Database database_;
  Statement find_;
  std::string salt_;
  SnapshotInfo info_;
};

}  // namespace postern
