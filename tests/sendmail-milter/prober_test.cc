// tests/sendmail-milter/prober_test.cc
//
// Looks are bounded, whoever asks for them; what they show is evidence of that
// host and of no other.
#include "core/gate/prober.h"

#include <future>

#include "tests/sendmail-milter/sendmail_fixture.h"

namespace postern {
namespace {

using std::chrono::seconds;

class ProberTest : public SendmailTest {
 protected:
  Plan MakePlan() {
    Planned planned = gate_.MakePlan(
        TestDomain("bank.test"), NextHop::ForDomain(TestDomain("bank.test")),
        Deadline::After(seconds(5)));
    return std::get<Plan>(std::move(planned));
  }
  Result<std::shared_ptr<const Connection>> Look(Prober& prober,
                                                 const Plan& plan) {
    const HostPlan& host = plan.hosts.front();
    return prober.Look(plan, host, host.facts.ips.front(), {},
                       Deadline::After(seconds(10)));
  }
  const TestCertificate good_ = MakeSelfSigned(ForHost("mx1.bank.test"));
};

TEST_F(ProberTest, WhoeverAsksMeanwhileWaitsForTheSameLook) {
  std::promise<void> came, go;
  std::shared_future<void> may = go.get_future().share();
  ScriptedSmtpServer server([&](ServerConnection& connection) {
    came.set_value();  // a second connection would throw
    may.wait();
    PresentingServer(good_)(connection);
  });
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  const Plan plan = MakePlan();
  auto first =
      std::async(std::launch::async, [&] { return Look(prober_, plan); });
  came.get_future().wait();
  const HostPlan& host = plan.hosts.front();
  const auto impatient =
      prober_.Look(plan, host, host.facts.ips.front(), {},
                   Deadline::After(std::chrono::milliseconds(10)));
  ASSERT_FALSE(impatient);
  EXPECT_EQ(impatient.error().reason(), Reason::kDeadlineExceeded);
  go.set_value();
  const auto found = first.get();
  ASSERT_TRUE(found);
  EXPECT_TRUE((*found)->verdict.pass());
  EXPECT_FALSE((*found)->session);
  EXPECT_EQ(server.Records().size(), 1u);
}

TEST_F(ProberTest, OneAddressIsNotLookedAtTooOften) {
  ScriptedSmtpServer server(PresentingServer(good_));
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  const Plan plan = MakePlan();
  Prober prober({gate_, index_, AddressFilter({}, true), clock_},
                {.at_once = 4, .per_minute = 2});
  EXPECT_TRUE(Look(prober, plan));
  EXPECT_TRUE(Look(prober, plan));
  const auto third = Look(prober, plan);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().reason(), Reason::kHostBusy);
  clock_.later = seconds(61);
  EXPECT_TRUE(Look(prober, plan));
  EXPECT_EQ(server.Records().size(), 3u);
}

TEST_F(ProberTest, StrangersDoNotLeadUsIntoOurNetwork) {
  resolver_.SetMx("bank.test", MxHosts({{10, "mx1.bank.test"}}));
  resolver_.SetA("mx1.bank.test", Addresses({"10.0.0.1"}));
  Pinned(good_);
  store_.Set("bank.test fingerprint");
  Prober prober({gate_, index_,
                 AddressFilter({TestAddress("192.0.2.1")}, false), clock_});
  const auto look = Look(prober, MakePlan());
  ASSERT_FALSE(look);
  EXPECT_EQ(look.error().reason(), Reason::kAddressNotAllowed);
  resolver_.SetA("mx1.bank.test", Addresses({"192.0.2.1"}));
  EXPECT_FALSE(Look(prober, MakePlan()));
}

TEST_F(ProberTest, ARelayThatConfigurationNamesMayBePrivate) {
  ScriptedSmtpServer server(PresentingServer(good_));
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  Prober prober({gate_, index_, AddressFilter({}, false), clock_});
  EXPECT_TRUE(Look(prober, MakePlan()));
}

TEST_F(ProberTest, EvidenceIsForgottenAndBounded) {
  const Port port{25};
  const HostName host = TestDomain("mx1.bank.test");
  EvidenceIndex index(clock_, {.age = seconds(60), .hosts = 2, .leaves = 2});
  const auto keep = [&](const TestCertificate& one, const HostName& at) {
    index.Keep(at, port, TestAddress("192.0.2.1"), TlsEvidence({one.der}));
    clock_.later = clock_.later.load() + seconds(1);
  };
  const auto find = [&](const TestCertificate& one, const HostName& at) {
    return index.Find(at, port, *ParseFingerprint(Fingerprint(one)))
        .has_value();
  };
  const TestCertificate more[] = {MakeSelfSigned(ForHost("a.test")),
                                  MakeSelfSigned(ForHost("a.test"))};
  keep(good_, host);
  EXPECT_TRUE(find(good_, host));
  EXPECT_FALSE(find(good_, TestDomain("mx2.bank.test")));
  EXPECT_FALSE(
      index.Find(host, Port{2525}, *ParseFingerprint(Fingerprint(good_))));
  keep(more[0], host);
  keep(more[1], host);
  EXPECT_FALSE(find(good_, host));
  keep(good_, TestDomain("b.test"));
  keep(good_, TestDomain("c.test"));
  EXPECT_FALSE(find(more[1], host));
  clock_.later = clock_.later.load() + seconds(60);
  EXPECT_FALSE(find(good_, TestDomain("c.test")));
}

}  // namespace
}  // namespace postern
