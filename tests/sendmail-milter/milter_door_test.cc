// tests/sendmail-milter/milter_door_test.cc
//
// What docs/protocol.md promises of the door `sendmail`: a recipient goes on
// where mail to it could leave; the rest waits, or is told for good only what
// is proven.
#include "sendmail-milter/milter_door.h"

#include <gmock/gmock.h>

#include <fstream>

#include "tests/sendmail-milter/sendmail_fixture.h"
#include "tests/testlib/served_map.h"

namespace postern {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class MilterDoorTest : public SendmailTest {
 protected:
  Reply Ask(const std::string& domain, const std::string& hop = "") {
    return Say({"recipient",
                {{"domain", domain},
                 {"nexthop", hop.empty() ? domain : hop},
                 {"queue-id", "Q1"}}});
  }
  // As the map's server has it.
  Reply Say(const Request& request) {
    const SocketMapQuery query = ToQuery(request).value();
    auto reply = door_.Known(query);
    was_known_ = reply.has_value();
    if (!reply) {
      reply = door_.Find(query, Deadline::After(std::chrono::seconds(20)), -1);
    }
    return FromMapReply(*reply).value();
  }
  bool was_known_ = false;
  const TestCertificate good_ = MakeSelfSigned(ForHost("mx1.bank.test"));
  const TestCertificate other_ = MakeSelfSigned(ForHost("mx1.bank.test"));
  const TemporaryDirectory directory_;
  const std::string policy_ = directory_ / "policy.db";
  MilterDoor door_{{gate_, index_, prober_, plans_, sink_, clock_, policy_}};
};

TEST_F(MilterDoorTest, WhatNeedsNoProofIsNotLookedAt) {
  resolver_.SetMx("village.test", MxHosts({{10, "mx.village.test"}}));
  resolver_.SetA("mx.village.test", Addresses({"192.0.2.7"}));
  EXPECT_EQ(Ask("village.test"), (Reply{"pass", ""}));
  EXPECT_TRUE(sink_.records.empty());
}

TEST_F(MilterDoorTest, WhatIsKnownIsAnsweredWithoutWaiting) {
  ScriptedSmtpServer server(PresentingServer(good_));
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  resolver_.SetMx("village.test", MxHosts({{10, "mx.village.test"}}));
  resolver_.SetA("mx.village.test", Addresses({"192.0.2.7"}));
  for (const char* domain : {"bank.test", "village.test"}) {
    EXPECT_EQ(Ask(domain).word, "pass");
    EXPECT_FALSE(was_known_);
    EXPECT_EQ(Ask(domain).word, "pass");
    EXPECT_TRUE(was_known_);
  }
}

TEST_F(MilterDoorTest, OnlyAPassOfThePolicysHasTerms) {
  ScriptedSmtpServer server(PresentingServer(good_));
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  resolver_.SetMx("village.test", MxHosts({{10, "mx.village.test"}}));
  resolver_.SetA("mx.village.test", Addresses({"192.0.2.7"}));
  EXPECT_EQ(Ask("village.test"), (Reply{"pass", ""}));  // there is no file
  std::ofstream(policy_) << "x";
  EXPECT_EQ(TermsOf(Ask("village.test")),
            (PassTerms{PublishedFile::Now(policy_), MilterDoor::kHold}));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Ask("bank.test"), (Reply{"pass", ""}));
  }
}

