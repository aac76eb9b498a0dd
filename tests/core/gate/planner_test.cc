// tests/core/gate/planner_test.cc
//
// From a recipient and a next hop to a plan: what can't be found out defers,
// what is proven absent may bounce, and no source that fails makes a plan
// weaker.
#include "core/gate/planner.h"

#include <gtest/gtest.h>

#include "core/gate/explain.h"
#include "core/gate/plan_digest.h"
#include "tests/testlib/fake_resolver.h"
#include "tests/testlib/memory_policy_store.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

class FixedClock final : public Clock {
 public:
  TimePoint Now() const override { return TimePoint(hours(500'000)); }
};

class FirstOnes final : public Random {
 public:
  std::uint64_t Below(std::uint64_t) override { return 0; }
};

class NamedVerifier final : public Verifier {
 public:
  std::string_view name() const override { return "webpki"; }
  std::string Describe() const override { return "a name"; }
  Finding Check(const TlsEvidence&, TimePoint) const override {
    return Finding::Violated(Reason::kCertificateHostMismatch, "");
  }
};

// Stands for the web PKI: applies to every host, or fails to bind.
class ScriptedSource final : public PolicySource {
 public:
  class Bound final : public BoundSource {
   public:
    explicit Bound(std::vector<Security>* seen) : seen_(seen) {}
    Contribution ForHost(const HostFacts& host, Deadline) const override {
      seen_->push_back(host.mx);
      Contribution contribution;
      contribution.state = Contribution::State::kApplies;
      contribution.verifier = std::make_shared<NamedVerifier>();
      return contribution;
    }

   private:
    std::vector<Security>* seen_;
  };

  std::string_view name() const override { return "webpki"; }
  Result<std::unique_ptr<const BoundSource>> ForDestination(const Destination&,
                                                            Deadline) override {
    if (fails) return Error(Reason::kTrustStoreUnavailable, "gone");
    return std::unique_ptr<const BoundSource>(std::make_unique<Bound>(&seen));
  }
  bool fails = false;
  std::vector<Security> seen;  // of each host asked for, how its MX was found
};

// Stands for DANE or MTA-STS: says the same of every host.
class PublishedSource final : public PolicySource {
 public:
  class Bound final : public BoundSource {
   public:
    explicit Bound(Contribution says) : says_(std::move(says)) {}
    Contribution ForHost(const HostFacts&, Deadline) const override {
      return says_;
    }

   private:
    Contribution says_;
  };

  explicit PublishedSource(std::string_view name) : name_(name) {}
  std::string_view name() const override { return name_; }
  Result<std::unique_ptr<const BoundSource>> ForDestination(const Destination&,
                                                            Deadline) override {
    return std::unique_ptr<const BoundSource>(std::make_unique<Bound>(says));
  }
  Contribution says;

 private:
  std::string_view name_;
};

class PlannerTest : public testing::Test {
 protected:
  PlannerTest() {
    store_.Set("* may");
    resolver_.SetMx("bank.test",
                    MxHosts({{10, "mx1.bank.test"}, {20, "mx2.bank.test"}}));
    resolver_.SetA("mx1.bank.test", Addresses({"192.0.2.1"}));
    resolver_.SetA("mx2.bank.test", Addresses({"192.0.2.2"}));
    resolver_.SetA("relay.test", Addresses({"192.0.2.9"}));
  }

  Planned Make(std::string_view recipient, std::string_view hop) {
    return planner_.MakePlan(TestDomain(recipient), NextHop::Parse(hop).value(),
                             Deadline::After(seconds(5)));
  }
  static const Verdict& No(const Planned& planned) {
    return std::get<Verdict>(planned);
  }
  static const Plan& Yes(const Planned& planned) {
    return std::get<Plan>(planned);
  }

  MemoryPolicyStore store_;
  FakeResolver resolver_;
  FirstOnes random_;
  FixedClock clock_;
  Router router_{resolver_, random_, OwnIdentity{}};
  ScriptedSource webpki_;
  PolicySource* const sources_[1] = {&webpki_};
  std::vector<std::string> left_out_;
  Planner planner_{store_, router_, sources_, left_out_, nullptr, clock_};
};

TEST_F(PlannerTest, PlansEveryHostInOrderWithTheLineThatHolds) {
  store_.Set("bank.test secure");
  const Planned planned = Make("bank.test", "bank.test");

  const Plan& plan = Yes(planned);
  ASSERT_EQ(plan.hosts.size(), 2u);
  EXPECT_EQ(ToString(plan.hosts[0].facts.host), "mx1.bank.test");
  EXPECT_EQ(plan.hosts[0].tls, TlsUse::kRequired);
  EXPECT_EQ(plan.hosts[0].verifiers.size(), 1u);
  EXPECT_EQ(plan.destination.policy.line.level, Level::kSecure);
  EXPECT_TRUE(plan.destination.own_mx);
}

// A source has to know it as well: DANE rests on it.
TEST_F(PlannerTest, AHostListedInMxCountsAsSecurelyFound) {
  store_.Set("bank.test secure mx=mx1.bank.test");
  const Planned planned = Make("bank.test", "bank.test");
  EXPECT_EQ(webpki_.seen,
            (std::vector<Security>{Security::kSecure, Security::kInsecure}));
  EXPECT_EQ(Yes(planned).hosts[0].facts.mx, Security::kSecure);
  EXPECT_EQ(Yes(planned).hosts[1].refused->reason(), Reason::kMxNotAllowed);
}

TEST_F(PlannerTest, AStoreThatCannotBeReadDefers) {
  store_.Break();
  const Planned planned = Make("bank.test", "bank.test");
  EXPECT_EQ(No(planned).decision, Decision::kDefer);
  EXPECT_EQ(No(planned).reason, Reason::kPolicyStoreUnavailable);
}

TEST_F(PlannerTest, ASourceThatCannotBeBoundRefusesEveryHost) {
  store_.Set("bank.test secure");
  webpki_.fails = true;
  const Planned planned = Make("bank.test", "bank.test");
  for (const HostPlan& host : Yes(planned).hosts) {
    ASSERT_TRUE(host.refused);
    EXPECT_EQ(host.refused->reason(), Reason::kTrustStoreUnavailable);
  }
}

TEST_F(PlannerTest, AnUnprovenAbsenceBouncesOnlyWhereNothingHasToBeProven) {
  EXPECT_EQ(No(Make("gone.test", "gone.test")).decision, Decision::kBounce);
  EXPECT_EQ(No(Make("gone.test", "gone.test")).status, "5.1.2");

  store_.Set("gone.test secure");
  const Planned held = Make("gone.test", "gone.test");
  EXPECT_EQ(No(held).decision, Decision::kDefer);
  EXPECT_EQ(No(held).status.front(), '4');

  resolver_.SetMx("gone.test", NoDomain<MxRecord>(Security::kSecure));
  EXPECT_EQ(No(Make("gone.test", "gone.test")).decision, Decision::kBounce);
}

TEST_F(PlannerTest, ARelayThatDoesNotExistIsOurMistakeAndNeverBounces) {
  EXPECT_EQ(No(Make("bank.test", "no-such-relay.test")).decision,
            Decision::kDefer);
  store_.Set("bank.test encrypt route=no-such-relay.test");
  EXPECT_EQ(No(Make("bank.test", "bank.test")).decision, Decision::kDefer);
}

TEST_F(PlannerTest, AFailedLookupNeverBounces) {
  resolver_.SetMx("bank.test", Failed<MxRecord>());
  EXPECT_EQ(No(Make("bank.test", "bank.test")).decision, Decision::kDefer);
}

TEST_F(PlannerTest, AnAuthenticatingLineRefusesAHopItDoesNotName) {
  store_.Set("bank.test secure");
  const Planned planned = Make("bank.test", "[relay.test]");
  EXPECT_EQ(No(planned).reason, Reason::kRouteNotAllowed);
  EXPECT_EQ(No(planned).decision, Decision::kDefer);
  EXPECT_TRUE(resolver_.Questions().empty()) << "refused before any lookup";
}

TEST_F(PlannerTest, ADryRunPlansTheForbiddenHopAndRefusesItsHosts) {
  store_.Set("bank.test secure on-fail=deliver");
  const Planned planned = Make("bank.test", "[relay.test]");
  ASSERT_EQ(Yes(planned).hosts.size(), 1u);
  EXPECT_EQ(Yes(planned).hosts[0].refused->reason(), Reason::kRouteNotAllowed);
}

TEST_F(PlannerTest, RouteLeadsMailForTheDomainsOwnMxThroughTheNamedHops) {
  store_.Set("bank.test secure route=[relay.test]:465 wrapper=yes");
  const Planned planned = Make("bank.test", "bank.test");
  ASSERT_EQ(Yes(planned).hosts.size(), 1u);
  const HostPlan& host = Yes(planned).hosts[0];
  EXPECT_EQ(ToString(host.facts.host), "relay.test");
  EXPECT_EQ(host.facts.port.value, 465);
  EXPECT_TRUE(host.wrapper);
}

TEST_F(PlannerTest, AHopThatCannotBeFollowedIsNamedBesideTheOneThatCan) {
  store_.Set("bank.test secure route=gone.test,bank.test");
  const Planned planned = Make("bank.test", "bank.test");
  const Plan& plan = Yes(planned);
  EXPECT_EQ(plan.hosts.size(), 2u);
  ASSERT_EQ(plan.failed_hops.size(), 1u);
  EXPECT_EQ(plan.failed_hops[0].hop.str(), "gone.test");
  EXPECT_EQ(plan.failed_hops[0].error.reason(), Reason::kDomainNotFound);
  EXPECT_TRUE(plan.incomplete);
  const std::string json = PlanJson(plan);
  EXPECT_NE(json.find("\"failed_hops\":[{\"reason\":\"domain-not-found\""),
            std::string::npos)
      << json;
}

TEST_F(PlannerTest, AHopsOwnLineHoldsBesidesAWeakDomainLine) {
  store_.Set("[relay.test] secure");
  const Planned planned = Make("bank.test", "[relay.test]");
  ASSERT_EQ(Yes(planned).hosts.size(), 1u);
  EXPECT_EQ(Yes(planned).hosts[0].tls, TlsUse::kRequired);
  EXPECT_EQ(Yes(planned).hosts[0].verifiers.size(), 1u);
  EXPECT_EQ(Yes(planned).hop_policies.size(), 1u);
}

TEST_F(PlannerTest, AHopsOwnLineHoldsWhereRouteLeadsThereAsWell) {
  store_.Set("[relay.test] secure");
  resolver_.SetA("other.test", Addresses({"192.0.2.8"}));
  store_.Set("bank.test may route=[relay.test],[other.test]");
  for (const char* hop : {"bank.test", "[relay.test]", "[other.test]"}) {
    SCOPED_TRACE(hop);
    const Planned planned = Make("bank.test", hop);
    ASSERT_EQ(Yes(planned).hosts.size(), 2u);
    EXPECT_EQ(Yes(planned).hosts[0].verifiers.size(), 1u);
    EXPECT_EQ(Yes(planned).hosts[0].tls, TlsUse::kRequired);
    EXPECT_TRUE(Yes(planned).hosts[1].verifiers.empty());
  }
}

TEST_F(PlannerTest, TheDomainsOnFailDoesNotSpeakForAHopsOwnLine) {
  store_.Set("[relay.test] secure");
  store_.Set("bank.test encrypt on-fail=deliver-clear");
  EXPECT_EQ(Yes(Make("bank.test", "[relay.test]")).on_fail, OnFail::kDefer);
  EXPECT_EQ(Yes(Make("bank.test", "bank.test")).on_fail, OnFail::kDeliverClear);
}

TEST_F(PlannerTest, APlanNoLongerHoldsOnceALineOrPinOfItsChanges) {
  store_.Set("bank.test encrypt");
  store_.Set("[relay.test] encrypt");
  const Planned own = Make("bank.test", "bank.test");
  const Planned relayed = Make("bank.test", "[relay.test]");
  EXPECT_TRUE(planner_.StillHolds(Yes(own)));
  EXPECT_TRUE(planner_.StillHolds(Yes(relayed)));

  store_.Set("[relay.test] secure");
  EXPECT_TRUE(planner_.StillHolds(Yes(own)));
  EXPECT_FALSE(planner_.StillHolds(Yes(relayed)));

  store_.Set("bank.test secure");
  EXPECT_FALSE(planner_.StillHolds(Yes(own)));
  store_.Set("bank.test encrypt");
  EXPECT_TRUE(planner_.StillHolds(Yes(own)));
  store_.Break();
  EXPECT_FALSE(planner_.StillHolds(Yes(own)));
}

TEST_F(PlannerTest, PublishedLevelsAreNeverSilentlyWeaker) {
  for (const char* line : {"bank.test dane", "bank.test dane-only",
                           "bank.test sts", "bank.test auto"}) {
    SCOPED_TRACE(line);
    store_.Set(line);
    const Planned planned = Make("bank.test", "bank.test");
    for (const HostPlan& host : Yes(planned).hosts) {
      ASSERT_TRUE(host.refused);
      EXPECT_EQ(host.refused->reason(), Reason::kVerifierNotBuiltIn);
    }
  }
}

TEST_F(PlannerTest, AutoIsItsFloorOnlyWhenBothPublishedSourcesAreLeftOut) {
  store_.Set("bank.test auto floor=encrypt");
  left_out_ = {"dane"};
  Planner one{store_, router_, sources_, left_out_, nullptr, clock_};
  const Planned held =
      one.MakePlan(TestDomain("bank.test"), NextHop::Parse("bank.test").value(),
                   Deadline::After(seconds(5)));
  EXPECT_TRUE(Yes(held).hosts[0].refused);

  const std::vector<std::string> both{"dane", "mta-sts"};
  Planner two{store_, router_, sources_, both, nullptr, clock_};
  const Planned floor =
      two.MakePlan(TestDomain("bank.test"), NextHop::Parse("bank.test").value(),
                   Deadline::After(seconds(5)));
  EXPECT_FALSE(Yes(floor).hosts[0].refused);
  EXPECT_EQ(Yes(floor).hosts[0].tls, TlsUse::kRequired);
}

// What is published is looked at for explain and check, and changes nothing
// that is required.
class SurveyTest : public PlannerTest {
 protected:
  SurveyTest() {
    dane_.says.state = Contribution::State::kApplies;
    dane_.says.verifier = std::make_shared<NamedVerifier>();
    dane_.says.published = PublishedPolicy{};
  }
  HostPlan Look(const std::string& line) {
    store_.Set(line);
    Plan plan = std::get<Plan>(
        planner_.MakePlan(TestDomain("bank.test"),
                          NextHop::Parse("bank.test").value(), Within()));
    const std::string digest = plan.digest;
    planner_.NotePublished(plan, Within());
    EXPECT_EQ(DigestOf(plan), digest);
    return plan.hosts.at(0);
  }
  static Deadline Within() { return Deadline::After(seconds(5)); }

  PublishedSource dane_{"dane"}, sts_{"mta-sts"};
  PolicySource* const all_[3] = {&dane_, &sts_, &webpki_};
  Planner planner_{store_, router_, all_, left_out_, nullptr, clock_};
};

TEST_F(SurveyTest, SaysWhereALineIsWeakerThanWhatIsPublished) {
  for (const char* weak : {"none", "may", "encrypt"}) {
    SCOPED_TRACE(weak);
    const HostPlan host = Look("bank.test " + std::string(weak));
    EXPECT_NE(host.weaker, "");
    EXPECT_EQ(host.policies.size(), 1u);
    EXPECT_TRUE(host.verifiers.empty());
    EXPECT_FALSE(host.published);
  }
  for (const char* enough : {"secure", "dane", "auto", "may also=auto"}) {
    SCOPED_TRACE(enough);
    const HostPlan host = Look("bank.test " + std::string(enough));
    EXPECT_EQ(host.weaker, "");
    EXPECT_EQ(host.policies.size(), 1u);
  }
}

TEST_F(SurveyTest, UnusableRecordsStillAskForTls) {
  dane_.says.state = Contribution::State::kUnusable;
  EXPECT_NE(Look("bank.test may").weaker, "");
  EXPECT_EQ(Look("bank.test encrypt").weaker, "");
}

TEST_F(SurveyTest, WhatCouldNotBeFoundOutIsSaidAndRefusesNothing) {
  dane_.says = {};
  dane_.says.state = Contribution::State::kHostFailed;
  dane_.says.reason = Reason::kDnsLookupFailed;
  const HostPlan host = Look("bank.test may");
  EXPECT_NE(host.weaker.find("could not be found out"), std::string::npos);
  EXPECT_FALSE(host.refused);

  dane_.says = {};
  EXPECT_EQ(Look("bank.test may").weaker, "");
}

TEST_F(PlannerTest, TheDigestFollowsWhatDecides) {
  store_.Set("bank.test secure");
  const std::string before = Yes(Make("bank.test", "bank.test")).digest;
  EXPECT_EQ(before.size(), 64u);
  EXPECT_EQ(Yes(Make("bank.test", "bank.test")).digest, before);
  store_.Set("bank.test secure match=other.test");
  EXPECT_NE(Yes(Make("bank.test", "bank.test")).digest, before);
}

TEST_F(PlannerTest, ALiteralHasOnlyItsOwnLineOrTheDefault) {
  store_.Set("[192.0.2.7] encrypt");
  const NextHop hop = NextHop::Parse("[192.0.2.7]").value();
  const Planned planned = planner_.MakePlan(TestAddress("192.0.2.7"), hop,
                                            Deadline::After(seconds(5)));
  EXPECT_EQ(Yes(planned).hosts.at(0).tls, TlsUse::kRequired);
  const Planned other = planner_.MakePlan(TestAddress("192.0.2.8"),
                                          NextHop::Parse("[192.0.2.8]").value(),
                                          Deadline::After(seconds(5)));
  EXPECT_EQ(Yes(other).hosts.at(0).tls, TlsUse::kOpportunistic);
}

}  // namespace
}  // namespace postern
