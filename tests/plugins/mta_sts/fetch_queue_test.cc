// tests/plugins/mta_sts/fetch_queue_test.cc
//
// Whose turn it is, and what those are told who waited in vain.
#include "plugins/mta_sts/fetch_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>

#include "tests/testlib/fake_resolver.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using Urgency = FetchQueue::Urgency;

// One thread, which the first renewal holds until the test lets it go.
class FetchQueueTest : public testing::Test {
 protected:
  FetchQueueTest() { queue_.Start(TestDomain("first.test"), Urgency::kDue); }
  ~FetchQueueTest() override { Open(); }

  void Open() {
    if (!opened_.exchange(true)) open_.count_down();
  }
  Reason Waited(const std::string& name, milliseconds patience) {
    const auto outcome =
        queue_.Renew(TestDomain(name), Deadline::After(patience));
    return outcome ? Reason::kOk : outcome.error().reason();
  }

  std::latch begun_{1}, open_{1};
  std::atomic<bool> opened_{false};
  std::mutex mutex_;
  std::vector<std::string> order_;
  FetchQueue queue_{[this](const Domain& domain) -> FetchQueue::Outcome {
                      {
                        const std::lock_guard lock(mutex_);
                        order_.push_back(domain.str());
                        if (order_.size() == 1) begun_.count_down();
                      }
                      open_.wait();
                      return PublishedEntry{};
                    },
                    1};
};

TEST_F(FetchQueueTest, WhatMailWaitsForGoesFirstInItsOrder) {
  begun_.wait();
  queue_.Start(TestDomain("due.test"), Urgency::kDue);
  queue_.Start(TestDomain("urged.test"), Urgency::kDue);
  queue_.Start(TestDomain("a.test"), Urgency::kMailWaits);
  queue_.Start(TestDomain("b.test"), Urgency::kMailWaits);
  queue_.Start(TestDomain("urged.test"), Urgency::kMailWaits);
  queue_.Start(TestDomain("a.test"), Urgency::kMailWaits);
  EXPECT_EQ(queue_.waiting(), 4U);
  Open();
  EXPECT_EQ(Waited("last.test", seconds(20)), Reason::kOk);
  EXPECT_EQ(Waited("due.test", seconds(20)), Reason::kOk);
  const std::lock_guard lock(mutex_);
  EXPECT_THAT(
      std::vector(order_.begin(), order_.begin() + 5),
      ElementsAre("first.test", "a.test", "b.test", "urged.test", "last.test"));
}

TEST_F(FetchQueueTest, NotBegunIsNotTheSameAsNotOver) {
  begun_.wait();
  EXPECT_EQ(Waited("first.test", milliseconds(20)), Reason::kDeadlineExceeded);
  EXPECT_EQ(Waited("second.test", milliseconds(20)), Reason::kServiceBusy);
}

// The host has had less than half of the time that mail waited for it.
TEST_F(FetchQueueTest, BegunTooLateIsAsNotBegun) {
  begun_.wait();
  std::latch second(1);
  FetchQueue late(
      [&](const Domain& domain) -> FetchQueue::Outcome {
        (domain == TestDomain("first.test") ? open_ : second).wait();
        return PublishedEntry{};
      },
      1);
  late.Start(TestDomain("first.test"), Urgency::kMailWaits);
  std::thread opener([this] {
    std::this_thread::sleep_for(milliseconds(450));
    Open();
  });
  const auto outcome =
      late.Renew(TestDomain("second.test"), Deadline::After(milliseconds(500)));
  opener.join();
  second.count_down();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().reason(), Reason::kServiceBusy);
}

}  // namespace
}  // namespace postern
