// tests/plugins/mta_sts/keeper_fixture.h
//
// A PolicyKeeper in a world that a test writes down: the clock is ours, DNS and
// the policy hosts say what they are told to and count what they are asked, and
// the disk can fail.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "plugins/mta_sts/policy_keeper.h"
#include "tests/testlib/fake_resolver.h"

namespace postern {

class ManualClock final : public Clock {
 public:
  TimePoint Now() const override { return now_.load(); }
  void Advance(std::chrono::seconds by) { now_ = now_.load() + by; }

 private:
  std::atomic<TimePoint> now_{TimePoint(std::chrono::hours(500'000))};
};

class FixedRandom final : public Random {
 public:
  std::uint64_t Below(std::uint64_t bound) override { return bound / 2; }
};

// The policy hosts of all domains.
class FakeFetcher final : public PolicyFetcher {
 public:
  void Serve(std::string body) {
    const std::lock_guard lock(mutex_);
    body_ = std::move(body);
  }
  void Fail(Reason reason) {
    const std::lock_guard lock(mutex_);
    body_ = Error{reason, "broken"};
  }
  // A fetch may only come to it after the test is over: hence shared.
  void Hold(std::shared_ptr<std::latch> until) {
    const std::lock_guard lock(mutex_);
    until_ = std::move(until);
  }
  int gets() const { return gets_; }

  Result<std::string> Fetch(const Domain& /*domain*/, Deadline /*deadline*/,
                            const std::atomic<bool>& /*stop*/) override {
    ++gets_;
    if (const auto until = Until()) until->wait();
    const std::lock_guard lock(mutex_);
    return body_;
  }

 private:
  std::shared_ptr<std::latch> Until() {
    const std::lock_guard lock(mutex_);
    return until_;
  }

  std::mutex mutex_;
  Result<std::string> body_ = Error{Reason::kStsPolicyFetchError, "nothing"};
  std::atomic<int> gets_{0};
  std::shared_ptr<std::latch> until_;
};

// A cache whose disk can fail.
class BreakableCache final : public PublishedCache {
 public:
  std::atomic<bool> unreadable{false}, unwritable{false};
  std::function<void(const PublishedEntry&)> on_put;  // before it is stored

  Result<std::optional<PublishedEntry>> Find(
      std::string_view source, const std::string& domain) override {
    if (unreadable) return Broken();
    return memory_.Find(source, domain);
  }
  Status Put(const PublishedEntry& entry) override {
    if (unwritable) return Broken();
    if (on_put) on_put(entry);
    return memory_.Put(entry);
  }
  Result<bool> Remove(std::string_view source,
                      const std::string& domain) override {
    return memory_.Remove(source, domain);
  }
  Result<std::vector<PublishedEntry>> Claim(std::string_view source,
                                            TimePoint now, TimePoint until,
                                            std::size_t limit) override {
    return memory_.Claim(source, now, until, limit);
  }

 private:
  static Error Broken() { return {Reason::kPolicyStoreUnavailable, "disk"}; }
  MemoryPublishedCache memory_;
};

inline std::string Policy(const std::string& mode,
                          const std::string& max_age = "604800",
                          const std::string& mx = "mx.d.test") {
  return "version: STSv1\nmode: " + mode + "\nmx: " + mx +
         "\nmax_age: " + max_age + "\n";
}

class PolicyKeeperTest : public testing::Test {
 protected:
  using State = StsAnswer::State;

  PolicyKeeperTest() { MakeKeeper(); }

  void MakeKeeper(KeeperLimits limits = {}) {
    keeper_.reset();
    keeper_ = std::make_unique<PolicyKeeper>(
        KeeperParts{resolver_, cache_, fetcher_, clock_, random_,
                    [this](std::string_view text) {
                      const std::lock_guard lock(mutex_);
                      warnings_.emplace_back(text);
                    }},
        limits);
  }
  void Txt(const std::string& id) {
    resolver_.SetTxt("_mta-sts.d.test",
                     Found<std::string>({"v=STSv1; id=" + id}));
  }
  StsAnswer Find() {
    return keeper_->Find(domain_, Deadline::After(std::chrono::seconds(20)));
  }
  StsMode Mode() {
    const StsAnswer answer = Find();
    EXPECT_EQ(answer.state, State::kPolicy) << answer.detail;
    return answer.policy ? answer.policy->mode : StsMode::kNone;
  }
  std::vector<std::string> Warnings() {
    const std::lock_guard lock(mutex_);
    return warnings_;
  }
  // Until the background has done `gets` fetches in all.
  void AwaitGets(int gets) {
    for (int i = 0; i < 2000 && fetcher_.gets() < gets; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ASSERT_GE(fetcher_.gets(), gets);
  }
  PublishedEntry Entry() {
    const auto entry = cache_.Find(PolicyKeeper::kSource, "d.test");
    return entry && *entry ? **entry : PublishedEntry{};
  }
  template <typename Condition>
  void Await(Condition condition) {
    for (int i = 0; i < 2000 && !condition(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ASSERT_TRUE(condition());
  }

  const Domain domain_ = TestDomain("d.test");
  FakeResolver resolver_;
  BreakableCache cache_;
  FakeFetcher fetcher_;
  ManualClock clock_;
  FixedRandom random_;
  std::mutex mutex_;
  std::vector<std::string> warnings_;
  std::unique_ptr<PolicyKeeper> keeper_;
};

}  // namespace postern
