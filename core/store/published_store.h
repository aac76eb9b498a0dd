// core/store/published_store.h
//
// PublishedStore: the PublishedCache in an SQLite file of its own (WAL), beside
// state.db and apart from it: state.db's writer may drop what comes too fast,
// and a policy that is dropped is a policy that is no longer held.
//
// A commit survives the end of the process, however it ends. It is not synced
// to the disk: a power cut may lose the last ones, which are then fetched
// again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/policy/published_cache.h"

namespace postern {

// Thread-safe.
class PublishedStore final : public PublishedCache {
 public:
  // Opens nothing yet; each call tries again after a failure. `warn` is told
  // once when it begins to fail and once when it works again; from any thread,
  // and it must not throw.
  PublishedStore(std::string path, std::function<void(std::string_view)> warn);
  ~PublishedStore() override;

  // Whether it can be used; makes the file (0600) or migrates it. For start-up.
  Status Check();

  Result<std::optional<PublishedEntry>> Find(
      std::string_view source, const std::string& domain) override;
  Status Put(const PublishedEntry& entry) override;
  Result<bool> Remove(std::string_view source,
                      const std::string& domain) override;
  Result<std::vector<PublishedEntry>> Claim(std::string_view source,
                                            TimePoint now, TimePoint until,
                                            std::size_t limit) override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// All entries, by source and domain, or those of one domain. Read-only; run as
// the file's owner, like StateReader. Nothing where there is no file yet.
Result<std::vector<PublishedEntry>> ReadPublished(const std::string& path,
                                                  std::string_view domain = {});

}  // namespace postern
