// tests/core/delivery/connection_cache_test.cc
//
// What may be taken out again, for how long, and how many connections a host
// gets: with sessions that only count, and a clock that stands still.
#include "core/delivery/connection_cache.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace postern {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct SessionCounts {
  std::atomic<int> quits{0}, closed{0};
};

class CountingSession final : public SmtpSession {
 public:
  explicit CountingSession(SessionCounts& counts) : counts_(counts) {}
  ~CountingSession() override { ++counts_.closed; }
  SmtpStatus Hello(Deadline) override { return std::nullopt; }
  bool offers_starttls() const override { return false; }
  SmtpStatus StartTls(Deadline) override { return std::nullopt; }
  bool encrypted() const override { return false; }
  const TlsEvidence& evidence() const override { return evidence_; }
  std::string local_address() const override { return {}; }
  SendResult Send(const Envelope&, const Message&, Deadline) override {
    return {};
  }
  SmtpStatus Authenticate(const SaslClient&, const Credentials&,
                          Deadline) override {
    return std::nullopt;
  }
  std::string_view logged_in() const override { return {}; }
  bool Idle() override { return idle; }
  void SetCancellation(const Cancellation& given) override {
    cancellation = given;
  }
  void Quit() override { ++counts_.quits; }
  void QuitAtOnce() override { ++counts_.quits; }

  bool idle = true;
  Cancellation cancellation;

 private:
  SessionCounts& counts_;
  TlsEvidence evidence_;
};

class ConnectionCacheTest : public testing::Test {
 protected:
  using Key = ConnectionCache::Key;
  using Lease = ConnectionCache::Lease;

  static ConnectionLimits Limits() {
    ConnectionLimits limits;
    limits.kept = 10;
    limits.per_host = 2;
    return limits;
  }
  void Make(const ConnectionLimits& limits) {
    cache_.emplace(limits, [this] { return now_.load(); });
  }

  Result<Lease> TryTake(const Key& key, const std::string& generation = "1",
                        const Cancellation& cancellation = {}) {
    return cache_->Take(key, generation, Deadline::After(milliseconds(0)),
                        cancellation);
  }
  Lease Take(const Key& key, const std::string& generation = "1") {
    Result<Lease> lease = TryTake(key, generation);
    EXPECT_TRUE(lease.ok());
    return *std::move(lease);
  }
  // A connection to `key` carries a message and is kept.
  void Use(const Key& key, const std::string& generation = "1") {
    Lease lease = Take(key, generation);
    if (!lease.connection.session) Connect(lease);
    cache_->Keep(std::move(lease), generation);
  }
  void Connect(Lease& lease) {
    Connection connection;
    connection.session = std::make_unique<CountingSession>(counts_);
    lease.Renew(std::move(connection), true);
  }
  static CountingSession& SessionOf(Lease& lease) {
    return dynamic_cast<CountingSession&>(*lease.connection.session);
  }
  bool Kept(const Key& key) { return Take(key).connection.session != nullptr; }

  SessionCounts counts_;
  std::atomic<Moment> now_{Moment(seconds(1000))};
  std::optional<ConnectionCache> cache_;
  const Key key_{"plan", "mx:25 192.0.2.1"};

  void SetUp() override { Make(Limits()); }
};

TEST_F(ConnectionCacheTest, GivesAConnectionBackToTheSamePlanAndPeerOnly) {
  Use(key_);
  EXPECT_FALSE(Kept({"other plan", key_.peer}));
  EXPECT_FALSE(Kept({key_.plan, "mx:25 192.0.2.2"}));
  EXPECT_FALSE(Kept({"", key_.peer}));
  Lease lease = Take(key_);
  ASSERT_TRUE(lease.connection.session);
  EXPECT_EQ(lease.connection.carried, 1U);
  EXPECT_FALSE(Take(key_).connection.session) << "one delivery at a time";
}

