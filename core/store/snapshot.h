// core/store/snapshot.h
//
// The snapshot: the author store compiled into one read-only file that an
// unprivileged service can trust to be whole. Each row knows its successor and
// carries a sum, so "no line for this key" is proven and not merely not found;
// what can't be proven is an Error and ends in a defer.
//
// A commit is in force as soon as the new file has its name: every Find() looks
// whether the file is another one. A new file that is damaged is an Error; the
// service does not go on with the old one, for nobody would notice that the
// policy in force is not the policy written.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/policy/served_policy.h"
#include "core/store/author_store.h"

namespace postern {

struct SnapshotInfo {
  StoreVersion version;  // of the author store it was made of
  std::uint64_t rows = 0;
  TimePoint published_at{};
};

struct PublishOptions {
  // The file's group: the service's. Nothing: as the process creates it.
  std::optional<gid_t> group;
};

// Compiles `author` into `path`: temporary file beside it, fsync, mode 0440 and
// group, rename, fsync of the directory. Killed at any moment, `path` is the
// old file or the new one.
Result<SnapshotInfo> Publish(AuthorStore& author, const std::string& path,
                             const PublishOptions& options, TimePoint now);

// True where `path` is missing, damaged (every row is read) or made of another
// state of `author`. An Error only where the author store can't be asked.
Result<bool> NeedsPublish(AuthorStore& author, const std::string& path);

// The header of the snapshot.
Result<SnapshotInfo> ReadSnapshotInfo(const std::string& path);

// Reads every row and checks sums, links and count.
Result<SnapshotInfo> VerifySnapshot(const std::string& path);

// Thread-safe. Opens nothing before the first question and needs no reload.
class SnapshotStore final : public PolicyStore {
 public:
  // Rows read last are kept in memory, each generation's own, `rows_kept` of
  // them at most; whether the file is still the published one is looked up at
  // every question all the same.
  explicit SnapshotStore(std::string path, std::size_t rows_kept = 4096);
  ~SnapshotStore() override;

  Result<std::optional<PolicyRow>> Find(const PolicyKey& key) override;
  // "commit:head" of the snapshot in force; empty where it can't be read.
  std::string Generation() override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postern
