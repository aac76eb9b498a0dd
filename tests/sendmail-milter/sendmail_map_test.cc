// tests/sendmail-milter/sendmail_map_test.cc
//
// What docs/protocol.md promises of Sendmail's map: a connection carries a
// destination's mail only if its leaf is that of a chain which posternd was
// shown by that destination's own host, and today's plan is content with it.
#include "sendmail-milter/sendmail_map.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/sendmail-milter/sendmail_fixture.h"

namespace postern {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class SendmailMapTest : public SendmailTest {
 protected:
  struct Live {
    std::string asks = "R", destination = "bank.test", server = "mx1.bank.test",
                address = "127.0.0.1", verify = "FAIL", version = "TLSv1.3",
                leaf = {}, queue_id = "Q1", hop = "bank.test.",
                cipher = "TLS_AES_256_GCM_SHA384";
  };

  static std::string Key(const Live& live) {
    std::string key = live.asks;
    for (const std::string& field :
         {live.destination, live.server, live.address, live.verify,
          live.version, std::string("256"), live.leaf, std::string(),
          std::string(), live.queue_id, live.hop, live.cipher}) {
      key += "<" + field + ">";
    }
    return key;
  }

  static SocketMapQuery Query(const Live& live) {
    return {"postern", Key(live)};
  }

  std::string Ask(const Live& live) {
    const SocketMapQuery query = Query(live);
    if (const auto known = map_.Known(query)) return known->text;
    const SocketMapReply found =
        map_.Find(query, Deadline::After(std::chrono::seconds(20)), -1);
    EXPECT_EQ(found.status, SocketMapReply::Status::kOk);
    return found.text;
  }

  Live With(const TestCertificate& leaf) {
    Live live;
    live.leaf = Fingerprint(leaf);
    return live;
  }

  const TestCertificate good_ = MakeSelfSigned(ForHost("mx1.bank.test"));
  const TestCertificate other_ = MakeSelfSigned(ForHost("mx1.bank.test"));
  const TestCertificate third_ = MakeSelfSigned(ForHost("mx1.bank.test"));
  SendmailMap map_{{gate_, index_, prober_, plans_}, sink_, clock_};
};

TEST_F(SendmailMapTest, AnUnknownLeafIsLookedForAndThenKnown) {
  ScriptedSmtpServer server(PresentingServer(good_));
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  const SocketMapQuery query = Query(With(good_));
  EXPECT_FALSE(map_.Known(query));
  EXPECT_EQ(Ask(With(good_)), "PASS");
  // Without DNS and without the server from now on.
  const auto known = map_.Known(query);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->text, "PASS");
  const auto records = server.Records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_FALSE(records[0].Saw("MAIL"));
}

TEST_F(SendmailMapTest, AKeyThatIsNotPinnedIsRefusedAlthoughItWasSeen) {
  ScriptedSmtpServer server(PresentingServer(other_));
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  EXPECT_THAT(Ask(With(other_)), StartsWith("4.7.5:pin-mismatch: "));
}

TEST_F(SendmailMapTest, ALeafThatTheHostDoesNotShowIsRefused) {
  ScriptedSmtpServer server(PresentingServer(good_));
  Pinned(good_);
  Pinned(other_);
  Route("bank.test fingerprint", {&server});
  EXPECT_THAT(Ask(With(other_)), StartsWith("4.7.5:certificate-not-seen: "));
  EXPECT_EQ(server.Records().size(), 4u);
}

// Way 9 of the quick start: a host that belongs to somebody else.
TEST_F(SendmailMapTest, ALeafOfAnotherHostDoesNotCount) {
  ScriptedSmtpServer bank(PresentingServer(good_));
  ScriptedSmtpServer evil(PresentingServer(other_), "127.0.0.2");
  Pinned(good_);
  Pinned(other_);
  Route("bank.test fingerprint", {&bank});
  Pinned(other_, "evil.test");
  resolver_.SetA("mx.evil.test", Addresses({"127.0.0.2"}));
  store_.Set("evil.test fingerprint route=[mx.evil.test]:" +
             std::to_string(evil.port().value));
  Live theirs = With(other_);
  theirs.destination = theirs.hop = "evil.test";
  theirs.server = "mx.evil.test";
  theirs.address = "127.0.0.2";
  ASSERT_EQ(Ask(theirs), "PASS");

  // Their leaf, and their host, for our destination.
  Live at_theirs = theirs;
  at_theirs.destination = at_theirs.hop = "bank.test";
  EXPECT_THAT(Ask(at_theirs), StartsWith("4.7.5:mx-not-allowed: "));
  EXPECT_THAT(Ask(With(other_)), StartsWith("4.7.5:certificate-not-seen: "));
}

