// tests/core/dns/cached_resolver_test.cc
//
// An answer is given again for as long as its TTL says and not a second longer;
// a failure never is.
#include "core/dns/cached_resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/testlib/fake_resolver.h"

namespace postern {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;

class CachedResolverTest : public testing::Test {
 protected:
  std::size_t asked() const { return behind_.Questions().size(); }

  const Deadline soon_ = Deadline::After(seconds(10));
  FakeResolver behind_;
  CachedResolver::Monotonic::time_point now_{};
  CachedResolver resolver_{behind_, [this] { return now_; }};
};

TEST_F(CachedResolverTest, AsksAgainOnlyWhenTheTtlIsOver) {
  behind_.SetA("mx.example", Addresses({"192.0.2.1"}, Security::kSecure));
  const Domain name = TestDomain("mx.example");
  EXPECT_EQ(resolver_.A(name, soon_).ttl, seconds(300));

  now_ += seconds(299);
  const auto again = resolver_.A(name, soon_);
  EXPECT_EQ(asked(), 1u);
  EXPECT_EQ(again.ttl, seconds(1));
  EXPECT_TRUE(again.secure());
  EXPECT_THAT(again.records, ElementsAre(TestAddress("192.0.2.1")));

  behind_.SetA("mx.example", Addresses({"192.0.2.2"}));
  now_ += seconds(1);
  EXPECT_THAT(resolver_.A(name, soon_).records,
              ElementsAre(TestAddress("192.0.2.2")));
  EXPECT_EQ(asked(), 2u);
}

TEST_F(CachedResolverTest, KeepsAbsenceAndNeverAFailure) {
  const Domain name = TestDomain("bank.example");
  EXPECT_EQ(resolver_.Mx(name, soon_).presence, Presence::kNoDomain);
  EXPECT_EQ(resolver_.Mx(name, soon_).presence, Presence::kNoDomain);
  EXPECT_EQ(asked(), 1u);

  for (const Security security : {Security::kInsecure, Security::kBogus}) {
    DnsAnswer<IpAddress> failed = Failed<IpAddress>(security);
    failed.ttl = seconds(300);
    behind_.SetA("bank.example", failed);
    const std::size_t before = asked();
    EXPECT_TRUE(resolver_.A(name, soon_).failed());
    EXPECT_TRUE(resolver_.A(name, soon_).failed());
    EXPECT_EQ(asked(), before + 2);
  }
}

TEST_F(CachedResolverTest, AnAnswerWithoutTtlIsForOneQuestion) {
  DnsAnswer<IpAddress> answer = Addresses({"192.0.2.1"});
  answer.ttl = seconds(0);
  behind_.SetA("mx.example", answer);
  resolver_.A(TestDomain("mx.example"), soon_);
  resolver_.A(TestDomain("mx.example"), soon_);
  EXPECT_EQ(asked(), 2u);
}

TEST_F(CachedResolverTest, KeepsTheKindsOfQuestionApart) {
  const Domain name = TestDomain("mx.example");
  behind_.SetA("mx.example", Addresses({"192.0.2.1"}));
  behind_.SetAaaa("mx.example", Addresses({"2001:db8::1"}));
  for (int round = 0; round < 2; ++round) {
    resolver_.Mx(name, soon_);
    EXPECT_THAT(resolver_.A(name, soon_).records,
                ElementsAre(TestAddress("192.0.2.1")));
    EXPECT_THAT(resolver_.Aaaa(name, soon_).records,
                ElementsAre(TestAddress("2001:db8::1")));
    resolver_.Ptr(TestAddress("192.0.2.1"), soon_);
    resolver_.Cname(name, soon_);
    resolver_.Txt(name, soon_);
    resolver_.Tlsa(Port{25}, name, soon_);
    resolver_.Tlsa(Port{465}, name, soon_);
  }
  EXPECT_EQ(asked(), 8u);
}

// A zone whose every name has as many octets as DNS can carry.
TEST_F(CachedResolverTest, LargeAnswersDoNotPileUp) {
  constexpr std::size_t kLarge = CachedResolver::kMostOctetsOfOne / 2;
  const auto name = [](std::size_t i) {
    return "h" + std::to_string(i) + ".example";
  };
  const auto ask = [&](std::size_t i) {
    return resolver_.Txt(TestDomain(name(i)), soon_);
  };
  constexpr std::size_t kFit = CachedResolver::kMostOctets / kLarge;
  for (std::size_t i = 0; i <= kFit; ++i) {
    behind_.SetTxt(name(i), Found<std::string>({std::string(kLarge, 'x')}));
  }
  for (std::size_t i = 0; i + 2 < kFit; ++i) ask(i);
  std::size_t before = asked();
  ask(0);
  EXPECT_EQ(asked(), before);  // there was room for these
  for (std::size_t i = 0; i <= kFit; ++i) ask(i);
  before = asked();
  ask(0);
  EXPECT_EQ(asked(), before + 1);
  // Asked anew each time, an answer takes its own place.
  for (std::size_t i = 0; i < 2 * kFit; ++i) {
    resolver_.TxtAfresh(TestDomain(name(0)), soon_);
  }
  before = asked();
  ask(0);
  EXPECT_EQ(asked(), before);
}

TEST_F(CachedResolverTest, OneHugeAnswerPushesOutNoOther) {
  behind_.SetTxt("small.example", Found<std::string>({"v=STSv1; id=1"}));
  behind_.SetTxt(
      "huge.example",
      Found<std::string>(std::vector<std::string>(
          8, std::string(CachedResolver::kMostOctetsOfOne / 8, 'x'))));
  resolver_.Txt(TestDomain("small.example"), soon_);
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(resolver_.Txt(TestDomain("huge.example"), soon_).records.size(),
              8u);
  }
  EXPECT_EQ(asked(), 201u);
  resolver_.Txt(TestDomain("small.example"), soon_);
  EXPECT_EQ(asked(), 201u);
}

TEST_F(CachedResolverTest, IsBoundedAndSharedByThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (std::size_t i = 0; i < CachedResolver::kMostAnswers; ++i) {
        const std::string name =
            "h" + std::to_string(i) + ".t" + std::to_string(t) + ".example";
        resolver_.A(TestDomain(name), soon_);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Domain first = TestDomain("h0.t0.example");
  const std::size_t before = asked();
  resolver_.A(first, soon_);
  EXPECT_EQ(asked(), before + 1);  // made room for the others
  resolver_.A(first, soon_);
  EXPECT_EQ(asked(), before + 1);
}

}  // namespace
}  // namespace postern
