// tests/exim-dlfunc/exim_door_test.cc
//
// What docs/protocol.md promises of the door `exim`: only a connection to a
// host of the plan that shows what the plan asks for may carry mail; whatever
// is missing, stale or strange is a defer.
#include "exim-dlfunc/exim_door.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "core/x509/base64.h"
#include "plugins/pin/pin_source.h"
#include "tests/testlib/certificates.h"
#include "tests/testlib/fake_resolver.h"
#include "tests/testlib/memory_policy_store.h"

namespace postern {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class FirstOnes final : public Random {
 public:
  std::uint64_t Below(std::uint64_t) override { return 0; }
};

class RecordingSink final : public SessionSink {
 public:
  void OnSession(const SessionRecord& record) noexcept override {
    records.push_back(record);
  }
  std::vector<SessionRecord> records;
};

std::string Base64(const DerCertificate& der) {
  return ToBase64(std::string(der.begin(), der.end()));
}

class EximDoorTest : public testing::Test {
 protected:
  EximDoorTest() {
    store_.Set("* may");
    store_.Set("bank.test fingerprint");
    Pin pin;
    pin.key = "bank.test";
    pin.kind = PinKind::kSpki;
    pin.digest = good_.key.spki_hash();
    store_.AddPin(pin);
    resolver_.SetMx("bank.test",
                    MxHosts({{10, "mx1.bank.test"}, {20, "mx2.bank.test"}}));
    resolver_.SetA("mx1.bank.test", Addresses({"192.0.2.1"}));
    resolver_.SetA("mx2.bank.test", Addresses({"192.0.2.2"}));
    resolver_.SetMx("village.test", MxHosts({{10, "mx1.bank.test"}}));
  }

  std::string PlanFor(const std::string& domain,
                      const std::string& queue_id = "m1") {
    const Reply reply =
        door_.Answer({"plan", {{"domain", domain}, {"queue-id", queue_id}}});
    EXPECT_EQ(reply.word, "plan") << reply.rest;
    return reply.rest;
  }

  // A request of the gate; `changes` replace fields.
  Request Gate(const std::string& address_data, const TestCertificate& leaf,
               std::vector<std::pair<std::string, std::string>> changes = {}) {
    Request request{"judge",
                    {{"stage", "mail"},
                     {"queue-id", "m1"},
                     {"domain", "bank.test"},
                     {"host", "mx1.bank.test"},
                     {"address", "192.0.2.1"},
                     {"port", "25"},
                     {"address-data", address_data},
                     {"tls-version", "TLS1.3"},
                     {"cipher", "TLS_AES_256_GCM_SHA384"},
                     {"server-name", "mx1.bank.test"},
                     {"chain", Base64(leaf.der)}}};
    for (const auto& [key, value] : changes) {
      for (auto& field : request.fields) {
        if (field.first == key) field.second = value;
      }
    }
    return request;
  }

  Request Event(const std::string& name, const std::string& address_data,
                const std::string& number = "0", const std::string& data = "") {
    return {"event",
            {{"name", name},
             {"errno", number},
             {"data", data},
             {"queue-id", "m1"},
             {"domain", "bank.test"},
             {"host", "mx1.bank.test"},
             {"address", "192.0.2.1"},
             {"port", "25"},
             {"address-data", address_data}}};
  }

