// core/x509/file_cache.h
//
// FileCache: trust stores and revocation lists by their path, read when first
// asked for and again when the file is another one (by its inode, size and
// times), so that no message pays for reading a bundle. Errors are not kept.
//
// Of a hashed directory the times of the directory itself count: a certificate
// that is added, removed or replaced by rename is noticed, one that is
// rewritten in place is not. update-ca-certificates does the former.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "core/outcome/result.h"
#include "core/x509/crl_set.h"
#include "core/x509/trust_store.h"

namespace postern {

// Thread-safe. What it hands out stays as it is, whatever becomes of the file.
class FileCache {
 public:
  Result<std::shared_ptr<const TrustStore>> Trust(const std::string& path);
  Result<std::shared_ptr<const CrlSet>> Crls(const std::string& path);

 private:
  // What tells two versions of a file apart.
  struct Stamp {
    std::uint64_t device = 0, inode = 0;
    std::int64_t size = 0, modified = 0, changed = 0;
    bool operator==(const Stamp&) const = default;
  };
  template <typename T>
  using Known =
      std::map<std::string, std::pair<Stamp, std::shared_ptr<const T>>>;

  static Result<Stamp> Look(const std::string& path, Reason reason);
  template <typename T, typename Load>
  Result<std::shared_ptr<const T>> Get(Known<T>& known, const std::string& path,
                                       Reason reason, Load load);

  std::mutex mutex_;
  Known<TrustStore> trust_;
  Known<CrlSet> crls_;
};

}  // namespace postern
