// tests/plugins/mta_sts/policy_keeper_test.cc
//
// What holds when: discovery, the cache, and failures of each.
#include "tests/plugins/mta_sts/keeper_fixture.h"

namespace postern {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(PolicyKeeperTest, FindsAPolicyOnceAndHoldsIt) {
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  EXPECT_EQ(fetcher_.gets(), 1);
}

// STS-21
TEST_F(PolicyKeeperTest, NothingIsAskedOfTheParent) {
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  const StsAnswer answer =
      keeper_->Find(TestDomain("sub.d.test"), Deadline::After(seconds(20)));
  EXPECT_EQ(answer.state, State::kNone);
  EXPECT_THAT(resolver_.Questions(), ElementsAre("TXT _mta-sts.sub.d.test"));
  EXPECT_EQ(fetcher_.gets(), 0);
}

// STS-04: where the alias leads is the resolver's business; a loop is a
// failure.
TEST_F(PolicyKeeperTest, ARecordBehindAnAliasCounts) {
  resolver_.SetTxt(
      "_mta-sts.d.test",
      Through("_mta-sts.provider.test", Found<std::string>({"v=STSv1; id=9"})));
  fetcher_.Serve(Policy("testing"));
  EXPECT_EQ(Mode(), StsMode::kTesting);
  EXPECT_EQ(Entry().id, "9");
}

// STS-03, STS-16, and complaint 5: mail to a domain that never had a policy
// does not wait for its broken DNS, and a silent DNS is asked once a minute.
TEST_F(PolicyKeeperTest, WhatWasNeverDiscoveredIsNone) {
  EXPECT_EQ(Find().state, State::kNone);
  resolver_.SetTxt("_mta-sts.d.test", Found<std::string>({"v=STSv1; x=y"}));
  EXPECT_EQ(Find().state, State::kNone);
  resolver_.SetTxt("_mta-sts.d.test", Failed<std::string>());
  const std::size_t before = resolver_.Questions().size();
  for (int i = 0; i < 3; ++i) {
    const StsAnswer answer = Find();
    EXPECT_EQ(answer.state, State::kNotHad);
    EXPECT_EQ(answer.reason, Reason::kDnsLookupFailed);
    EXPECT_FALSE(answer.reportable);
  }
  EXPECT_EQ(resolver_.Questions().size(), before + 1);
  clock_.Advance(seconds(61));
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  EXPECT_EQ(Mode(), StsMode::kEnforce);
}

// STS-15, STS-16, STS-29: five minutes for each id, then longer.
TEST_F(PolicyKeeperTest, AHostThatFailedIsLeftAlone) {
  Txt("1");
  fetcher_.Fail(Reason::kStsWebpkiInvalid);
  for (int i = 0; i < 3; ++i) {
    const StsAnswer answer = Find();
    EXPECT_EQ(answer.state, State::kNotHad);
    EXPECT_EQ(answer.reason, Reason::kStsWebpkiInvalid);
    EXPECT_TRUE(answer.reportable);
  }
  EXPECT_EQ(fetcher_.gets(), 1);
  clock_.Advance(minutes(5) - seconds(1));
  (void)Find();
  EXPECT_EQ(fetcher_.gets(), 1);
  clock_.Advance(seconds(1));
  (void)Find();
  EXPECT_EQ(fetcher_.gets(), 2);
  clock_.Advance(minutes(9));
  (void)Find();
  EXPECT_EQ(fetcher_.gets(), 2);
  Txt("2");  // another edition is another matter
  (void)Find();
  EXPECT_EQ(fetcher_.gets(), 3);
  EXPECT_THAT(Warnings(), IsEmpty());  // there was no policy to lose
}

TEST_F(PolicyKeeperTest, AMalformedPolicyIsNotHad) {
  Txt("1");
  fetcher_.Serve("version: STSv1\nmode: enforce\nmx: 192.0.2.1\nmax_age: 9\n");
  const StsAnswer answer = Find();
  EXPECT_EQ(answer.state, State::kNotHad);
  EXPECT_EQ(answer.reason, Reason::kStsPolicyInvalid);
  EXPECT_THAT(answer.detail, HasSubstr("192.0.2.1"));
}

// STS-11: to the second, counted from the fetch.
TEST_F(PolicyKeeperTest, HoldsForMaxAgeAndNotLonger) {
  Txt("1");
  fetcher_.Serve(Policy("enforce", "1000"));
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  resolver_.SetTxt("_mta-sts.d.test", NoDomain<std::string>());
  clock_.Advance(seconds(999));
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  clock_.Advance(seconds(1));
  EXPECT_EQ(Find().state, State::kNone);
}

TEST_F(PolicyKeeperTest, AMaxAgeOfZeroHoldsForTheMailThatFetchedIt) {
  Txt("1");
  fetcher_.Serve(Policy("enforce", "0"));
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  EXPECT_EQ(fetcher_.gets(), 2);
}

// STS-17, STS-03, and complaint 6: whatever DNS says, what is held holds.
TEST_F(PolicyKeeperTest, ALivePolicyOutlivesItsRecord) {
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  fetcher_.Fail(Reason::kStsPolicyFetchError);
  for (DnsAnswer<std::string> answer :
       {NoDomain<std::string>(), NoData<std::string>(), Failed<std::string>(),
        Failed<std::string>(Security::kBogus),
        Found<std::string>({"v=STSv1; id=1", "v=STSv1; id=1"}),
        Found<std::string>({"v=STSv1;"}),
        Found<std::string>({"v=STSv1; id=2"})}) {
    resolver_.SetTxt("_mta-sts.d.test", std::move(answer));
    clock_.Advance(minutes(2));
    EXPECT_EQ(Mode(), StsMode::kEnforce);
  }
}

// STS-33, complaint 1
TEST_F(PolicyKeeperTest, ANewIdBringsTheNewPolicyAtOnce) {
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  fetcher_.Serve(Policy("none"));
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  Txt("2");
  EXPECT_EQ(Mode(), StsMode::kNone);
  EXPECT_EQ(fetcher_.gets(), 2);
}

// STS-19, STS-29
// STS-18: daily, whatever the id; and a tenth earlier or later.
// A record that is gone does not make the policy live for ever.
// STS-27: before mail is given up for good the cache of DNS is passed by.
// Complaint 2: the body changed, the id did not.
// Mail waits so long and no longer, and what is held holds meanwhile.
// A cache that can't be read is no proof that there is no policy.
TEST_F(PolicyKeeperTest, AnUnreadableCacheIsNotAnEmptyOne) {
  cache_.unreadable = true;
  EXPECT_EQ(Find().state, State::kUnknown);
  resolver_.SetTxt("_mta-sts.d.test", Failed<std::string>());
  EXPECT_EQ(Find().state, State::kUnknown);
  clock_.Advance(minutes(2));
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  EXPECT_EQ(Mode(), StsMode::kEnforce);  // what was just fetched is known
}

// And a fetch that fails meanwhile makes nothing of it: neither for the next
// mail nor in the cache.
TEST_F(PolicyKeeperTest, AnUnreadableCacheIsNotEmptiedByAFailure) {
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  const PublishedEntry before = Entry();
  KeeperLimits often;
  often.pause = std::chrono::milliseconds(5);
  MakeKeeper(often);
  cache_.unreadable = cache_.unwritable = true;
  fetcher_.Fail(Reason::kStsPolicyFetchError);
  for (int i = 0; i < 2; ++i) {
    const StsAnswer answer = Find();
    EXPECT_EQ(answer.state, State::kUnknown);
    EXPECT_EQ(answer.reason, Reason::kPolicyStoreUnavailable);
  }
  EXPECT_EQ(fetcher_.gets(), 2);  // and the host is left alone meanwhile
  clock_.Advance(minutes(5));
  EXPECT_EQ(Find().state, State::kUnknown);
  EXPECT_EQ(fetcher_.gets(), 3);
  cache_.unwritable = false;
  clock_.Advance(minutes(5));
  EXPECT_EQ(Find().state, State::kUnknown);
  keeper_->KeepFresh();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  cache_.unreadable = false;
  EXPECT_EQ(Entry(), before);
  EXPECT_EQ(Mode(), StsMode::kEnforce);
}

// RFC 8461 section 3.3 excuses what could not be discovered, not what is
// missing here.
TEST_F(PolicyKeeperTest, OurOwnTroubleIsNoAnswer) {
  Txt("1");
  for (const Reason reason : {Reason::kTrustStoreUnavailable, Reason::kInternal,
                              Reason::kServiceStopping}) {
    fetcher_.Fail(reason);
    const StsAnswer answer = Find();
    EXPECT_EQ(answer.state, State::kUnknown);
    EXPECT_EQ(answer.reason, reason);
    EXPECT_FALSE(answer.reportable);
  }
  fetcher_.Serve(Policy("enforce"));
  EXPECT_EQ(Mode(), StsMode::kEnforce);  // at once
  fetcher_.Fail(Reason::kTrustStoreUnavailable);
  Txt("2");
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  EXPECT_EQ(Entry().failure, Reason::kTrustStoreUnavailable);
  // As it was noted while the policy still held.
  PublishedEntry entry = Entry();
  entry.expires_at = clock_.Now();
  ASSERT_TRUE(cache_.Put(entry));
  EXPECT_EQ(Find().state, State::kUnknown);
}

TEST_F(PolicyKeeperTest, WhatCanNotBeStoredHoldsAllTheSame) {
  cache_.unwritable = true;
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  EXPECT_EQ(Mode(), StsMode::kEnforce);
  EXPECT_EQ(fetcher_.gets(), 1);
  EXPECT_THAT(Warnings(), ElementsAre(HasSubstr("can't be stored")));
  cache_.unwritable = false;
  keeper_->KeepFresh();
  Await([this] { return Entry().id == "1"; });
}

TEST_F(PolicyKeeperTest, ADamagedTextIsNotAnEmptyOne) {
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  (void)Find();
  PublishedEntry entry = Entry();
  entry.text[3] = '\x01';
  ASSERT_TRUE(cache_.Put(entry));
  EXPECT_EQ(Find().state, State::kUnknown);
}

TEST_F(PolicyKeeperTest, ForgetsWhenItIsTold) {
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  (void)Find();
  EXPECT_TRUE(*keeper_->Forget(domain_));
  EXPECT_FALSE(*keeper_->Forget(domain_));
  resolver_.SetTxt("_mta-sts.d.test", NoDomain<std::string>());
  EXPECT_EQ(Find().state, State::kNone);
}

TEST_F(PolicyKeeperTest, AFailureDoesNotBringBackWhatWasForgotten) {
  Txt("1");
  fetcher_.Serve(Policy("enforce"));
  (void)Find();
  fetcher_.Fail(Reason::kStsPolicyFetchError);
  const auto open = std::make_shared<std::latch>(1);
  fetcher_.Hold(open);
  std::thread refresh([this] {
    EXPECT_FALSE(keeper_->Refresh(domain_, Deadline::After(seconds(20))));
  });
  AwaitGets(2);
  EXPECT_TRUE(*keeper_->Forget(domain_));
  open->count_down();
  refresh.join();
  EXPECT_EQ(Entry().text, "");
  resolver_.SetTxt("_mta-sts.d.test", NoDomain<std::string>());
  EXPECT_EQ(Find().state, State::kNone);
}

}  // namespace
}  // namespace postern
