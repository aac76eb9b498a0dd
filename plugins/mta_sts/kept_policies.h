// plugins/mta_sts/kept_policies.h
//
// KeptPolicies: what is held of each domain: the cache, and before it what
// could not be stored, which holds all the same and is tried again. "Can't be
// read" is told as such; out of that an entry is never made.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/outcome/result.h"
#include "core/policy/published_cache.h"

namespace postern {

// Thread-safe. Borrows the cache.
class KeptPolicies {
 public:
  // `warn` is told what an administrator wants to know; may be empty.
  KeptPolicies(PublishedCache& cache,
               std::function<void(const std::string&)> warn);

  Result<std::optional<PublishedEntry>> Find(const std::string& domain);
  // Stores; what can't be stored is kept in memory.
  void Keep(const PublishedEntry& entry);
  // Changes what is held now, or an entry of nothing where nothing is. Error:
  // that can't be read, and nothing was changed.
  Status Change(const std::string& domain,
                const std::function<void(PublishedEntry&)>& change);
  // Tries again to store what could not be.
  void KeepAgain();
  // Drops what is held. True: there was something.
  Result<bool> Forget(const std::string& domain);

  static constexpr std::string_view kSource = "mta-sts";
  static constexpr std::size_t kMostUnsaved = 10'000;

 private:
  void KeepLocked(const PublishedEntry& entry);

  PublishedCache& cache_;
  const std::function<void(const std::string&)> warn_;
  // Held over every change of the cache together with what it rests on.
  std::mutex changing_;
  std::mutex mutex_;  // of what follows; taken last
  std::map<std::string, PublishedEntry> unsaved_;
  bool warned_ = false;
};

}  // namespace postern
