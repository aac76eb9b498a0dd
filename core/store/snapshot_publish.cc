// Publishing: from the author store to the snapshot's place, in steps of which
// each leaves either the old file or the new one.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "core/store/file_system.h"
#include "core/store/snapshot.h"
#include "core/store/snapshot_file.h"

namespace postern {
namespace {

// Closes, and removes the file unless it got its name.
class FreshFile {
 public:
  static Result<std::unique_ptr<FreshFile>> Make(const std::string& path) {
    // What a publisher that was killed has left. No other one is at work: the
    // author store is locked.
    unlink(path.c_str());
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                        S_IRUSR | S_IWUSR);
    if (fd < 0) return SystemError(path, "cannot be made");
    return std::unique_ptr<FreshFile>(new FreshFile(path, fd));
  }
  ~FreshFile() {
    close(fd_);
    if (!named_) unlink(path_.c_str());
  }
  FreshFile(const FreshFile&) = delete;
  FreshFile& operator=(const FreshFile&) = delete;

  Status Settle(const PublishOptions& options) {
    const auto none = static_cast<uid_t>(-1);
    if (options.group && fchown(fd_, none, *options.group) != 0) {
      return SystemError(path_, "cannot be given to the service's group");
    }
    if (fchmod(fd_, S_IRUSR | S_IRGRP) != 0) {
      return SystemError(path_, "cannot be made read-only");
    }
    if (fsync(fd_) != 0) {
      return SystemError(path_, "cannot be written to the disk");
    }
    return {};
  }

  Status Rename(const std::string& target) {
    if (std::rename(path_.c_str(), target.c_str()) != 0) {
      return SystemError(target, "cannot be replaced");
    }
    named_ = true;
    return SyncDirectory(DirectoryOf(target));
  }

 private:
  FreshFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string path_;
  int fd_;
  bool named_ = false;
};

class RowWriter {
 public:
  static Result<RowWriter> Begin(Database& database, std::string salt) {
    Result<Statement> insert = database.Prepare(
        "INSERT INTO served(key,next,body,sum) VALUES(?,?,?,?)");
    if (!insert) return insert.error();
    return RowWriter(*std::move(insert), std::move(salt));
  }

  // Rows in the order of their keys. Each is written once its successor is
  // known.
  Status Add(const StoredRow& stored) {
    Result<std::string> body = WriteBody(stored);
    if (!body) return body.error();
    if (count_ == 0) {
      first_key_ = stored.key;
    } else if (Status written = WritePending(stored.key); !written) {
      return written;
    }
    ++count_;
    pending_.key = stored.key;
    pending_.body = *std::move(body);
    return {};
  }

  Status Finish(SnapshotInfo& info) {
    if (count_ > 0) {
      if (Status written = WritePending(""); !written) return written;
    }
    info.rows = count_;
    const Result<SnapshotRow> header = HeaderRow(info, first_key_);
    if (!header) return header.error();
    return Write(*header);
  }

 private:
  RowWriter(Statement insert, std::string salt)
      : insert_(std::move(insert)), salt_(std::move(salt)) {}

  Status WritePending(std::string next) {
    pending_.next = std::move(next);
    if (Status summed = SignRow(salt_, pending_); !summed) return summed;
    return Write(pending_);
  }

  Status Write(const SnapshotRow& row) {
    insert_.Reset();
    return insert_.Text(row.key)
        .Text(row.next)
        .Text(row.body)
        .Blob(row.sum)
        .Run();
  }

  Statement insert_;
  std::string salt_;
  std::string first_key_;
  SnapshotRow pending_;
  std::uint64_t count_ = 0;
};

Status Compile(AuthorStore& author, const std::string& path,
               SnapshotInfo& info) {
  Result<Database> database = Database::Open(path, Database::Mode::kReadWrite);
  if (!database) return database.error();
  // Nobody reads the file before it is whole and synced.
  if (Status set =
          database->Execute("PRAGMA journal_mode=OFF;PRAGMA synchronous=OFF;");
      !set) {
    return set;
  }
  if (Status made = Migrate(*database, "a policy snapshot",
                            kSnapshotApplication, kSnapshotScripts);
      !made) {
    return made;
  }
  Result<std::unique_ptr<Transaction>> transaction =
      Transaction::Begin(*database);
  if (!transaction) return transaction.error();
  Result<RowWriter> writer = RowWriter::Begin(*database, SnapshotSalt(info));
  if (!writer) return writer.error();
  const Status added = author.ForEachStoredRow(
      [&writer](const StoredRow& row) { return writer->Add(row); });
  if (!added) return added;
  if (Status finished = writer->Finish(info); !finished) return finished;
  return (*transaction)->Commit();
}

Status PublishLocked(AuthorStore& author, const std::string& path,
                     const PublishOptions& options, SnapshotInfo& info) {
  const Result<StoreVersion> version = author.Version();
  if (!version) return version.error();
  info.version = *version;

  const std::string fresh_path = path + ".new";
  const auto fresh = FreshFile::Make(fresh_path);
  if (!fresh) return fresh.error();
  if (Status made = Compile(author, fresh_path, info); !made) return made;
  // What can't be read must not replace what can.
  if (const auto verified = VerifySnapshot(fresh_path); !verified) {
    return verified.error();
  }
  if (Status settled = (*fresh)->Settle(options); !settled) return settled;
  return (*fresh)->Rename(path);
}

}  // namespace

Result<SnapshotInfo> Publish(AuthorStore& author, const std::string& path,
                             const PublishOptions& options, TimePoint now) {
  SnapshotInfo info;
  info.published_at = std::chrono::floor<std::chrono::seconds>(now);
  // Locked, so that an older state never replaces a newer one.
  const Status done = author.WhileUnchanged(
      [&] { return PublishLocked(author, path, options, info); });
  if (!done) return done.error();
  return info;
}

Result<SnapshotInfo> ReadSnapshotInfo(const std::string& path) {
  const Result<SnapshotFile> file = SnapshotFile::Open(path);
  if (!file) return file.error();
  return file->info();
}

Result<SnapshotInfo> VerifySnapshot(const std::string& path) {
  Result<SnapshotFile> file = SnapshotFile::Open(path);
  if (!file) return file.error();
  if (Status whole = file->Verify(); !whole) {
    return StoreError(path + ": " + whole.error().detail());
  }
  return file->info();
}

Result<bool> NeedsPublish(AuthorStore& author, const std::string& path) {
  const Result<StoreVersion> version = author.Version();
  if (!version) return version.error();
  const Result<SnapshotInfo> info = VerifySnapshot(path);
  return !info.ok() || info->version != *version;
}

}  // namespace postern
