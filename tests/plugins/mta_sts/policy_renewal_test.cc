// tests/plugins/mta_sts/policy_renewal_test.cc
//
// When a policy is fetched again, who waits for it, and for how long.
#include "tests/plugins/mta_sts/keeper_fixture.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

TEST_F(PolicyKeeperTest, AFailedRenewalIsToldOnce) {
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  fetcher_.Fail(Reason::kStsPolicyFetchError);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(keeper_->Refresh(domain_, Deadline::After(seconds(20))));
  }
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  EXPECT_THAT(Warnings(), ElementsAre(HasSubstr("can't be renewed")));
  EXPECT_EQ(Find().entry.failure, Reason::kStsPolicyFetchError);
  fetcher_.Serve(Policy("none"));
  EXPECT_TRUE(keeper_->Refresh(domain_, Deadline::After(seconds(20))));
  EXPECT_THAT(Warnings(), SizeIs(2));
  fetcher_.Fail(Reason::kStsPolicyFetchError);
  EXPECT_FALSE(keeper_->Refresh(domain_, Deadline::After(seconds(20))));
  EXPECT_THAT(Warnings(), SizeIs(2));  // mode none: nothing is lost
}

TEST_F(PolicyKeeperTest, RenewsDailyUnderTheSameId) {
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  EXPECT_EQ(Entry().refresh_at, clock_.Now() + hours(24));
  KeeperLimits often;
  often.pause = milliseconds(5);
  MakeKeeper(often);
  keeper_->KeepFresh();
  clock_.Advance(hours(24) - seconds(1));
  std::this_thread::sleep_for(milliseconds(30));
  EXPECT_EQ(fetcher_.gets(), 1);
  fetcher_.Serve(Policy("testing"));
  clock_.Advance(seconds(1));
  AwaitGets(2);
  Await([this] { return Entry().refresh_at > clock_.Now() + hours(2); });
  EXPECT_EQ(Mode(), StsMode::kTesting);
  EXPECT_EQ(fetcher_.gets(), 2);
}

TEST_F(PolicyKeeperTest, RenewsInTheMiddleOfAShortLife) {
  Txt("1");
  fetcher_.Serve(Policy("enforce", "7200"));
  (void)Find();
  EXPECT_EQ(Entry().refresh_at, clock_.Now() + hours(1));
  clock_.Advance(hours(3));
  fetcher_.Serve(Policy("enforce", "60"));
  (void)Find();
  EXPECT_EQ(Entry().refresh_at, kNeverRefresh);
}

TEST_F(PolicyKeeperTest, WithoutARecordNothingIsRenewed) {
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  (void)Find();
  const TimePoint expires = Entry().expires_at;
  resolver_.SetTxt("_mta-sts.d.test", NoDomain<std::string>());
  EXPECT_FALSE(keeper_->Refresh(domain_, Deadline::After(seconds(20))));
  EXPECT_EQ(fetcher_.gets(), 1);
  EXPECT_EQ(Entry().expires_at, expires);
  EXPECT_THAT(Warnings(), SizeIs(1));
}

TEST_F(PolicyKeeperTest, AsksAfreshBeforeAnythingFinal) {
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  (void)Find();
  EXPECT_TRUE(keeper_->AskAfresh(domain_, Deadline::After(seconds(20))));
  EXPECT_EQ(resolver_.Questions().back(), "TXT afresh _mta-sts.d.test");
  EXPECT_EQ(fetcher_.gets(), 1);
  clock_.Advance(minutes(1));
  Txt("2");
  fetcher_.Serve(Policy("none"));
  EXPECT_TRUE(keeper_->AskAfresh(domain_, Deadline::After(seconds(20))));
  EXPECT_EQ(Entry().id, "2");
  clock_.Advance(minutes(1));
  Txt("3");
  fetcher_.Fail(Reason::kStsPolicyFetchError);
  EXPECT_FALSE(keeper_->AskAfresh(domain_, Deadline::After(seconds(20))));
  clock_.Advance(minutes(1));
  resolver_.SetTxt("_mta-sts.d.test", Failed<std::string>());
  EXPECT_FALSE(keeper_->AskAfresh(domain_, Deadline::After(seconds(20))));
}

TEST_F(PolicyKeeperTest, ADoubtFetchesAgainAtMostEveryFiveMinutes) {
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  (void)Find();
  keeper_->Doubt(domain_);
  clock_.Advance(minutes(5));
  fetcher_.Serve(Policy("enforce", "604800", "*.d.test"));
  keeper_->Doubt(domain_);
  AwaitGets(2);
  Await([this] { return Entry().text.find("*.d") != std::string::npos; });
  keeper_->Doubt(domain_);
  clock_.Advance(minutes(4));
  keeper_->Doubt(domain_);
  EXPECT_TRUE(keeper_->Refresh(domain_, Deadline::After(seconds(20))));
  EXPECT_EQ(fetcher_.gets(), 3);  // the administrator's, and no doubt's
}

