#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/store/file_system.h"
#include "core/store/snapshot.h"
#include "core/store/snapshot_file.h"

namespace postern {
namespace {

// Which file it is, and that nobody has written into it.
struct Identity {
  dev_t device;
  ino_t inode;
  off_t size;
  std::int64_t modified;  // nanoseconds
  bool operator==(const Identity&) const = default;
};

Identity IdentityOf(const struct stat& status) {
  return {status.st_dev, status.st_ino, status.st_size,
          std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 +
              status.st_mtim.tv_nsec};
}

Result<Identity> IdentityAt(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return SystemError(path, "cannot be looked at");
  }
  return IdentityOf(status);
}

// One published file, the connections to it and the rows last read from it.
// Holds the file open by itself, so that no later file can get the same inode
// number.
class OpenSnapshot {
 public:
  static Result<std::shared_ptr<OpenSnapshot>> Open(const std::string& path) {
    constexpr int kAttempts = 5;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0) return SystemError(path, "cannot be opened");
      struct stat status {};
      const int known = fstat(fd, &status);
      std::shared_ptr<OpenSnapshot> generation(
          new OpenSnapshot(path, fd, IdentityOf(status)));
      if (known != 0) return SystemError(path, "cannot be looked at");
      Result<std::unique_ptr<SnapshotFile>> first = generation->Connect();
      if (!first) return first.error();
      if (*first == nullptr) continue;  // replaced in between
      generation->info_ = (*first)->info();
      generation->GiveBack(*std::move(first));
      return generation;
    }
    return StoreError(path + ": replaced too often to be read");
  }
  ~OpenSnapshot() { close(fd_); }
  OpenSnapshot(const OpenSnapshot&) = delete;
  OpenSnapshot& operator=(const OpenSnapshot&) = delete;

  // Rows, and proven absences, that were read before: this file never changes.
  // Nothing: it has to be read.
  std::optional<std::optional<PolicyRow>> Remembered(const std::string& key) {
    const std::lock_guard lock(mutex_);
    const auto found = rows_.find(key);
    if (found == rows_.end()) return std::nullopt;
    return found->second;
  }

  void Remember(const std::string& key, const std::optional<PolicyRow>& row,
                std::size_t most) {
    const std::lock_guard lock(mutex_);
    if (rows_.size() >= most) rows_.clear();
    if (rows_.size() < most) rows_.emplace(key, row);
  }

  const Identity& identity() const { return identity_; }
  const SnapshotInfo& info() const { return info_; }

  // Nothing where the path has another file by now.
  Result<std::unique_ptr<SnapshotFile>> Take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<SnapshotFile> file = std::move(idle_.back());
        idle_.pop_back();
        return file;
      }
    }
    return Connect();
  }

  void GiveBack(std::unique_ptr<SnapshotFile> file) {
    constexpr std::size_t kIdle = 32;
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kIdle) idle_.push_back(std::move(file));
  }

 private:
  OpenSnapshot(std::string path, int fd, Identity identity)
      : path_(std::move(path)), fd_(fd), identity_(identity) {}

  // SQLite opens by name. The name has meant our file before and after, and
  // ours can't have come back, since we hold it.
  Result<std::unique_ptr<SnapshotFile>> Connect() {
    Result<SnapshotFile> file = SnapshotFile::Open(path_);
    const Result<Identity> now = IdentityAt(path_);
    if (!now) return now.error();
    if (*now != identity_) return std::unique_ptr<SnapshotFile>();
    if (!file) return file.error();
    return std::make_unique<SnapshotFile>(*std::move(file));
  }

  const std::string path_;
  const int fd_;
  const Identity identity_;
  SnapshotInfo info_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<SnapshotFile>> idle_;
  std::unordered_map<std::string, std::optional<PolicyRow>> rows_;
};

}  // namespace

class SnapshotStore::Impl {
 public:
  Impl(std::string path, std::size_t rows_kept)
      : path_(std::move(path)), rows_kept_(rows_kept) {}

  Result<std::optional<PolicyRow>> Find(const PolicyKey& key) {
    constexpr int kAttempts = 5;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const auto generation = Current();
      if (!generation) return generation.error();
      if (auto row = (*generation)->Remembered(key.str())) return *row;
      Result<std::unique_ptr<SnapshotFile>> file = (*generation)->Take();
      if (!file) return Failed(*generation, file.error());
      if (*file == nullptr) continue;
      Result<std::optional<std::string>> body = (*file)->Find(key.str());
      if (!body) return Failed(*generation, body.error());
      (*generation)->GiveBack(*std::move(file));
      Result<std::optional<PolicyRow>> row =
          *body ? Parse(key, **body) : std::optional<PolicyRow>();
      if (row) (*generation)->Remember(key.str(), *row, rows_kept_);
      return row;
    }
    return StoreError(path_ + ": replaced too often to be read");
  }

  std::string VersionText() {
    const auto generation = Current();
    if (!generation) return {};
    const StoreVersion& version = (*generation)->info().version;
    return std::to_string(version.commit) + ":" + version.head;
  }

 private:
  using Shared = std::shared_ptr<OpenSnapshot>;

  Result<Shared> Current() {
    const Result<Identity> identity = IdentityAt(path_);
    const std::lock_guard lock(mutex_);
    if (!identity) {
      current_.reset();
      return identity.error();
    }
    if (current_ && current_->identity() == *identity) return current_;
    // The old one is held until the new one is open: two files that exist at
    // the same time have different numbers.
    Result<Shared> fresh = OpenSnapshot::Open(path_);
    current_ = fresh ? *fresh : nullptr;
    return fresh;
  }

  // What failed is opened anew for the next question: the trouble may have been
  // the disk's, and passing.
  Error Failed(const Shared& generation, const Error& error) {
    const std::lock_guard lock(mutex_);
    if (current_ == generation) current_.reset();
    return Error(Reason::kPolicyStoreUnavailable, error.detail());
  }

  static Result<std::optional<PolicyRow>> Parse(const PolicyKey& key,
                                                const std::string& body) {
    const Result<StoredRow> stored = ReadBody(key.str(), body);
    if (!stored) return stored.error();
    Result<PolicyRow> row = ParseStoredRow(*stored);
    if (!row) return row.error();
    return std::optional<PolicyRow>(*std::move(row));
  }

  const std::string path_;
  const std::size_t rows_kept_;
  std::mutex mutex_;
  Shared current_;
};

SnapshotStore::SnapshotStore(std::string path, std::size_t rows_kept)
    : impl_(std::make_unique<Impl>(std::move(path), rows_kept)) {}

SnapshotStore::~SnapshotStore() = default;

Result<std::optional<PolicyRow>> SnapshotStore::Find(const PolicyKey& key) {
  return impl_->Find(key);
}

std::string SnapshotStore::Generation() { return impl_->VersionText(); }

}  // namespace postern
