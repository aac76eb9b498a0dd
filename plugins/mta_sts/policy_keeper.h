// plugins/mta_sts/policy_keeper.h
//
// PolicyKeeper: the MTA-STS policy of a domain, from the cache where that is
// right and from its host where it is not. Everything that depends on time is
// here: how long a policy holds, when it is asked for again, how long a host
// that failed is left alone.
//
// A policy that is held stays held until it expires or a newer one was had,
// whatever DNS and HTTPS say meanwhile; one that was never had is none (RFC
// 8461 section 3.3). Mail waits for a fetch at most a minute.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "core/clock/clock.h"
#include "core/dns/resolver.h"
#include "core/names/domain.h"
#include "core/outcome/result.h"
#include "core/policy/published_cache.h"
#include "plugins/mta_sts/fetch_queue.h"
#include "plugins/mta_sts/kept_policies.h"
#include "plugins/mta_sts/policy_fetcher.h"
#include "plugins/mta_sts/sts_policy.h"
#include "plugins/mta_sts/sts_record.h"

namespace postern {

struct StsAnswer {
  enum class State {
    kNone,     // the domain publishes nothing, and nothing is held
    kPolicy,   // `policy` holds
    kNotHad,   // published, or it could not be asked; nothing is held
    kUnknown,  // what is held can't be read, or trouble of our own kept us
               // from asking
  };
  State state = State::kNone;
  PublishedEntry entry;  // kPolicy; for kNotHad its failure
  std::optional<StsPolicy> policy;
  Reason reason = Reason::kOk;  // kNotHad, kUnknown
  std::string detail;
  // The TXT record is there and the policy could not be had: worth a report
  // (RFC 8461 section 6).
  bool reportable = false;
  std::chrono::seconds ttl{300};
};

struct KeeperParts {
  Resolver& resolver;
  PublishedCache& cache;
  PolicyFetcher& fetcher;
  const Clock& clock;
  Random& random;
  // Told what an administrator wants to know; from any thread; may be empty.
  std::function<void(std::string_view)> warn;
};

struct KeeperLimits {
  std::size_t fetches = 16;  // at a time
  std::chrono::milliseconds wait_for_first{60'000};
  std::chrono::milliseconds wait_for_newer{10'000};
  std::chrono::milliseconds lookup{20'000};  // of the TXT record
  std::chrono::milliseconds pause{30'000};   // between looks at what is due
};

// Thread-safe. Borrows its parts.
class PolicyKeeper {
 public:
  explicit PolicyKeeper(KeeperParts parts, KeeperLimits limits = {});
  ~PolicyKeeper();
  PolicyKeeper(const PolicyKeeper&) = delete;
  PolicyKeeper& operator=(const PolicyKeeper&) = delete;

  // What holds for mail to `domain` now.
  StsAnswer Find(const Domain& domain, Deadline deadline);

  // Looks past DNS caches whether there is another edition, and gets it.
  // Success: Find() is as true as can be.
  Status AskAfresh(const Domain& domain, Deadline deadline);

  // Mail was refused by the policy: perhaps it has changed unannounced. Fetched
  // again in the background unless that was tried in the last five minutes.
  void Doubt(const Domain& domain);

  // Fetches it now, however often that has failed.
  Status Refresh(const Domain& domain, Deadline deadline);

  // Drops what is held. True: there was something.
  Result<bool> Forget(const Domain& domain);

  // From here on a thread of its own renews what is due. Once.
  void KeepFresh();

  static constexpr std::string_view kSource = KeptPolicies::kSource;

 private:
  // What DNS says of a domain.
  struct Look {
    StsRecord record;
    bool failed = false;
    std::string why;
    std::chrono::seconds ttl{0};
  };

  Look LookUp(const Domain& domain, bool afresh, Deadline deadline);
  Result<PublishedEntry> Renew(const Domain& domain);
  PublishedEntry Fetched(const Domain& domain, const std::string& id,
                         std::string text, const StsPolicy& policy);
  void NoteFailure(const Domain& domain, const std::string& id,
                   const Error& why);
  bool IsLeftAlone(const PublishedEntry& entry, const std::string& id,
                   TimePoint now) const;
  // The same where what is held can't be read.
  bool IsLeftAloneUnread(const Domain& domain, const std::string& id,
                         TimePoint now);
  std::chrono::seconds Vary(std::chrono::seconds about);
  void Warn(const std::string& text) const;
  void RunRefresher();

  const KeeperParts parts_;
  const KeeperLimits limits_;
  std::atomic<bool> stopping_{false};
  KeptPolicies kept_;

  std::mutex mutex_;  // of what follows
  std::map<std::string, std::pair<TimePoint, std::string>> silent_;  // DNS
  std::map<std::string, std::pair<TimePoint, Status>> afresh_;
  // The edition whose fetch failed while the cache could not be read.
  std::map<std::string, std::pair<TimePoint, std::string>> unread_;

  std::mutex refresher_mutex_;
  std::condition_variable refresher_wakes_;
  FetchQueue queue_;
  std::thread refresher_;  // last: it uses all the above
};

}  // namespace postern
