// tests/core/delivery/dead_hosts_test.cc
//
// A host that is down costs one connection, not a hundred, and never keeps a
// message from being tried for long.
#include "core/delivery/dead_hosts.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

using std::chrono::seconds;
using Reach = Connection::Reach;

class DeadHostsTest : public testing::Test {
 protected:
  bool MayTry(const std::string& peer, bool insist = false) {
    return !dead_.Begin(peer, insist);
  }
  void Fails(const std::string& peer) {
    dead_.End(peer, Reach::kUnreachable,
              Error(Reason::kConnectionTimeout, "the server took too long"));
  }
  void Ends(const std::string& peer, Reach reach) {
    dead_.End(peer, reach, Error(Reason::kOk, ""));
  }
  void Pass(seconds time) { now_ += time; }

  Moment now_{seconds(5000)};
  DeadHosts dead_{[this] { return now_; }};
};

TEST_F(DeadHostsTest, AFailureIsRememberedForAMinuteAndSaysSo) {
  EXPECT_TRUE(MayTry("a"));
  Fails("a");
  Pass(seconds(12));
  const std::optional<Error> why = dead_.Begin("a", false);
  ASSERT_TRUE(why);
  EXPECT_EQ(why->reason(), Reason::kConnectionTimeout);
  EXPECT_EQ(why->detail(), "not tried: the server took too long, 12 s ago");
  EXPECT_TRUE(dead_.Remembers("a"));
  EXPECT_TRUE(MayTry("b"));
  Pass(seconds(48));
  EXPECT_FALSE(dead_.Remembers("a"));
  EXPECT_TRUE(MayTry("a"));
}

TEST_F(DeadHostsTest, AfterTheMinuteOneTriesAndTheOthersWait) {
  Fails("a");
  Pass(seconds(61));
  EXPECT_TRUE(MayTry("a"));
  EXPECT_FALSE(MayTry("a"));
  EXPECT_FALSE(MayTry("a", true));
  Ends("a", Reach::kUnknown);  // its client went away
  EXPECT_TRUE(MayTry("a"));
  Ends("a", Reach::kReached);
  EXPECT_TRUE(MayTry("a"));
  EXPECT_TRUE(MayTry("a"));
}

TEST_F(DeadHostsTest, WhoHasNowhereElseToGoMayTryOneAtATime) {
  Fails("a");
  EXPECT_FALSE(MayTry("a", true)) << "this very moment";
  Pass(seconds(1));
  EXPECT_FALSE(MayTry("a", false));
  EXPECT_TRUE(MayTry("a", true));
  EXPECT_FALSE(MayTry("a", true));
  Fails("a");
  EXPECT_FALSE(MayTry("a", true));
  Pass(seconds(1));
  EXPECT_TRUE(MayTry("a", true));
}

TEST_F(DeadHostsTest, OnlyTcpSaysThatAHostIsDead) {
  Ends("a", Reach::kReached);
  Ends("a", Reach::kUnknown);
  EXPECT_FALSE(dead_.Remembers("a"));
}

TEST_F(DeadHostsTest, AHostThatNobodyTriedForLongStartsAnew) {
  Fails("a");
  Pass(DeadHosts::kForget);
  EXPECT_TRUE(MayTry("a"));
  EXPECT_TRUE(MayTry("a")) << "no single trial";
}

TEST_F(DeadHostsTest, TheTableIsBounded) {
  for (std::size_t i = 0; i < DeadHosts::kMaxEntries; ++i) {
    Fails(std::to_string(i));
  }
  EXPECT_TRUE(dead_.Remembers("0"));
  Fails("one more");
  EXPECT_TRUE(dead_.Remembers("one more"));
  EXPECT_FALSE(dead_.Remembers("0"));
}

}  // namespace
}  // namespace postern