TEST_F(MilterDoorTest, TermsEndWithThePlan) {
  std::ofstream(policy_) << "x";
  store_.Set("village.test may until=2027-01-15T08:00:03Z");
  resolver_.SetMx("village.test", MxHosts({{10, "mx.village.test"}}));
  resolver_.SetA("mx.village.test", Addresses({"192.0.2.7"}));
  clock_.later = std::chrono::duration_cast<std::chrono::seconds>(
      *ParseTime("2027-01-15T08:00:00Z") -
      TimePoint(std::chrono::hours(500'000)));
  const auto terms = TermsOf(Ask("village.test"));
  ASSERT_TRUE(terms);
  EXPECT_EQ(terms->hold, std::chrono::seconds(3));
}

TEST_F(MilterDoorTest, APolicyThatChangesDuringALookHasNotPassed) {
  ScriptedSmtpServer server([this](ServerConnection& connection) {
    store_.Set("bank.test fingerprint owner=somebody");
    PresentingServer(good_)(connection);
  });
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  const Reply reply = Ask("bank.test");
  EXPECT_EQ(reply.word, "deferred");
  EXPECT_THAT(reply.rest, HasSubstr("policy-changed"));
}

TEST_F(MilterDoorTest, ALookIsRememberedAndSendsNothing) {
  ScriptedSmtpServer server(PresentingServer(good_));
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  EXPECT_EQ(Ask("bank.test"), (Reply{"pass", ""}));
  EXPECT_EQ(Ask("bank.test"), (Reply{"pass", ""}));
  const auto records = server.Records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_FALSE(records[0].Saw("MAIL"));
  EXPECT_TRUE(records[0].Saw("QUIT"));
  ASSERT_EQ(sink_.records.size(), 1u);
  EXPECT_EQ(sink_.records[0].door, "milter");
  EXPECT_EQ(sink_.records[0].outcome, "looked");
  clock_.later = std::chrono::seconds(120);
  EXPECT_EQ(Ask("bank.test"), (Reply{"pass", ""}));
  EXPECT_EQ(server.Records(2).size(), 2u);
}

TEST_F(MilterDoorTest, AWrongKeyWaits) {
  ScriptedSmtpServer server(PresentingServer(other_));
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  const Reply reply = Ask("bank.test");
  EXPECT_EQ(reply.word, "deferred");
  EXPECT_THAT(reply.rest, StartsWith("4.7.5 pin-mismatch: "));
}

TEST_F(MilterDoorTest, ARefusalServesTheNextRecipientsAndNoLonger) {
  ScriptedSmtpServer server(PresentingServer(other_));
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  for (int i = 0; i < 20; ++i) {
    EXPECT_THAT(Ask("bank.test").rest, StartsWith("4.7.5 pin-mismatch: "));
  }
  EXPECT_EQ(server.Records().size(), 1u);
  // Each is recorded, and the chain as seen once.
  ASSERT_EQ(sink_.records.size(), 20u);
  EXPECT_EQ(sink_.records.front().outcome, "looked");
  EXPECT_TRUE(sink_.records.front().evidence.has_certificate());
  const SessionRecord& last = sink_.records.back();
  EXPECT_EQ(last.outcome, "refused");
  EXPECT_EQ(last.queue_id, "Q1");
  EXPECT_EQ(last.verdict.reason, Reason::kPinMismatch);
  EXPECT_EQ(last.evidence.protocol, "TLSv1.3");
  EXPECT_FALSE(last.evidence.has_certificate());
  clock_.later = MilterDoor::kAgain;
  EXPECT_THAT(Ask("bank.test").rest, StartsWith("4.7.5 pin-mismatch: "));
  EXPECT_EQ(server.Records(2).size(), 2u);
  // What was seen is judged by the pins of now.
  Pinned(other_);
  EXPECT_EQ(Ask("bank.test"), (Reply{"pass", ""}));
}

TEST_F(MilterDoorTest, AServerWithoutTlsServesTheNextRecipientsToo) {
  ScriptedSmtpServer server(Ordinary());
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  const auto no_tls = StartsWith("4.7.4 starttls-not-supported: ");
  for (int i = 0; i < 20; ++i) EXPECT_THAT(Ask("bank.test").rest, no_tls);
  EXPECT_EQ(server.Records().size(), 1u);
  // Another policy, another look.
  Route("bank.test fingerprint owner=treasury", {&server});
  EXPECT_THAT(Ask("bank.test").rest, no_tls);
  EXPECT_EQ(server.Records(2).size(), 2u);
}

TEST_F(MilterDoorTest, TooManyLooksDoNotHideTheReason) {
  ScriptedSmtpServer wrong(PresentingServer(other_));
  ScriptedSmtpServer bare(Ordinary(), "127.0.0.2");
  Pinned(good_);
  Prober prober({gate_, index_, AddressFilter({}, true), clock_},
                {.per_minute = 1});
  MilterDoor door{{gate_, index_, prober, plans_, sink_, clock_, policy_}};
  const auto ask = [&door] {
    return door
        .Answer(
            {"recipient", {{"domain", "bank.test"}}},
            MilterDoor::Patience{Deadline::After(std::chrono::seconds(20)), {}})
        ->rest;
  };
  Route("bank.test fingerprint", {&wrong});
  for (const int second : {0, 11, 22, 59}) {
    clock_.later = std::chrono::seconds(second);
    EXPECT_THAT(ask(), StartsWith("4.7.5 pin-mismatch: "));
  }
  Route("bank.test fingerprint", {&bare});
  for (const int second : {100, 111, 159}) {
    clock_.later = std::chrono::seconds(second);
    EXPECT_THAT(ask(), StartsWith("4.7.4 starttls-not-supported: "));
  }
  EXPECT_EQ(wrong.Records().size() + bare.Records().size(), 2u);
  // Nothing is given up for good over what is not of now.
  Route("bank.test fingerprint on-fail=bounce", {&wrong});
  clock_.later = std::chrono::seconds(200);
  EXPECT_THAT(ask(), StartsWith("5.7.5 pin-mismatch: "));
  EXPECT_THAT(ask(), StartsWith("4.7.5 pin-mismatch: "));
}

TEST_F(MilterDoorTest, OneHostThatPassesIsEnough) {
  ScriptedSmtpServer bad(PresentingServer(other_));
  ScriptedSmtpServer good(PresentingServer(good_), "127.0.0.2");
  Pinned(good_);
  Route("bank.test fingerprint on-fail=bounce", {&bad, &good});
  EXPECT_EQ(Ask("bank.test"), (Reply{"pass", ""}));
}

TEST_F(MilterDoorTest, OnFailBounceTakesEveryHostsNo) {
  ScriptedSmtpServer one(PresentingServer(other_));
  auto two = std::make_unique<ScriptedSmtpServer>(PresentingServer(other_),
                                                  "127.0.0.2");
  Pinned(good_);
  Route("bank.test fingerprint on-fail=bounce", {&one, two.get()});
  const Reply bounced = Ask("bank.test");
  EXPECT_EQ(bounced.word, "bounced");
  EXPECT_THAT(bounced.rest, StartsWith("5.7.5 pin-mismatch: "));
  two.reset();
  EXPECT_EQ(Ask("bank.test").word, "deferred");
}

TEST_F(MilterDoorTest, ADryRunGoesOn) {
  ScriptedSmtpServer server(PresentingServer(other_));
  Pinned(good_);
  Route("bank.test fingerprint on-fail=deliver", {&server});
  EXPECT_EQ(Ask("bank.test"), (Reply{"pass", ""}));
}

TEST_F(MilterDoorTest, ARouteOfNobodysIsRefused) {
  Pinned(good_);
  store_.Set("bank.test fingerprint");
  resolver_.SetA("relay.test", Addresses({"192.0.2.7"}));
  const Reply reply = Ask("bank.test", "[relay.test]");
  EXPECT_EQ(reply.word, "deferred");
  EXPECT_THAT(reply.rest, HasSubstr("route-not-allowed"));
}

TEST_F(MilterDoorTest, AnswersOfDnsAreForGoodOnlyWhereProven) {
  store_.Set("bank.test fingerprint");
  Pinned(good_);
  EXPECT_EQ(Ask("nowhere.test").word, "bounced");
  EXPECT_EQ(Ask("bank.test").word, "deferred");
  resolver_.SetMx("bank.test", NoDomain<MxRecord>(Security::kSecure));
  const Reply proven = Ask("bank.test");
  EXPECT_EQ(proven.word, "bounced");
  EXPECT_THAT(proven.rest, StartsWith("5."));
  resolver_.SetMx("broken.test", Failed<MxRecord>());
  EXPECT_EQ(Ask("broken.test").word, "deferred");
}

TEST_F(MilterDoorTest, AStoreThatIsGoneIsADefer) {
  store_.Break();
  const Reply reply = Ask("village.test");
  EXPECT_EQ(reply.word, "deferred");
  EXPECT_THAT(reply.rest, HasSubstr("policy-store-unavailable"));
}

TEST_F(MilterDoorTest, WhatIsNotAQuestionIsAnError) {
  const Request cases[] = {
      {"deliver", {}},
      {"recipient", {}},
      {"recipient", {{"domain", ""}}},
      {"recipient", {{"domain", "bank.test"}, {"more", "x"}}},
      {"recipient", {{"domain", "a b"}}},
      {"recipient", {{"domain", "bank.test"}, {"nexthop", "[a]:[b]"}}},
  };
  for (const Request& request : cases) {
    const Reply reply = Say(request);
    EXPECT_EQ(reply.word, "error");
    EXPECT_THAT(reply.rest, StartsWith("4."));
  }
}

}  // namespace
}  // namespace postern