TEST_F(ConnectionCacheTest, WithoutAPlanNothingIsKept) {
  Use({"", key_.peer});
  EXPECT_EQ(cache_->kept(), 0U);
  EXPECT_EQ(counts_.quits, 1);
}

TEST_F(ConnectionCacheTest, APolicyCommitDropsThemAll) {
  Use(key_);
  EXPECT_FALSE(Take({"x", "elsewhere"}, "2").connection.session);
  EXPECT_EQ(cache_->kept(), 0U);
  EXPECT_EQ(counts_.quits, 1);
}

TEST_F(ConnectionCacheTest, APolicyCommitDuringTheMessageIsNoticed) {
  Lease lease = Take(key_, "1");
  Connect(lease);
  cache_->Keep(std::move(lease), "2");
  EXPECT_EQ(cache_->kept(), 0U);
  Use(key_, "");  // a policy that can't be read
  EXPECT_EQ(cache_->kept(), 0U);
}

TEST_F(ConnectionCacheTest, IdleTimeAndMessagesAreBounded) {
  ConnectionLimits limits = Limits();
  limits.messages = 3;
  Make(limits);
  Use(key_);
  now_ = now_.load() + seconds(5);
  EXPECT_FALSE(Kept(key_)) << "idle for too long";
  cache_->CloseExpired();
  // The cache's own thread may have come first, and not have said it yet.
  for (int i = 0; i < 5000 && counts_.quits == 0; ++i) {
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(counts_.quits, 1);

  for (int message = 0; message < 3; ++message) {
    Use(key_);
    EXPECT_EQ(cache_->kept(), message < 2 ? 1U : 0U);
  }
}

TEST_F(ConnectionCacheTest, LifeCountsFromTheConnectNotFromTheLastMessage) {
  ConnectionLimits limits = Limits();
  limits.life = seconds(10);
  Make(limits);
  Use(key_);
  for (int i = 0; i < 2; ++i) {
    now_ = now_.load() + seconds(4);
    Lease lease = Take(key_);
    ASSERT_TRUE(lease.connection.session);
    cache_->Keep(std::move(lease), "1");
  }
  now_ = now_.load() + seconds(2);
  EXPECT_FALSE(Kept(key_)) << "10 s old, though idle for 2";
}

TEST_F(ConnectionCacheTest, AServerThatSpokeOrLeftMeanwhileIsNotUsed) {
  Lease lease = Take(key_);
  Connect(lease);
  SessionOf(lease).idle = false;
  cache_->Keep(std::move(lease), "1");
  EXPECT_EQ(cache_->kept(), 1U);
  EXPECT_FALSE(Kept(key_));
  EXPECT_EQ(counts_.closed, 1);
}

TEST_F(ConnectionCacheTest, TheOldestGivesWayWhenTooManyAreKept) {
  ConnectionLimits limits = Limits();
  limits.kept = 2;
  Make(limits);
  for (const char* peer : {"a", "b", "c"}) Use({"plan", peer});
  EXPECT_EQ(cache_->kept(), 2U);
  EXPECT_EQ(counts_.quits, 1);
  EXPECT_FALSE(Kept({"plan", "a"}));
  EXPECT_TRUE(Kept({"plan", "c"}));
}

TEST_F(ConnectionCacheTest, AKeptConnectionBelongsToNobodyThenToItsTaker) {
  Lease lease = Take(key_);
  Connect(lease);
  SessionOf(lease).cancellation = {7, 8};
  CountingSession* const session = &SessionOf(lease);
  cache_->Keep(std::move(lease), "1");
  EXPECT_EQ(session->cancellation.hangup_fd, -1);
  const Result<Lease> again = TryTake(key_, "1", {11, 12});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(session->cancellation.hangup_fd, 11);
}

TEST_F(ConnectionCacheTest, AHostGetsNoMoreThanItsShare) {
  Lease first = Take(key_);
  {
    const Lease second = Take({"other plan", key_.peer});
    const Result<Lease> third = TryTake(key_);
    ASSERT_FALSE(third.ok());
    EXPECT_EQ(third.error().reason(), Reason::kHostBusy);
    EXPECT_TRUE(TryTake({"plan", "another host"}).ok());
  }
  EXPECT_TRUE(TryTake(key_).ok());
}

TEST_F(ConnectionCacheTest, AKeptConnectionOfAnotherPlanGivesWay) {
  Use(key_);
  const Lease busy = Take({"other plan", key_.peer});
  const Result<Lease> lease = TryTake({"third plan", key_.peer});
  ASSERT_TRUE(lease.ok());
  EXPECT_FALSE(lease->connection.session);
  EXPECT_EQ(counts_.quits, 1);
}

TEST_F(ConnectionCacheTest, WhoWaitsGetsTheNextOneThatIsKept) {
  ConnectionLimits limits = Limits();
  limits.per_host = 1;
  limits.wait = seconds(30);
  Make(limits);
  Lease lease = Take(key_);
  Connect(lease);
  std::atomic<bool> got_it{false};
  std::thread waiter([&] {
    const Result<Lease> waited =
        cache_->Take(key_, "1", Deadline::After(seconds(20)), {});
    got_it = waited.ok() && waited->connection.carried == 1;
  });
  cache_->Keep(std::move(lease), "1");
  waiter.join();
  EXPECT_TRUE(got_it);
}

TEST_F(ConnectionCacheTest, WaitingEndsWhenTheCallerHasGone) {
  ConnectionLimits limits = Limits();
  limits.per_host = 1;
  Make(limits);
  const Lease lease = Take(key_);
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  close(ends[1]);
  const Result<Lease> waited =
      cache_->Take(key_, "1", Deadline::After(seconds(20)), {ends[0], -1});
  ASSERT_FALSE(waited.ok());
  EXPECT_EQ(waited.error().reason(), Reason::kClientGone);
  close(ends[0]);
}

TEST_F(ConnectionCacheTest, ManyThreadsShareAndNeverExceedTheShare) {
  ConnectionLimits limits = Limits();
  limits.per_host = 3;
  limits.kept = 2;
  Make(limits);
  std::atomic<int> busy{0}, most{0}, failed{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      const Key key{"plan " + std::to_string(thread % 2), key_.peer};
      for (int round = 0; round < 50; ++round) {
        Result<Lease> lease =
            cache_->Take(key, "1", Deadline::After(seconds(20)), {});
        if (!lease.ok()) {
          ++failed;
          continue;
        }
        const int now = ++busy;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        if (!lease->connection.session) Connect(*lease);
        --busy;
        if (round % 7 != 0) cache_->Keep(*std::move(lease), "1");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_LE(most, 3);
  EXPECT_LE(cache_->kept(), 2U);
}

TEST_F(ConnectionCacheTest, TheEndQuitsEveryKeptConnection) {
  Use({"plan", "a"});
  Use({"plan", "b"});
  cache_.reset();
  EXPECT_EQ(counts_.quits, 2);
  EXPECT_EQ(counts_.closed, 2);
}

TEST(ConnectionCacheJanitorTest, EndsIdleConnectionsByItself) {
  SessionCounts counts;
  ConnectionLimits limits;
  limits.kept = 10;
  limits.idle = milliseconds(1);
  ConnectionCache cache(limits);
  auto lease =
      cache.Take({"plan", "peer"}, "1", Deadline::After(seconds(5)), {});
  ASSERT_TRUE(lease.ok());
  Connection connection;
  connection.session = std::make_unique<CountingSession>(counts);
  lease->Renew(std::move(connection), true);
  cache.Keep(*std::move(lease), "1");
  // Fails by the test's own time limit.
  while (counts.closed == 0) std::this_thread::yield();
  EXPECT_EQ(counts.quits, 1);
}

}  // namespace
}  // namespace postern
