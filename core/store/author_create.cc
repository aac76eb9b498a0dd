// Making and opening an author store: whose file it is, and who may write
// beside it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/store/author_sqlite.h"
#include "core/store/file_system.h"

namespace postern {
namespace {

// Who may write to the directory may put another store in this one's place.
Status CheckDirectory(const std::string& directory) {
  struct stat status {};
  if (stat(directory.c_str(), &status) != 0) {
    return SystemError(directory, "cannot be looked at");
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return StoreError(directory +
                      ": others may write to it, so the policy in it can't be "
                      "trusted; 'chmod 0700' it");
  }
  return {};
}

Status MakeStore(const std::string& path, const PolicyLine& standard,
                 const Author& author) {
  Result<AuthorFile> file = AuthorFile::Open(path, Database::Mode::kReadWrite);
  if (!file) return file.error();
  SqliteAuthorStore store(*std::move(file));
  const Change first = SetLine{standard};
  const Result<Commit> commit = store.Apply(std::span(&first, 1), author);
  return commit ? Status() : commit.error();
}

}  // namespace

Result<std::unique_ptr<AuthorStore>> AuthorStore::Create(
    const std::string& path, const PolicyLine& standard, const Author& author) {
  const std::string directory = DirectoryOf(path);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return SystemError(directory, "cannot be made");
  }
  if (Status checked = CheckDirectory(directory); !checked) {
    return checked.error();
  }

  // Made under another name: init that is cut short leaves no half store.
  const std::string fresh = path + ".new";
  unlink(fresh.c_str());
  const int fd =
      open(fresh.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return SystemError(fresh, "cannot be made");
  close(fd);
  const Status made = MakeStore(fresh, standard, author);
  const bool linked = made.ok() && link(fresh.c_str(), path.c_str()) == 0;
  const int reason = errno;
  unlink(fresh.c_str());
  if (!made) return made.error();
  if (!linked && reason == EEXIST) {
    return Error(Reason::kPolicyInvalid,
                 path + " is there already; 'pin-admin policy list' shows it");
  }
  errno = reason;
  if (!linked) return SystemError(path, "cannot be made");
  if (Status synced = SyncDirectory(directory); !synced) return synced.error();
  return Open(path);
}

Result<std::unique_ptr<AuthorStore>> AuthorStore::Open(
    const std::string& path) {
  if (Status checked = CheckDirectory(DirectoryOf(path)); !checked) {
    return checked.error();
  }
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return errno == ENOENT ? StoreError(path +
                                        ": not there; 'pin-admin init' "
                                        "makes it")
                           : SystemError(path, "cannot be opened");
  }
  if (status.st_size == 0) {
    return StoreError(path + ": empty; restore it from a backup");
  }
  Result<AuthorFile> file = AuthorFile::Open(path, Database::Mode::kReadWrite);
  if (!file) return file.error();
  return std::unique_ptr<AuthorStore>(new SqliteAuthorStore(*std::move(file)));
}

}  // namespace postern
