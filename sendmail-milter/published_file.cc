#include "sendmail-milter/published_file.h"

#include <fcntl.h>

#include <cstdint>
#include <utility>

namespace postern {
namespace {

std::int64_t Nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::string StateOf(const struct stat& status) {
  std::string state;
  for (const std::int64_t part : {static_cast<std::int64_t>(status.st_dev),
                                  static_cast<std::int64_t>(status.st_ino),
                                  static_cast<std::int64_t>(status.st_size),
                                  Nanoseconds(status.st_mtim)}) {
    state += (state.empty() ? "" : ":") + std::to_string(part);
  }
  return state;
}

}  // namespace

PublishedFile PublishedFile::Now(const std::string& path) {
  struct stat status {};
  if (path.empty() || stat(path.c_str(), &status) != 0) return {path, ""};
  return {path, StateOf(status)};
}

std::optional<HeldFile> HeldFile::Hold(const PublishedFile& file) {
  if (file.state.empty()) return std::nullopt;
  OwnedFd fd(open(file.path.c_str(), O_PATH | O_CLOEXEC));
  struct stat status {};
  if (!fd || fstat(fd.get(), &status) != 0 || status.st_nlink == 0 ||
      StateOf(status) != file.state) {
    return std::nullopt;
  }
  return HeldFile(std::move(fd), status);
}

bool HeldFile::Unchanged() const {
  struct stat now {};
  return fstat(fd_.get(), &now) == 0 && now.st_nlink == status_.st_nlink &&
         now.st_size == status_.st_size &&
         Nanoseconds(now.st_mtim) == Nanoseconds(status_.st_mtim) &&
         Nanoseconds(now.st_ctim) == Nanoseconds(status_.st_ctim);
}

}  // namespace postern
