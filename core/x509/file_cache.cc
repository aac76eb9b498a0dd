#include "core/x509/file_cache.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

namespace postern {
namespace {

constexpr std::int64_t kNanoseconds = 1'000'000'000;

std::int64_t Count(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * kNanoseconds + time.tv_nsec;
}

}  // namespace

Result<FileCache::Stamp> FileCache::Look(const std::string& path,
                                         Reason reason) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return Error{reason, path + ": " + std::strerror(errno)};
  }
  return Stamp{status.st_dev, status.st_ino, status.st_size,
               Count(status.st_mtim), Count(status.st_ctim)};
}

template <typename T, typename Load>
Result<std::shared_ptr<const T>> FileCache::Get(Known<T>& known,
                                                const std::string& path,
                                                Reason reason, Load load) {
  // Looked at before it is read: what changes in between is noticed next time.
  const auto stamp = Look(path, reason);
  if (!stamp) return stamp.error();
  // Reading under the lock: others would only read the same file beside us.
  const std::lock_guard lock(mutex_);
  const auto found = known.find(path);
  if (found != known.end() && found->second.first == *stamp) {
    return found->second.second;
  }
  auto loaded = load(path);
  if (!loaded) return loaded;
  known.insert_or_assign(path, std::pair(*stamp, *loaded));
  return loaded;
}

Result<std::shared_ptr<const TrustStore>> FileCache::Trust(
    const std::string& path) {
  return Get(trust_, path, Reason::kTrustStoreUnavailable, &TrustStore::Load);
}

Result<std::shared_ptr<const CrlSet>> FileCache::Crls(const std::string& path) {
  return Get(crls_, path, Reason::kCrlUnavailable, &CrlSet::FromFile);
}

}  // namespace postern