  const TestCertificate good_ = MakeSelfSigned(ForHost("mx1.bank.test"));
  const TestCertificate other_ = MakeSelfSigned(ForHost("mx1.bank.test"));
  FakeResolver resolver_;
  FirstOnes random_;
  MemoryPolicyStore store_;
  Router router_{resolver_, random_, {}};
  TlsClient tls_;
  SystemClock clock_;
  std::unique_ptr<PolicySource> pins_ = MakePinSource();
  std::vector<PolicySource*> sources_{pins_.get()};
  postern::Gate gate_{postern::Gate::Parts{
      store_, resolver_, router_, sources_, {}, tls_, clock_, "mta.test", {}}};
  RecordingSink sink_;
  EximDoor door_{gate_, sink_, clock_};
};

TEST_F(EximDoorTest, ThePlanTellsEximWhatItsOptionsDeriveFrom) {
  const std::string strict = PlanFor("bank.test");
  EXPECT_THAT(strict, HasSubstr(" action=deliver level=fingerprint strict=yes "
                                "tls=required transport=smtp "));
  EXPECT_THAT(strict, HasSubstr("hosts=<+mx1.bank.test:25+mx2.bank.test:25"));
  EXPECT_THAT(PlanFor("village.test"),
              HasSubstr("strict=no tls=opportunistic"));
}

TEST_F(EximDoorTest, WhatMayWaitIsItsDestinations) {
  for (const char* verb : {"plan", "judge"}) {
    EXPECT_EQ(EximDoor::OwnerOf({verb, {{"domain", "Bank.TEST."}}}),
              "bank.test");
  }
  EXPECT_EQ(EximDoor::OwnerOf({"event", {{"domain", "bank.test"}}}), "");
  EXPECT_EQ(EximDoor::OwnerOf({"plan", {}}), "");
}

TEST_F(EximDoorTest, AHostThatWantsALoginIsNotOffered) {
  const std::string path =
      testing::TempDir() + "exim-door." + std::to_string(getpid());
  std::ofstream(path) << "[relay.test]:587 alice s3cret\n";
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  CredentialStore credentials(path);
  postern::Gate gate{postern::Gate::Parts{store_,
                                          resolver_,
                                          router_,
                                          sources_,
                                          {},
                                          tls_,
                                          clock_,
                                          "mta.test",
                                          {},
                                          &credentials}};
  EximDoor door(gate, sink_, clock_);
  resolver_.SetA("relay.test", Addresses({"192.0.2.7"}));
  store_.Set("club.test fingerprint route=[relay.test]:587");
  Pin pin;
  pin.key = "club.test";
  pin.kind = PinKind::kSpki;
  pin.digest = good_.key.spki_hash();
  store_.AddPin(pin);
  const Reply reply =
      door.Answer({"plan", {{"domain", "club.test"}, {"queue-id", "m1"}}});
  EXPECT_EQ(reply.word, "deferred");
  EXPECT_THAT(reply.rest, AllOf(StartsWith("4.7.0 credentials-withheld: "),
                                HasSubstr("log in before anything is judged"),
                                HasSubstr("hint: let the relay take"),
                                Not(HasSubstr("authenticating level"))));
  ASSERT_EQ(sink_.records.size(), 1u);
  EXPECT_EQ(sink_.records.back().outcome, "refused");
  unlink(path.c_str());
}

TEST_F(EximDoorTest, NoHostIsTheLastOneToAGreetingThatRejects) {
  EXPECT_THAT(PlanFor("bank.test"), HasSubstr("+255.255.255.255:25"));
}

TEST_F(EximDoorTest, OnlyThePinnedKeyMayCarryTheMessage) {
  const std::string plan = PlanFor("bank.test");
  EXPECT_EQ(door_.Answer(Gate(plan, good_)), (Reply{"pass", ""}));
  const Reply reply = door_.Answer(Gate(plan, other_));
  EXPECT_EQ(reply.word, "deferred");
  EXPECT_THAT(reply.rest, StartsWith("4.7.5 pin-mismatch: "));
}

// Way 6 of docs/quickstart-exim.md: pins count at depth 0 only.
TEST_F(EximDoorTest, APinnedCertificateThatIsOnlyAppendedIsRefused) {
  const std::string chain = Base64(other_.der) + "," + Base64(good_.der);
  const Reply reply =
      door_.Answer(Gate(PlanFor("bank.test"), other_, {{"chain", chain}}));
  EXPECT_THAT(reply.rest, StartsWith("4.7.5 pin-mismatch: "));
}

TEST_F(EximDoorTest, RefusesEveryOtherStateOfTheConnection) {
  const std::string plan = PlanFor("bank.test");
  const struct {
    const char* what;
    std::vector<std::pair<std::string, std::string>> changes;
    const char* reason;
  } cases[] = {
      {"cleartext",
       {{"tls-version", ""}, {"chain", ""}},
       "starttls-not-supported"},
      {"no certificate", {{"chain", ""}}, "certificate-missing"},
      {"an old version", {{"tls-version", "TLS1.1"}}, "tls-handshake-failed"},
      {"octets that are no base64", {{"chain", "%%"}}, "certificate-malformed"},
      {"a host of nobody", {{"host", "mx9.bank.test"}}, "mx-not-allowed"},
      {"another port", {{"port", "2525"}}, "mx-not-allowed"},
      {"another destination", {{"domain", "village.test"}}, "request-invalid"},
      {"no plan", {{"address-data", "x"}}, "request-invalid"},
      {"a plan that never was",
       {{"address-data", "plan=00 action=deliver tls=never"}},
       "policy-changed"},
      {"no domain (multi_domain)", {{"domain", ""}}, "request-invalid"},
      {"no address", {{"address", "nowhere"}}, "request-invalid"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    const Reply reply = door_.Answer(Gate(plan, good_, c.changes));
    EXPECT_THAT(reply.word, testing::AnyOf("deferred", "error"));
    EXPECT_THAT(reply.rest, StartsWith("4."));
    EXPECT_THAT(reply.rest, HasSubstr(c.reason));
  }
}

TEST_F(EximDoorTest, AServiceThatHasForgottenThePlanMakesItAgain) {
  const std::string plan = PlanFor("bank.test");
  EximDoor restarted(gate_, sink_, clock_);
  EXPECT_EQ(restarted.Answer(Gate(plan, good_)).word, "pass");
  store_.Set("bank.test fingerprint mx=mx2.bank.test");
  EximDoor changed(gate_, sink_, clock_);
  EXPECT_THAT(changed.Answer(Gate(plan, good_)).rest,
              HasSubstr("policy-changed"));
}

TEST_F(EximDoorTest, APlanForAnotherPortIsMadeAgainForThatPort) {
  const Reply plan = door_.Answer(
      {"plan", {{"domain", "bank.test"}, {"nexthop", "bank.test:2525"}}});
  ASSERT_EQ(plan.word, "plan") << plan.rest;
  EXPECT_THAT(plan.rest, HasSubstr(" hop=bank.test:2525 "));
  EximDoor restarted(gate_, sink_, clock_);
  EXPECT_EQ(restarted.Answer(Gate(plan.rest, good_, {{"port", "2525"}})),
            (Reply{"pass", ""}));
  EXPECT_THAT(PlanFor("bank.test"), Not(HasSubstr(" hop=")));
}

TEST_F(EximDoorTest, APolicyCommitBitesBetweenPlanAndGate) {
  const std::string plan = PlanFor("bank.test");
  store_.Set("bank.test secure");
  EXPECT_THAT(door_.Answer(Gate(plan, good_)).rest,
              HasSubstr("policy-changed"));
}

TEST_F(EximDoorTest, TheVetoJudgesTheChainAndNotTheVersion) {
  const std::string plan = PlanFor("bank.test");
  const auto veto = [&](const TestCertificate& leaf) {
    return door_.Answer(
        Gate(plan, leaf, {{"stage", "certificate"}, {"tls-version", ""}}));
  };
  EXPECT_EQ(veto(good_).word, "pass");
  EXPECT_EQ(veto(other_).word, "deferred");
}

TEST_F(EximDoorTest, CertificatesToldOneByOneAreUsedForTheirLeafOnly) {
  const auto tell = [&](const char* depth, const TestCertificate& one) {
    return door_.Answer({"certificate",
                         {{"queue-id", "m1"},
                          {"domain", "bank.test"},
                          {"host", "mx1.bank.test"},
                          {"depth", depth},
                          {"certificate", Base64(one.der)}}});
  };
  EXPECT_EQ(tell("1", other_).word, "pass");
  EXPECT_EQ(tell("0", good_).word, "pass");
  ASSERT_EQ(door_.Answer(Gate(PlanFor("bank.test"), good_)).word, "pass");
  door_.Answer(Event("msg-delivery", PlanFor("bank.test"), "0", "250 taken"));
  ASSERT_FALSE(sink_.records.empty());
  EXPECT_EQ(sink_.records.back().evidence.chain().size(), 2u);
  // A leaf of another connection brings no chain with it.
  (void)door_.Answer(Gate(PlanFor("bank.test"), other_));
  EXPECT_EQ(sink_.records.back().evidence.chain().size(), 1u);
}

TEST_F(EximDoorTest, OneRecordTellsVerdictAndOutcome) {
  const std::string plan = PlanFor("bank.test");
  EXPECT_EQ(door_.Answer(Gate(plan, good_, {{"stage", "host"}})).word, "pass");
  EXPECT_EQ(door_.Answer(Gate(plan, good_)).word, "pass");
  EXPECT_TRUE(sink_.records.empty());
  EXPECT_EQ(door_.Answer(Event("msg-delivery", plan, "0", "250 taken")).word,
            "noted");
  ASSERT_EQ(sink_.records.size(), 1u);
  EXPECT_EQ(sink_.records[0].outcome, "delivered");
  EXPECT_EQ(sink_.records[0].reply, "250 taken");
  EXPECT_EQ(sink_.records[0].door, "exim");
  EXPECT_EQ(sink_.records[0].evidence.protocol, "TLSv1.3");
}

TEST_F(EximDoorTest, WhatHasNoEndOfItsOwnWasDeferred) {
  const std::string plan = PlanFor("bank.test");
  (void)door_.Answer(Gate(plan, good_));
  Request past = Event("msg-host-defer", plan, "101", "unreachable");
  for (auto& field : past.fields) {
    if (field.first == "host") field.second = "255.255.255.255";
  }
  EXPECT_EQ(door_.Answer(past).word, "noted");
  ASSERT_EQ(sink_.records.size(), 1u);
  EXPECT_EQ(sink_.records[0].outcome, "deferred");
  // The next attempt says so as well, and what nobody says is not lost.
  (void)door_.Answer(Gate(plan, good_));
  (void)PlanFor("bank.test");
  ASSERT_EQ(sink_.records.size(), 2u);
  EXPECT_EQ(sink_.records[1].outcome, "deferred");
  {
    EximDoor stopped(gate_, sink_, clock_);
    EXPECT_EQ(stopped.Answer(Gate(plan, good_)).word, "pass");
  }
  EXPECT_EQ(sink_.records.back().outcome, "unreported");
}

TEST_F(EximDoorTest, AFailureBeforeTheVerdictHasItsReason) {
  const std::string plan = PlanFor("bank.test");
  const struct {
    const char *name, *number, *data, *reason;
  } cases[] = {
      {"tls-fail-connect", "0", "(gnutls_handshake): x",
       "tls-handshake-failed"},
      {"msg-host-defer", "-38",
       "a TLS session is required, but the server did not offer TLS support",
       "4.7.4 starttls-not-supported"},
      {"msg-host-defer", "-38",
       "a TLS session is required, but an attempt to start TLS failed",
       "4.7.4 starttls-refused"},
      {"msg-host-defer", "-37", "TLS session: synch error before connect",
       "tls-plaintext-injected"},
      {"msg-host-defer", "111", "Connection refused", "connection-failed"},
      {"msg-host-defer", "-43", "timed out", "connection-timeout"},
      {"msg-host-defer", "0",
       "SMTP error from remote mail server after initial connection: 554 no",
       "greeting-refused"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.reason);
    const Reply reply = door_.Answer(Event(c.name, plan, c.number, c.data));
    EXPECT_EQ(reply.word, "noted");
    EXPECT_THAT(reply.rest, HasSubstr(c.reason));
    EXPECT_EQ(sink_.records.back().outcome, "refused");
  }
  // What the gate has refused by itself is not told twice.
  const std::size_t before = sink_.records.size();
  EXPECT_EQ(door_.Answer(Event("msg-host-defer", plan, "-42", "auth")),
            (Reply{"noted", ""}));
  EXPECT_EQ(sink_.records.size(), before);
}

TEST_F(EximDoorTest, OnFailBounceTakesEveryHostAndOneAttemptMore) {
  store_.Set("bank.test fingerprint on-fail=bounce");
  const std::string plan = PlanFor("bank.test");
  EXPECT_EQ(door_.Answer(Gate(plan, other_)).word, "deferred");
  EXPECT_THAT(PlanFor("bank.test"), HasSubstr("action=deliver"));
  const std::vector<std::pair<std::string, std::string>> second{
      {"host", "mx2.bank.test"}, {"address", "192.0.2.2"}};
  EXPECT_EQ(door_.Answer(Gate(plan, other_, second)).word, "deferred");
  EXPECT_THAT(PlanFor("bank.test"),
              HasSubstr("action=bounce text=\"5.7.5 pin-mismatch: "));
  // Another message begins anew.
  EXPECT_THAT(PlanFor("bank.test", "m2"), HasSubstr("action=deliver"));
}

TEST_F(EximDoorTest, OnFailBounceNeverForAHostThatCouldNotBeAsked) {
  store_.Set("bank.test fingerprint on-fail=bounce");
  const std::string plan = PlanFor("bank.test");
  (void)door_.Answer(Event("msg-host-defer", plan, "111", "refused"));
  (void)door_.Answer(Gate(
      plan, other_, {{"host", "mx2.bank.test"}, {"address", "192.0.2.2"}}));
  EXPECT_THAT(PlanFor("bank.test"), HasSubstr("action=deliver"));
}

TEST_F(EximDoorTest, OnFailDeliverPassesOverANoOnlyInTheSecondPass) {
  store_.Set("bank.test fingerprint on-fail=deliver mx=mx1.bank.test");
  const std::string first = PlanFor("bank.test");
  // Whoever writes "anyway" by himself gets nothing.
  EXPECT_EQ(door_.Answer(Gate(first + " anyway=yes", other_)).word, "deferred");
  const std::string second = PlanFor("bank.test");
  EXPECT_THAT(second, HasSubstr("anyway=yes"));
  EXPECT_THAT(second, HasSubstr("tls=required"));
  EXPECT_EQ(door_.Answer(Gate(second, other_)).word, "pass");
  door_.Answer(Event("msg-delivery", second));
  EXPECT_EQ(sink_.records.back().verdict.decision, Decision::kDeliverAnyway);
  // Not in clear, and not for another message.
  EXPECT_EQ(
      door_.Answer(Gate(second, other_, {{"tls-version", ""}, {"chain", ""}}))
          .word,
      "deferred");
  EXPECT_EQ(door_.Answer(Gate(second, other_, {{"queue-id", "m2"}})).word,
            "deferred");
}

TEST_F(EximDoorTest, PlanningThatEndsInANoIsADeferOrAProvenBounce) {
  resolver_.SetMx("gone.test", Failed<MxRecord>());
  const Reply reply = door_.Answer({"plan", {{"domain", "gone.test"}}});
  EXPECT_EQ(reply.word, "deferred");
  EXPECT_THAT(reply.rest, StartsWith("4.4.3 dns-lookup-failed"));
  store_.Break();
  EXPECT_THAT(door_.Answer({"plan", {{"domain", "bank.test"}}}).rest,
              HasSubstr("policy-store-unavailable"));
}

TEST_F(EximDoorTest, RefusesEveryOtherRequest) {
  const Request cases[] = {
      {"deliver", {}},
      {"plan", {}},
      {"plan", {{"domain", "a..test"}}},
      {"plan", {{"domain", "a.test"}, {"nexthop", "a b"}}},
      {"plan", {{"domain", "a.test"}, {"more", ""}}},
      {"judge", {}},
      {"event", {{"name", "msg-delivery"}}},
      {"certificate",
       {{"domain", "a.test"},
        {"host", "b"},
        {"depth", "x"},
        {"certificate", "AAAA"}}},
  };
  for (const Request& request : cases) {
    SCOPED_TRACE(*FormatRequest(request));
    EXPECT_EQ(door_.Answer(request).word, "error");
  }
}

TEST(AddressDataText, IsReadBackAndNeverGuessed) {
  EXPECT_FALSE(ParseAddressData("").ok());
  EXPECT_FALSE(ParseAddressData("plan=none action=bounce text=\"x\"").ok());
  EXPECT_FALSE(ParseAddressData("action=deliver").ok());
  EXPECT_FALSE(ParseAddressData("plan=ab hop=[").ok());
  const auto data = ParseAddressData(
      "plan=ab action=deliver hop=[relay.test]:465 anyway=yes");
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->digest, "ab");
  EXPECT_EQ(data->hop->str(), "[relay.test]:465");
  EXPECT_TRUE(data->anyway);
  EXPECT_THAT(ToBounce("5.1.10", "say \"no\" \\ now\n"),
              HasSubstr("text=\"5.1.10 say \\\"no\\\" \\\\ now \""));
}

}  // namespace
}  // namespace postern
