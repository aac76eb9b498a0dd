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

// Anybody's MX record may name the bank's server.
TEST_F(ProberTest, StrangersUseUpNothingOfAPartnersLooks) {
  ScriptedSmtpServer server(PresentingServer(good_));
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  const std::string to = std::to_string(server.port().value);
  const Plan plan = MakePlan();
  Prober prober({gate_, index_, AddressFilter({}, true), clock_},
                {.at_once = 4, .per_minute = 2});
  store_.Set("* encrypt");
  for (int i = 0; i < 3; ++i) {
    const std::string mx = "mx" + std::to_string(i) + ".stranger.test";
    resolver_.SetA(mx, Addresses({server.address().str()}));
    const Planned planned =
        gate_.MakePlan(TestDomain("stranger.test"),
                       NextHop::Parse("[" + mx + "]:" + to).value(),
                       Deadline::After(seconds(5)));
    EXPECT_EQ(Look(prober, std::get<Plan>(planned)).ok(), i < 2);
  }
  EXPECT_TRUE(Look(prober, plan));
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

// A server may send 100 kB of certificates, and anybody may have a server.
TEST_F(ProberTest, EvidenceIsBoundedInOctets) {
  constexpr std::size_t kChain = 10'000;
  EvidenceIndex index(clock_, {.octets = 5 * kChain});
  const Port port{25};
  const auto chain = [](int i) {
    DerCertificate der(kChain, 0);
    der[0] = static_cast<unsigned char>(i);
    return der;
  };
  const auto host = [](int i) {
    return HostName(TestDomain("mx" + std::to_string(i) + ".evil.test"));
  };
  const auto keep = [&](int i, const HostName& at) {
    index.Keep(at, port, TestAddress("192.0.2.1"), TlsEvidence({chain(i)}));
    clock_.later = clock_.later.load() + seconds(1);
  };
  const auto has = [&](int i, const HostName& at) {
    const DerCertificate der = chain(i);
    return index
        .Find(at, port,
              *Digest(DigestAlgorithm::kSha256,
                      {reinterpret_cast<const char*>(der.data()), der.size()}))
        .has_value();
  };
  keep(0, host(0));
  for (int i = 1; i < 100; ++i) {
    keep(i, host(i));
    // A plan has found it once more.
    index.NoteAddresses(host(0), port, {});
  }
  int kept = 0;
  for (int i = 0; i < 100; ++i) kept += has(i, host(i)) ? 1 : 0;
  EXPECT_EQ(kept, 5);
  EXPECT_TRUE(has(0, host(0)));
  EXPECT_TRUE(has(99, host(99)));
  // Of one host.
  for (int i = 0; i < 20; ++i) keep(i, host(0));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(has(i, host(0)), i >= 15) << i;
  // One that is larger than all that there is room for.
  EvidenceIndex small(clock_, {.octets = kChain - 1});
  small.Keep(host(0), port, TestAddress("192.0.2.1"), TlsEvidence({chain(0)}));
  EXPECT_FALSE(
      small.Last(host(0), port, TestAddress("192.0.2.1"), seconds(60)));
}

TEST_F(ProberTest, AClockThatIsSetBackMakesNothingLastLonger) {
  const Port port{25};
  const HostName host = TestDomain("mx1.bank.test");
  const IpAddress address = TestAddress("192.0.2.1");
  clock_.later = std::chrono::hours(24 * 365);
  index_.Keep(host, port, address, TlsEvidence({good_.der}));
  index_.NoteAddresses(host, port, {{address}});
  const std::string leaf = *ParseFingerprint(Fingerprint(good_));
  ASSERT_TRUE(index_.Find(host, port, leaf));
  clock_.later = seconds(0);
  EXPECT_FALSE(index_.Find(host, port, leaf));
  EXPECT_FALSE(index_.Last(host, port, address, seconds(60)));
  EXPECT_FALSE(index_.WasAt(host, port, address));
  index_.Keep(host, port, address, TlsEvidence({good_.der}));
  EXPECT_TRUE(index_.Find(host, port, leaf));
}

}  // namespace
}  // namespace postern