TEST_F(SendmailMapTest, AnAddressThatIsNotTheHostsIsRefused) {
  ScriptedSmtpServer server(PresentingServer(good_));
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  ASSERT_EQ(Ask(With(good_)), "PASS");
  Live live = With(good_);
  live.address = "127.0.0.9";
  EXPECT_THAT(Ask(live), HasSubstr("address-not-allowed"));
  // Until DNS has said that the host is there.
  resolver_.SetA("mx1.bank.test", Addresses({"127.0.0.9"}));
  clock_.later = std::chrono::seconds(600);
  EXPECT_EQ(Ask(live), "PASS");
  EXPECT_EQ(Ask(With(good_)), "PASS");
}

TEST_F(SendmailMapTest, RefusesEveryOtherStateOfTheConnection) {
  ScriptedSmtpServer server(PresentingServer(good_));
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  ASSERT_EQ(Ask(With(good_)), "PASS");
  const struct {
    const char* what;
    std::string Live::*field;
    const char *value, *reason;
  } cases[] = {
      {"no TLS", &Live::version, "", "4:starttls-not-supported"},
      {"verify NONE", &Live::verify, "NONE", "4:starttls-not-supported"},
      {"verify SOFTWARE", &Live::verify, "SOFTWARE", "tls-handshake-failed"},
      {"verify TEMP", &Live::verify, "TEMP", "starttls-refused"},
      {"verify CLEAR", &Live::verify, "CLEAR", "4:starttls-not-supported"},
      {"an old version", &Live::version, "TLSv1.1", "5:tls-handshake-failed"},
      {"a version of nobody", &Live::version, "SSLv9", "tls-handshake-failed"},
      {"no digest", &Live::leaf, "", "5:certificate-missing"},
      {"another digest", &Live::leaf, "AB:CD", "5:certificate-missing"},
      {"no destination", &Live::destination, "?", "5:request-invalid"},
      {"a host of nobody", &Live::server, "mx9.bank.test", "5:mx-not-allowed"},
      {"another route", &Live::hop, "[relay.test]", "5:route-not-allowed"},
      {"a wrong cipher's name", &Live::cipher, "A;B", "5:request-invalid"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    Live live = With(good_);
    live.*c.field = c.value;
    const std::string answer = Ask(live);
    EXPECT_THAT(answer, StartsWith("4.7."));
    EXPECT_THAT(answer, HasSubstr(c.reason));
  }
}

TEST_F(SendmailMapTest, WhatIsAnsweredHarmsNoRuleset) {
  const std::string answer = Ask([&] {
    Live live = With(good_);
    live.destination = "\"(<$x>\\";
    return live;
  }());
  EXPECT_EQ(answer.find_first_of("()<>\"\\$|\n"), std::string::npos) << answer;
  EXPECT_LE(answer.size(), 410u);
}

TEST_F(SendmailMapTest, APolicyCommitBitesAtOnce) {
  ScriptedSmtpServer server(PresentingServer(good_));
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  ASSERT_EQ(Ask(With(good_)), "PASS");
  Route("bank.test secure", {&server});
  EXPECT_THAT(Ask(With(good_)), StartsWith("4.7."));
}

TEST_F(SendmailMapTest, AClockThatIsSetBackMakesNoPlanLastLonger) {
  resolver_.SetMx("bank.test", MxHosts({{10, "mx1.bank.test"}}));
  resolver_.SetA("mx1.bank.test", Addresses({"127.0.0.1"}));
  store_.Set("bank.test encrypt");
  clock_.later = std::chrono::hours(24 * 365);
  ASSERT_EQ(Ask(With(good_)), "PASS");
  ASSERT_TRUE(map_.Known(Query(With(good_))));
  clock_.later = std::chrono::seconds(0);
  EXPECT_FALSE(map_.Known(Query(With(good_))));
}

TEST_F(SendmailMapTest, ALookupIsItsDestinations) {
  Live live = With(good_);
  live.destination = "Bank.TEST";
  EXPECT_EQ(SendmailMap::OwnerOf(Query(live)), "bank.test");
  EXPECT_EQ(SendmailMap::OwnerOf({"postern", "R<"}), "");
}

TEST_F(SendmailMapTest, ACertificateThatHasRunOutIsJudgedToday) {
  ScriptedSmtpServer server(PresentingServer(good_));
  Pin pin;
  pin.key = "bank.test";
  pin.digest = good_.key.spki_hash();
  pin.valid_until = clock_.Now() + std::chrono::hours(1);
  store_.AddPin(pin);
  Route("bank.test fingerprint", {&server});
  ASSERT_EQ(Ask(With(good_)), "PASS");
  clock_.later = std::chrono::hours(2);
  EXPECT_THAT(Ask(With(good_)), StartsWith("4.7.5:pin-expired: "));
}

TEST_F(SendmailMapTest, AsksNothingWhereNothingIsAsked) {
  resolver_.SetMx("village.test", MxHosts({{10, "mx.village.test"}}));
  resolver_.SetA("mx.village.test", Addresses({"192.0.2.7"}));
  Live live;
  live.destination = live.hop = "village.test";
  live.server = "mx.village.test";
  live.address = "192.0.2.7";
  for (const char* verify : {"NONE", "OK", "FAIL", "SOFTWARE", "CLEAR"}) {
    live.verify = verify;
    live.version =
        live.verify == "OK" || live.verify == "FAIL" ? "TLSv1.3" : "";
    EXPECT_EQ(Ask(live), "PASS") << verify;
  }
  // A fallback MX, and a smarthost.
  live.server = "fallback.test";
  EXPECT_EQ(Ask(live), "PASS");
  live.hop = "[fallback.test]";
  EXPECT_EQ(Ask(live), "PASS");
  // Until the smarthost has a line of its own.
  resolver_.SetA("fallback.test", Addresses({"192.0.2.7"}));
  store_.Set("[fallback.test]:25 encrypt");
  live.verify = "NONE";
  live.version = "";
  EXPECT_THAT(Ask(live), StartsWith("4.7.4:starttls-not-supported: "));
}

TEST_F(SendmailMapTest, EncryptAsksForTlsAndNothingMore) {
  resolver_.SetMx("town.test", MxHosts({{10, "mx.town.test"}}));
  resolver_.SetA("mx.town.test", Addresses({"192.0.2.8"}));
  store_.Set("town.test encrypt");
  Live live;
  live.destination = live.hop = "town.test";
  live.server = "mx.town.test";
  live.address = "192.0.2.8";
  EXPECT_EQ(Ask(live), "PASS");
  live.version = "TLSv1.1";
  EXPECT_THAT(Ask(live), StartsWith("4.7."));
  live.version = "";
  EXPECT_THAT(Ask(live), StartsWith("4.7.4:starttls-not-supported: "));
  store_.Set("town.test encrypt exclude=AES256");
  live.version = "TLSv1.3";
  live.cipher = "";
  EXPECT_THAT(Ask(live), HasSubstr("tls-handshake-failed"));
}

TEST_F(SendmailMapTest, TheConnectionIsDecidedOnlyWithItsDestination) {
  ScriptedSmtpServer server(PresentingServer(other_));
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  Live live = With(other_);
  live.asks = "S";
  EXPECT_THAT(Ask(live), StartsWith("4.7.5:pin-mismatch: "));
  live.destination = "";
  EXPECT_EQ(Ask(live), "PASS");
}

TEST_F(SendmailMapTest, ServersBehindOneAddressAreFoundInTurn) {
  int turn = 0;
  ScriptedSmtpServer pool([&](ServerConnection& connection) {
    PresentingServer(turn++ % 2 == 0 ? good_ : other_)(connection);
  });
  Pinned(good_);
  Pinned(other_);
  Route("bank.test fingerprint", {&pool});
  EXPECT_EQ(Ask(With(other_)), "PASS");
  EXPECT_TRUE(map_.Known(Query(With(good_))));
  EXPECT_EQ(pool.Records().size(), 2u);
}

TEST_F(SendmailMapTest, NobodyThereIsADefer) {
  auto server = std::make_unique<ScriptedSmtpServer>(PresentingServer(good_));
  Pinned(good_);
  Route("bank.test fingerprint", {server.get()});
  server.reset();
  EXPECT_THAT(Ask(With(good_)), StartsWith("4.7.5:connection-failed: "));
}

TEST_F(SendmailMapTest, AServiceThatStopsAnswersNo) {
  ScriptedSmtpServer silent(
      [](ServerConnection& connection) { connection.WaitForHangup(); });
  Pinned(good_);
  Route("bank.test fingerprint", {&silent});
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  close(ends[1]);
  const SocketMapReply reply = map_.Find(
      Query(With(good_)), Deadline::After(std::chrono::seconds(20)), ends[0]);
  close(ends[0]);
  EXPECT_THAT(reply.text, StartsWith("4.7."));
}

TEST_F(SendmailMapTest, OneRecordOfAConnection) {
  ScriptedSmtpServer server(PresentingServer(good_));
  Pinned(good_);
  Route("bank.test fingerprint", {&server});
  for (int i = 0; i < 3; ++i) ASSERT_EQ(Ask(With(good_)), "PASS");
  ASSERT_EQ(sink_.records.size(), 1u);
  const SessionRecord& record = sink_.records[0];
  EXPECT_EQ(record.door, "sendmail");
  EXPECT_EQ(record.queue_id, "Q1");
  EXPECT_EQ(record.destination, "bank.test");
  EXPECT_EQ(record.outcome, "unreported");
  EXPECT_EQ(record.evidence.protocol, "TLSv1.3");
  EXPECT_EQ(record.evidence.leaf(), good_.der);
  Live next = With(good_);
  next.queue_id = "Q2";
  next.version = "";
  EXPECT_THAT(Ask(next), StartsWith("4.7."));
  ASSERT_EQ(sink_.records.size(), 2u);
  EXPECT_EQ(sink_.records[1].outcome, "refused");
}

TEST_F(SendmailMapTest, ADryRunPassesOnceEveryHostHasRefused) {
  ScriptedSmtpServer first(PresentingServer(other_));
  ScriptedSmtpServer second(PresentingServer(other_), "127.0.0.2");
  Pinned(good_);
  Route("bank.test fingerprint on-fail=deliver", {&first, &second});
  Live one = With(other_);
  Live two = With(other_);
  two.server = "mx2.bank.test";
  two.address = "127.0.0.2";
  EXPECT_THAT(Ask(one), StartsWith("4.7.5:pin-mismatch: "));
  EXPECT_THAT(Ask(one), StartsWith("4.7.5:pin-mismatch: "));
  EXPECT_THAT(Ask(two), StartsWith("4.7.5:pin-mismatch: "));
  EXPECT_EQ(Ask(one), "PASS");
  EXPECT_EQ(sink_.records.back().verdict.decision, Decision::kDeliverAnyway);
  // Not another message, and never in cleartext.
  one.queue_id = "Q2";
  EXPECT_THAT(Ask(one), StartsWith("4.7.5:pin-mismatch: "));
  one.queue_id = "Q1";
  one.version = "";
  EXPECT_THAT(Ask(one), StartsWith("4.7.4:starttls-not-supported: "));
}

TEST_F(SendmailMapTest, ADryRunThatEndsDuringTheLookIsNoDryRun) {
  int looks = 0;
  std::vector<ScriptedSmtpServer*> servers;
  ScriptedSmtpServer server([&](ServerConnection& connection) {
    if (++looks == 2) Route("bank.test fingerprint", servers);
    PresentingServer(looks == 1 ? other_ : third_)(connection);
  });
  servers = {&server};
  Pinned(good_);
  Route("bank.test fingerprint on-fail=deliver", servers);
  EXPECT_THAT(Ask(With(other_)), StartsWith("4.7.5:pin-mismatch: "));
  EXPECT_THAT(Ask(With(third_)), StartsWith("4.7.5:pin-mismatch: "));
  EXPECT_EQ(looks, 2);
}

TEST_F(SendmailMapTest, AnotherMapIsNotHere) {
  const auto reply = map_.Known({"tlspol", Key(With(good_))});
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, SocketMapReply::Status::kTemp);
}

}  // namespace
}  // namespace postern
