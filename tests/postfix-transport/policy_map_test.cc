// tests/postfix-transport/policy_map_test.cc
//
// The keys that smtp(8) asks: which line answers which, and that nothing is
// ever NOTFOUND. Lines at `auto` with a DNS that says what it is told to.
#include "postfix-transport/policy_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "core/service/socket_map_client.h"
#include "tests/testlib/fake_resolver.h"
#include "tests/testlib/memory_policy_store.h"
#include "tests/testlib/served_map.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

class SetClock final : public Clock {
 public:
  TimePoint Now() const override { return now; }
  TimePoint now{hours(500'000)};
};

class FirstOnes final : public Random {
 public:
  std::uint64_t Below(std::uint64_t) override { return 0; }
};

// DANE or MTA-STS in one word.
class PublishedSource final : public PolicySource {
 public:
  class Bound final : public BoundSource {
   public:
    explicit Bound(Contribution says) : says_(std::move(says)) {}
    Contribution ForHost(const HostFacts&, Deadline) const override {
      return says_;
    }

   private:
    const Contribution says_;
  };

  explicit PublishedSource(std::string_view name) : name_(name) {
    says.source = name;
  }
  std::string_view name() const override { return name_; }
  Result<std::unique_ptr<const BoundSource>> ForDestination(
      const Destination& destination, Deadline) override {
    ++asked;
    if (before) before(destination);
    return std::unique_ptr<const BoundSource>(std::make_unique<Bound>(says));
  }

  Contribution says;
  std::atomic<int> asked{0};
  std::function<void(const Destination&)> before;

 private:
  std::string_view name_;
};

class PolicyMapTest : public testing::Test {
 protected:
  PolicyMapTest() {
    store_.Set("* may");
    resolver_.SetMx("plain.example", MxHosts({{10, "mx.plain.example"}}));
    resolver_.SetA("mx.plain.example", Addresses({"192.0.2.1"}));
    resolver_.SetAaaa("mx.plain.example", NoData<IpAddress>());
  }

  std::string Ask(const std::string& key) {
    const SocketMapQuery query{"policy", key};
    std::optional<SocketMapReply> known = map_.Known(query);
    known_at_once_ = known.has_value();
    const SocketMapReply reply =
        known ? *known : map_.Find(query, Deadline::After(seconds(20)));
    return std::string(ToString(reply.status)) + ' ' + reply.text;
  }

  SetClock clock_;
  FirstOnes random_;
  MemoryPolicyStore store_;
  FakeResolver resolver_;
  Router router_{resolver_, random_, OwnIdentity{}};
  PublishedSource dane_{"dane"}, sts_{"mta-sts"};
  PolicySource* sources_[2] = {&dane_, &sts_};
  TlsClient tls_;
  Gate gate_{Gate::Parts{.store = store_,
                         .resolver = resolver_,
                         .router = router_,
                         .sources = sources_,
                         .left_out = {},
                         .tls = tls_,
                         .clock = clock_,
                         .helo = "mta.example",
                         .timeouts = {}}};
  PolicyMap map_{store_, gate_, clock_, SmtpClient{}};
  bool known_at_once_ = false;
};

TEST_F(PolicyMapTest, TheLineOfTheDomainItsParentOrTheDefaultAnswers) {
  store_.Set("bank.example encrypt");
  store_.Set(".bank.example dane-only");
  EXPECT_THAT(Ask("bank.example"), StartsWith("OK encrypt "));
  EXPECT_THAT(Ask("BANK.Example."), StartsWith("OK encrypt "));
  EXPECT_THAT(Ask("a.bank.example"), StartsWith("OK dane-only "));
  EXPECT_THAT(Ask("other.example"), StartsWith("OK may "));
  EXPECT_TRUE(known_at_once_);
}

TEST_F(PolicyMapTest, NeverNotFound) {
  for (const char* key : {"", ".", ".bank.example", "a b", "[", "[]", "a..b",
                          "[relay.example]:25", "[192.0.2.1]", "\xff", "*"}) {
    SCOPED_TRACE(key);
    EXPECT_THAT(Ask(key), StartsWith("TEMP "));
    EXPECT_TRUE(known_at_once_);
  }
  const auto other = map_.Known({"other", "bank.example"});
  ASSERT_TRUE(other);
  EXPECT_EQ(other->status, SocketMapReply::Status::kTemp);
}

TEST_F(PolicyMapTest, AHostsKeyNeedsALineOfItsOwn) {
  EXPECT_THAT(Ask("[relay.example]:587"), HasSubstr("policy-missing"));
  store_.Set("[relay.example]:587 encrypt");
  EXPECT_THAT(Ask("[relay.example]:587"), StartsWith("OK encrypt "));
  EXPECT_THAT(Ask("[relay.example]"), StartsWith("TEMP "));
}

TEST_F(PolicyMapTest, ADomainAtAnotherPortHasTheDomainsLineOrItsOwn) {
  store_.Set("bank.example encrypt");
  EXPECT_THAT(Ask("bank.example:2525"), StartsWith("OK encrypt "));
  store_.Set("bank.example:2525 dane-only");
  EXPECT_THAT(Ask("bank.example:2525"), HasSubstr("both hold"));
  store_.Set("bank.example may note=x");
  EXPECT_THAT(Ask("bank.example:2525"), StartsWith("OK dane-only "));
}

TEST_F(PolicyMapTest, WhatCannotBeSaidDefersAndHints) {
  store_.Set("bank.example sts");
  const std::string said = Ask("bank.example");
  EXPECT_THAT(said, StartsWith("TEMP bank.example: sts"));
  EXPECT_THAT(said, HasSubstr("hint: "));
}

TEST_F(PolicyMapTest, AStoreThatCannotBeReadDefers) {
  store_.Break();
  EXPECT_THAT(Ask("bank.example"), HasSubstr("policy-store-unavailable"));
}

TEST_F(PolicyMapTest, AutoIsItsFloorWhereNothingIsPublished) {
  store_.Set("plain.example auto floor=encrypt");
  EXPECT_THAT(Ask("plain.example"), StartsWith("OK encrypt "));
  EXPECT_FALSE(known_at_once_);
  EXPECT_THAT(Ask("plain.example"), StartsWith("OK encrypt "));
  EXPECT_TRUE(known_at_once_);

  // A commit bites at once, and so does time.
  store_.Set("plain.example auto");
  EXPECT_THAT(Ask("plain.example"), StartsWith("OK may "));
  EXPECT_FALSE(known_at_once_);
  clock_.now += seconds(61);
  sts_.says.state = Contribution::State::kHostFailed;
  sts_.says.reason = Reason::kDnsLookupFailed;
  EXPECT_THAT(Ask("plain.example"), StartsWith("TEMP "));
}

TEST_F(PolicyMapTest, OneSilentDestinationLeavesTheOthersAnswered) {
  store_.Set("* auto floor=encrypt");
  resolver_.SetMx("tarpit.example", MxHosts({{10, "mx.plain.example"}}));
  std::promise<void> release;
  const std::shared_future<void> released(release.get_future());
  std::atomic<int> hanging{0};
  sts_.before = [&](const Destination& destination) {
    if (ToString(destination.recipient) != "tarpit.example") return;
    ++hanging;
    released.wait();
  };
  const ServedMap served(
      [this](const SocketMapQuery& query) { return map_.Known(query); },
      [this](const SocketMapQuery& query, int) {
        return map_.Find(query, Deadline::After(seconds(20)));
      },
      "", PolicyMap::OwnerOf);
  SocketMapClient client(served.path(), 32);
  const auto ask = [&client](const std::string& key) {
    const auto answer =
        client.Ask({"policy", key}, Deadline::After(seconds(5)));
    return answer ? answer->reply.text : answer.error().ToString();
  };
  // One destination in more spellings than there are hands.
  const std::size_t hands = served.load().workers;
  std::vector<std::future<std::string>> stuck;
  for (std::size_t i = 0; i < hands + 4; ++i) {
    std::string key = "tarpit.example";
    for (std::size_t bit = 0; bit < 6; ++bit) {
      if ((i >> bit & 1) != 0) key[bit] = static_cast<char>(key[bit] - 0x20);
    }
    stuck.push_back(std::async(std::launch::async, ask, key));
  }
  const auto asked = [&served] {
    return served.load().busy + served.load().queued;
  };
  while (hanging == 0 || asked() < stuck.size()) std::this_thread::yield();
  EXPECT_THAT(ask("plain.example"), StartsWith("encrypt "));
  EXPECT_LE(hanging, static_cast<int>(hands / 4));
  release.set_value();
  for (auto& answer : stuck) EXPECT_THAT(answer.get(), StartsWith("encrypt "));
}

TEST_F(PolicyMapTest, AClockThatIsSetBackMakesNothingLastLonger) {
  store_.Set("plain.example auto");
  clock_.now += hours(24 * 365);
  EXPECT_THAT(Ask("plain.example"), StartsWith("OK may "));
  clock_.now -= hours(24 * 365);
  sts_.says.state = Contribution::State::kHostFailed;
  sts_.says.reason = Reason::kDnsLookupFailed;
  EXPECT_THAT(Ask("plain.example"), StartsWith("TEMP "));
}

TEST_F(PolicyMapTest, AnAnswerThatHoldsForNoTimeIsStillOne) {
  store_.Set("plain.example auto");
  sts_.says.ttl = seconds(0);
  EXPECT_THAT(Ask("plain.example"), StartsWith("OK may "));
  EXPECT_THAT(Ask("plain.example"), StartsWith("OK may "));
  EXPECT_FALSE(known_at_once_);
}

TEST_F(PolicyMapTest, AutoDefersWhereSomethingIsPublished) {
  store_.Set("plain.example auto");
  for (PublishedSource* source : {&dane_, &sts_}) {
    SCOPED_TRACE(source->name());
    const Contribution before = source->says;
    source->says.state = Contribution::State::kHostFailed;
    source->says.reason = Reason::kDnsLookupFailed;
    EXPECT_THAT(Ask("plain.example"), StartsWith("TEMP plain.example: auto"));
    source->says = before;
  }
  dane_.says.state = Contribution::State::kUnusable;
  EXPECT_THAT(Ask("plain.example"), HasSubstr("DANE or MTA-STS decides"));
}

TEST_F(PolicyMapTest, AutoDefersWhereItsHostsCannotBeFoundOut) {
  store_.Set("nowhere.example auto");
  EXPECT_THAT(Ask("nowhere.example"), StartsWith("TEMP nowhere.example: "));
}

TEST_F(PolicyMapTest, AutoWithAFloorThatCannotBeSaidAsksNobody) {
  store_.Set("plain.example auto floor=secure");
  EXPECT_THAT(Ask("plain.example"), HasSubstr("cn=never"));
  EXPECT_TRUE(known_at_once_);
  EXPECT_EQ(dane_.asked, 0);
}

}  // namespace
}  // namespace postern
