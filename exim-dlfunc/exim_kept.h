// exim-dlfunc/exim_kept.h
//
// What the Exim door keeps from one question to the next: plans that it handed
// out and certificates that it was told. In memory, bounded, and only to answer
// sooner or better: what is forgotten is made again or judged without.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/clock/clock.h"
#include "core/gate/plan.h"
#include "exim-dlfunc/exim_sessions.h"

namespace postern {

// Plans that were handed out, by digest. Thread-safe.
class HandedOutPlans {
 public:
  std::shared_ptr<const Plan> Keep(Plan plan);
  // Null if it is not known (any more).
  std::shared_ptr<const Plan> Find(const std::string& digest) const;

 private:
  using Plans = std::list<std::shared_ptr<const Plan>>;
  mutable std::mutex mutex_;
  Plans plans_;  // newest first; guarded by mutex_
  std::map<std::string, Plans::iterator, std::less<>> by_digest_;
};

// Chains that ${readsocket} has told certificate by certificate, by leaf:
// evidence, never verdicts. Thread-safe.
class ToldChains {
 public:
  static constexpr std::size_t kMostCertificates = 32;  // of one chain
  explicit ToldChains(const Clock& clock) : clock_(clock) {}
  // Deepest first, as Exim tells them.
  void Add(const EximSessions::Key& key, unsigned depth, std::string der);
  // Leaf first; empty unless the last one told was `leaf`.
  std::vector<std::string> Of(const EximSessions::Key& key,
                              const std::string& leaf) const;

 private:
  struct Told {
    TimePoint at{};
    unsigned depth = 0;  // of the last one
    std::vector<std::string> ders;
  };
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<EximSessions::Key, Told> told_;  // guarded by mutex_
};

}  // namespace postern
