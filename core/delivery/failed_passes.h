// core/delivery/failed_passes.h
//
// FailedPasses: what the hosts of a destination said to one message, kept
// between the attempts of an MTA that makes its connections itself. It refuses
// host by host and can't go back, so on-fail= is done one attempt later: once
// the whole plan has been tried and refused, the next attempt bounces or
// delivers.
//
// Kept in memory only: a service that has forgotten lets the MTA try all hosts
// once more. A plan that has changed begins anew.
#pragma once

#include <chrono>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/clock/clock.h"
#include "core/delivery/report.h"
#include "core/gate/plan.h"

namespace postern {

// Thread-safe.
class FailedPasses {
 public:
  // When a pass is complete. Exim tries every address; Sendmail leaves a host
  // that has refused for the next one.
  enum class Complete { kEveryAddress, kEveryHost };
  explicit FailedPasses(const Clock& clock,
                        Complete complete = Complete::kEveryAddress)
      : clock_(clock), complete_(complete) {}

  // `host` at `address` has refused, or could not be asked, under that plan.
  void Note(const std::string& queue_id, const Plan& plan, const HostPlan& host,
            const IpAddress& address, const Verdict& verdict);

  // What the next attempt is to do.
  struct Next {
    enum class Action { kTry, kBounce, kDeliver };
    Action action = Action::kTry;
    std::vector<const HostPlan*> hosts;  // kDeliver: of `plan`, those to try
    bool in_clear = false;               // kDeliver: also without TLS
    std::vector<Attempt> attempts;       // kBounce: what every host said
  };
  Next After(const std::string& queue_id, const Plan& plan) const;

 private:
  struct Said {
    Attempt attempt;
    bool may_pass_tls = false, may_pass_clear = false;
  };
  struct Pass {
    std::string digest;
    std::map<std::string, Said> by_address;  // "mx.example 192.0.2.1"
    TimePoint at{};
  };
  using Key = std::pair<std::string, std::string>;  // message, destination

  static Said From(const Plan& plan, const HostPlan& host,
                   const Verdict& verdict);
  void Forget();

  const Clock& clock_;
  const Complete complete_;
  mutable std::mutex mutex_;
  std::map<Key, Pass> passes_;  // guarded by mutex_
};

}  // namespace postern
