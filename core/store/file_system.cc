#include "core/store/file_system.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace postern {
namespace {

Status Sync(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_RDONLY | O_CLOEXEC);
  if (fd < 0) return SystemError(path, "cannot be opened");
  const int synced = fsync(fd);
  const int reason = errno;
  close(fd);
  errno = reason;
  if (synced != 0) return SystemError(path, "cannot be written to the disk");
  return {};
}

}  // namespace

Error SystemError(const std::string& path, std::string_view doing) {
  return Error(Reason::kPolicyStoreUnavailable,
               path + ": " + std::string(doing) + ": " +
                   std::generic_category().message(errno));
}

std::string DirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Status SyncDirectory(const std::string& directory) {
  return Sync(directory, O_DIRECTORY);
}

Status SyncFile(const std::string& path) { return Sync(path, 0); }

}  // namespace postern
