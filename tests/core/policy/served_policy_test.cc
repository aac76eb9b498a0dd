// The line that holds is the one that design and administrator say, at every
// moment; what the store can't prove is never "no line".
#include "core/policy/served_policy.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/core/policy/policy_fixtures.h"

namespace postern {
namespace {

class ServedPolicyTest : public testing::Test {
 protected:
  ServedPolicyTest() { store_.Put("* may"); }

  // "origin level", or the error's token.
  std::string Held(std::string_view domain) {
    const auto policy = LookUpDomain(store_, Name(domain), now_);
    if (!policy) return std::string(Describe(policy.error().reason()).token);
    return policy->origin + " " + std::string(ToString(policy->line.level));
  }
  std::string HeldByHop(std::string_view hop) {
    const auto policy = LookUpNextHop(store_, Hop(hop), now_);
    if (!policy) return std::string(Describe(policy.error().reason()).token);
    if (!policy->has_value()) return "no line";
    return (*policy)->origin + " " +
           std::string(ToString((*policy)->line.level));
  }

  MemoryStore store_;
  TimePoint now_ = Time("2026-06-01T12:00:00Z");
};

TEST_F(ServedPolicyTest, ExactThenLongestParentThenDefault) {
  store_.Put("bank.example secure");
  store_.Put(".bank.example fingerprint");
  store_.Put(".example encrypt");
  EXPECT_EQ(Held("bank.example"), "bank.example secure");
  EXPECT_EQ(Held("mail.bank.example"), ".bank.example fingerprint");
  EXPECT_EQ(Held("a.b.bank.example"), ".bank.example fingerprint");
  EXPECT_EQ(Held("other.example"), ".example encrypt");
  EXPECT_EQ(Held("notbank.example"), ".example encrypt");
  EXPECT_EQ(Held("example"), "* may");
  EXPECT_EQ(Held("elsewhere.test"), "* may");
}

TEST_F(ServedPolicyTest, AStoreWithoutADefaultDefers) {
  MemoryStore empty;
  const auto policy = LookUpDomain(empty, Name("d.example"), now_);
  ASSERT_FALSE(policy);
  EXPECT_EQ(policy.error().reason(), Reason::kPolicyMissing);
}

TEST_F(ServedPolicyTest, AnExceptionHoldsUntilItsEndAndNotASecondLonger) {
  store_.Put("bank.example secure");
  store_.PutException("bank.example may until=2026-06-01T13:00:00Z");
  EXPECT_EQ(Held("bank.example"), "bank.example exception may");
  EXPECT_EQ(*LookUpDomain(store_, Name("bank.example"), now_)->valid_until,
            Time("2026-06-01T13:00:00Z"));
  now_ = Time("2026-06-01T12:59:59Z");
  EXPECT_EQ(Held("bank.example"), "bank.example exception may");
  now_ = Time("2026-06-01T13:00:00Z");
  EXPECT_EQ(Held("bank.example"), "bank.example secure");
  EXPECT_FALSE(LookUpDomain(store_, Name("bank.example"), now_)->valid_until);
}

TEST_F(ServedPolicyTest, BeneathAnExceptionWithoutALineTheNextKeyHolds) {
  store_.Put(".example encrypt");
  store_.PutException("bank.example none until=2026-06-01T13:00:00Z");
  EXPECT_EQ(Held("bank.example"), "bank.example exception none");
  now_ = Time("2026-06-02T00:00:00Z");
  EXPECT_EQ(Held("bank.example"), ".example encrypt");
}

TEST_F(ServedPolicyTest, ALineWithUntilIsGoneAfterItsEnd) {
  store_.Put("old.example may until=2026-06-01T13:00:00Z");
  store_.Put(".example encrypt");
  EXPECT_EQ(Held("old.example"), "old.example may");
  EXPECT_TRUE(LookUpDomain(store_, Name("old.example"), now_)->valid_until);
  now_ = Time("2026-06-01T13:00:00Z");
  EXPECT_EQ(Held("old.example"), ".example encrypt");
}

TEST_F(ServedPolicyTest, AnExceptionWithoutAnEndIsNoException) {
  store_.Put("bank.example secure");
  store_.Row(Key("bank.example")).exception = Line("bank.example none");
  EXPECT_EQ(Held("bank.example"), "policy-invalid");
}

TEST_F(ServedPolicyTest, PinsComeFromEveryKeyThatCoversTheDomain) {
  store_.Put("bank.example fingerprint");
  store_.PutPin("bank.example", "exact");
  store_.PutPin(".example", "parent");
  store_.PutPin(".bank.example", "below");
  store_.PutPin("*", "default");
  store_.PutPin("[bank.example]", "hop");
  const auto labels = [this](std::string_view domain) {
    std::string all;
    const auto policy = LookUpDomain(store_, Name(domain), now_);
    for (const Pin& pin : policy->pins) all += pin.label + " ";
    return all;
  };
  EXPECT_EQ(labels("bank.example"), "exact parent ");
  EXPECT_EQ(labels("mx.bank.example"), "below parent ");
  EXPECT_EQ(labels("elsewhere.test"), "");
}

TEST_F(ServedPolicyTest, AnchorsComeWithTheLineThatNamesThem) {
  store_.Put("bank.example secure ca=anchor:ours");
  store_.Row(Key("bank.example")).anchors = {Anchor{"ours", "der", "me", {}}};
  EXPECT_EQ(LookUpDomain(store_, Name("bank.example"), now_)->anchors.size(),
            1U);
  EXPECT_TRUE(LookUpDomain(store_, Name("x.example"), now_)->anchors.empty());
}

TEST_F(ServedPolicyTest, AFailureOnTheWayIsNeverAnAbsence) {
  store_.Put("bank.example secure");
  for (const char* key :
       {"mx.bank.example", ".bank.example", ".example", "*"}) {
    store_.failing_key = key;
    EXPECT_EQ(Held("mx.bank.example"), "policy-store-unavailable") << key;
  }
  store_.failing_key = "[relay.example]:25";
  EXPECT_EQ(HeldByHop("[relay.example]"), "policy-store-unavailable");
}

TEST_F(ServedPolicyTest, ARowOfAnotherKeyIsDamage) {
  store_.Row(Key("bank.example")).key = Key("other.example");
  EXPECT_EQ(Held("bank.example"), "policy-store-unavailable");
}

// Between two questions of one lookup, the exact line moves to the parent: the
// mix of before and after would be "* may".
TEST_F(ServedPolicyTest, AReplacedSnapshotStartsTheLookupAgain) {
  store_.Put(".bank.example secure");
  store_.replacements = 1;
  store_.on_replace = [this] {
    store_.Put("mx.bank.example secure");
    store_.Row(Key(".bank.example")).line.reset();
  };
  EXPECT_EQ(Held("mx.bank.example"), "mx.bank.example secure");
  store_.on_replace = nullptr;
  store_.replacements = 1000;
  EXPECT_EQ(Held("mx.bank.example"), "policy-store-unavailable");
}

TEST_F(ServedPolicyTest, ANextHopHasOnlyItsOwnLine) {
  store_.Put("[relay.example]:465 secure");
  store_.Put("relay.example encrypt");
  store_.Put(".sub.example verify");
  store_.Put("hop.example:2525 hosted");
  EXPECT_EQ(HeldByHop("[relay.example]:465"), "[relay.example]:465 secure");
  EXPECT_EQ(HeldByHop("[relay.example]"), "no line");
  EXPECT_EQ(HeldByHop("relay.example"), "relay.example encrypt");
  EXPECT_EQ(HeldByHop("relay.example:587"), "relay.example encrypt");
  EXPECT_EQ(HeldByHop("a.sub.example"), ".sub.example verify");
  EXPECT_EQ(HeldByHop("[a.sub.example]"), "no line");
  EXPECT_EQ(HeldByHop("hop.example:2525"), "hop.example:2525 hosted");
  EXPECT_EQ(HeldByHop("hop.example"), "no line");
  EXPECT_EQ(HeldByHop("other.test"), "no line") << "'*' is no hop's own line";
  EXPECT_EQ(HeldByHop("[192.0.2.1]"), "no line");
}

TEST_F(ServedPolicyTest, AnAddressLiteralHasItsOwnLineOrTheDefault) {
  store_.Put("[192.0.2.1] encrypt");
  const auto own = LookUpLiteral(store_, *IpAddress::Parse("192.0.2.1"), now_);
  EXPECT_EQ(own->origin, "[192.0.2.1]:25");
  EXPECT_EQ(LookUpLiteral(store_, *IpAddress::Parse("192.0.2.2"), now_)->origin,
            "*");
}

// The precedence in one sentence, written as naively as can be.
std::string Oracle(const std::vector<std::string>& keys,
                   const std::string& domain) {
  std::string best = "*";
  for (const std::string& key : keys) {
    if (key == domain) return key;
    const bool covers =
        key.front() == '.' && domain.size() > key.size() &&
        domain.compare(domain.size() - key.size(), key.size(), key) == 0;
    if (covers && key.size() > best.size()) best = key;
  }
  return best;
}

TEST_F(ServedPolicyTest, AgreesWithANaiveOracle) {
  std::mt19937 random(7);
  constexpr const char* kLabels[] = {"a", "b", "ab", "example"};
  const auto any_domain = [&] {
    std::string text = kLabels[random() % 4];
    for (auto i = random() % 4; i > 0; --i) {
      text += "." + std::string(kLabels[random() % 4]);
    }
    return text;
  };
  for (int round = 0; round < 300; ++round) {
    MemoryStore store;
    store.Put("* may");
    std::vector<std::string> keys;
    for (auto i = random() % 12; i > 0; --i) {
      keys.push_back((random() % 2 == 0 ? "." : "") + any_domain());
      store.Put(keys.back() + " secure");
    }
    for (int i = 0; i < 20; ++i) {
      const std::string domain = any_domain();
      EXPECT_EQ(LookUpDomain(store, Name(domain), now_)->origin,
                Oracle(keys, domain))
          << domain;
    }
  }
}

}  // namespace
}  // namespace postern
