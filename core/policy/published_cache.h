// core/policy/published_cache.h
//
// PublishedCache: policies that destinations publish and that hold for longer
// than the lookup that found them. A sender that forgot them at each restart
// could be talked out of them by whoever holds back the next lookup (RFC 8461
// section 10.2), so they outlive the process, however it ends.
//
// It keeps texts and times and understands neither; what an entry means is its
// source's business. The interface, and one in memory; core/store has the file.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock/clock.h"
#include "core/outcome/result.h"

namespace postern {

struct PublishedEntry {
  std::string source;  // "mta-sts"
  std::string domain;  // the policy domain, an A-label
  std::string id;      // the edition that `text` is
  std::string text;    // as published; empty: there was none yet
  TimePoint fetched_at{};
  TimePoint expires_at{};  // it holds up to here
  TimePoint refresh_at{};  // when it is to be asked for again unbidden
  // Attempts that have failed since it was last had; what follows is the last.
  unsigned failures = 0;
  TimePoint failed_at{};
  std::string failed_id;  // the edition that was wanted
  Reason failure = Reason::kOk;
  std::string detail;

  bool LiveAt(TimePoint now) const { return !text.empty() && now < expires_at; }
  bool operator==(const PublishedEntry&) const = default;
};

// Thread-safe. Every Error is kPolicyStoreUnavailable; none means "no entry".
class PublishedCache {
 public:
  virtual ~PublishedCache() = default;

  virtual Result<std::optional<PublishedEntry>> Find(
      std::string_view source, const std::string& domain) = 0;
  // Adds, or replaces the entry of that source and domain. Success: it survives
  // the end of the process.
  virtual Status Put(const PublishedEntry& entry) = 0;
  // True: there was one.
  virtual Result<bool> Remove(std::string_view source,
                              const std::string& domain) = 0;
  // The entries whose refresh_at has come, the longest due first, and moves
  // theirs to `until` in the same step: nobody else takes them before that.
  virtual Result<std::vector<PublishedEntry>> Claim(std::string_view source,
                                                    TimePoint now,
                                                    TimePoint until,
                                                    std::size_t limit) = 0;

 protected:
  PublishedCache() = default;
};

// Forgets everything with the process: for programs that only ask, and tests.
class MemoryPublishedCache final : public PublishedCache {
 public:
  Result<std::optional<PublishedEntry>> Find(
      std::string_view source, const std::string& domain) override;
  Status Put(const PublishedEntry& entry) override;
  Result<bool> Remove(std::string_view source,
                      const std::string& domain) override;
  Result<std::vector<PublishedEntry>> Claim(std::string_view source,
                                            TimePoint now, TimePoint until,
                                            std::size_t limit) override;

 private:
  using Key = std::pair<std::string, std::string>;
  std::mutex mutex_;
  std::map<Key, PublishedEntry> entries_;
};

// refresh_at of what is not to be asked for unbidden.
inline constexpr TimePoint kNeverRefresh =
    TimePoint(std::chrono::hours(24 * 365 * 200));

}  // namespace postern