TEST_F(PolicyKeeperTest, ManyWhoAskMakeOneRequest) {
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  const auto open = std::make_shared<std::latch>(1);
  fetcher_.Hold(open);
  std::vector<std::thread> askers;
  std::atomic<int> enforced{0};
  for (int i = 0; i < 8; ++i) {
    askers.emplace_back([&] {
      if (Find().state == State::kPolicy) ++enforced;
    });
  }
  AwaitGets(1);
  std::this_thread::sleep_for(milliseconds(20));
  open->count_down();
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(enforced, 8);
  EXPECT_EQ(fetcher_.gets(), 1);
}

TEST_F(PolicyKeeperTest, ASlowHostDoesNotHoldMailForLong) {
  KeeperLimits impatient;
  impatient.wait_for_first = impatient.wait_for_newer = milliseconds(300);
  MakeKeeper(impatient);
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  const auto open = std::make_shared<std::latch>(1);
  fetcher_.Hold(open);
  const StsAnswer late = Find();
  EXPECT_EQ(late.state, State::kNotHad);
  EXPECT_EQ(late.reason, Reason::kStsPolicyFetchError);
  const Status afresh =
      keeper_->AskAfresh(domain_, Deadline::After(milliseconds(50)));
  ASSERT_FALSE(afresh);
  EXPECT_EQ(afresh.error().reason(), Reason::kStsPolicyFetchError);
  open->count_down();
  Await([this] { return !Entry().text.empty(); });
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  const auto again = std::make_shared<std::latch>(1);
  fetcher_.Hold(again);
  Txt("2");
  fetcher_.Serve(Policy("none"));
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  again->count_down();
  Await([this] { return Entry().id == "2"; });
  EXPECT_EQ(Mode(), StsMode::kNone);
}

TEST_F(PolicyKeeperTest, NoMoreThanSoManyFetchesAtATime) {
  KeeperLimits two;
  two.fetches = 2;
  two.wait_for_first = milliseconds(10);
  MakeKeeper(two);
  const auto open = std::make_shared<std::latch>(1);
  fetcher_.Hold(open);
  fetcher_.Serve(Policy("enforce"));
  for (const char* const name : {"a.test", "b.test", "c.test", "e.test"}) {
    resolver_.SetTxt("_mta-sts." + std::string(name),
                     Found<std::string>({"v=STSv1; id=1"}));
    (void)keeper_->Find(TestDomain(name), Deadline::After(seconds(20)));
  }
  EXPECT_EQ(fetcher_.gets(), 2);
  open->count_down();
  AwaitGets(4);
}

// Whoever keeps all hands busy must not make another domain's mail go in clear.
TEST_F(PolicyKeeperTest, AFetchThatNeverBeganIsNoAnswer) {
  KeeperLimits one;
  one.fetches = 1;
  one.wait_for_first = milliseconds(50);
  MakeKeeper(one);
  const auto open = std::make_shared<std::latch>(1);
  fetcher_.Hold(open);
  fetcher_.Serve(Policy("enforce"));
  resolver_.SetTxt("_mta-sts.slow.test", Found<std::string>({"v=STSv1; id=1"}));
  (void)keeper_->Find(TestDomain("slow.test"), Deadline::After(seconds(20)));
  AwaitGets(1);
  Txt("1");
  const StsAnswer answer = Find();
  EXPECT_EQ(answer.state, State::kUnknown);
  EXPECT_EQ(answer.reason, Reason::kServiceBusy);
  open->count_down();
  Await([this] { return !Entry().text.empty(); });
  EXPECT_EQ(Mode(), StsMode::kEnforce);
}

TEST_F(PolicyKeeperTest, EndsWhileMuchIsUnderWay) {
  KeeperLimits limits;
  limits.wait_for_first = milliseconds(1);
  limits.fetches = 3;
  MakeKeeper(limits);
  keeper_->KeepFresh();
  for (int i = 0; i < 50; ++i) {
    const std::string name = "x" + std::to_string(i) + ".test";
    resolver_.SetTxt("_mta-sts." + name, Found<std::string>({"v=STSv1; id=1"}));
    (void)keeper_->Find(TestDomain(name), Deadline::After(seconds(20)));
  }
  keeper_.reset();
}
}  // namespace
}  // namespace postern
