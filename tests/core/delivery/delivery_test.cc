// tests/core/delivery/delivery_test.cc
//
// The host loop against servers that record what they saw: nothing of the
// envelope reaches a host that the plan refuses, a host's failure moves the
// message to the next, and only what a server says after "pass" bounces.
#include "tests/core/delivery/delivery_fixture.h"

namespace postern {
namespace {

TEST_F(DeliveryTest, DeliversOverAConnectionThatPasses) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  Route("secure", {&server});

  const auto results = Deliver();

  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].outcome, Outcome::kDelivered) << results[0].text;
  const ConnectionRecord record = server.Records().front();
  EXPECT_TRUE(record.encrypted);
  ASSERT_EQ(record.messages.size(), 1u);
  ASSERT_EQ(sink_.records.size(), 1u);
  EXPECT_EQ(sink_.records[0].outcome, "delivered");
  EXPECT_EQ(sink_.records[0].verdict.decision, Decision::kPass);
  EXPECT_NE(sink_.records[0].plan.find("bank.test secure"), std::string::npos)
      << sink_.records[0].plan;
}

TEST_F(DeliveryTest, ARefusedHostSeesNothingOfTheEnvelope) {  // STLS-02
  ScriptedSmtpServer server(Ordinary(Tls(bad_)));
  Route("secure", {&server});

  const auto results = Deliver();

  EXPECT_EQ(results[0].outcome, Outcome::kDeferred);
  EXPECT_EQ(results[0].status, "4.7.5");
  EXPECT_TRUE(results[0].text.starts_with("certificate-host-mismatch: "));
  const ConnectionRecord record = server.Records().front();
  EXPECT_FALSE(record.Saw("MAIL"));
  EXPECT_TRUE(record.close_notify);
  EXPECT_EQ(sink_.records[0].outcome, "refused");
}

TEST_F(DeliveryTest, ARefusedHostIsLeftForTheNext) {
  ScriptedSmtpServer first(Ordinary(Tls(bad_)));
  ScriptedSmtpServer second(Ordinary(Tls(good_)), "127.0.0.2");
  Route("secure", {&first, &second});

  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDelivered);
  EXPECT_FALSE(first.Records().front().Saw("MAIL"));
  EXPECT_EQ(second.Records().front().messages.size(), 1u);
}

TEST_F(DeliveryTest, AHopThatCannotBeFollowedIsNamedWhereTheMailIsDeferred) {
  ScriptedSmtpServer server(Ordinary(Tls(bad_)));
  Route("secure", {&server});
  const std::string hop =
      "[mx1.bank.test]:" + std::to_string(server.port().value);
  resolver_.SetMx("broken.test", Failed<MxRecord>());
  store_.Set("bank.test secure route=broken.test," + hop);

  const auto results = Deliver();

  EXPECT_EQ(results[0].status, "4.7.5");
  EXPECT_TRUE(results[0].text.starts_with("certificate-host-mismatch: "))
      << results[0].text;
  EXPECT_NE(results[0].text.find("broken.test: dns-lookup-failed"),
            std::string::npos)
      << results[0].text;

  source_.good = {bad_.der};
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDelivered);
}

TEST_F(DeliveryTest, NoStarttlsMeansNoMailWhereTlsIsRequired) {  // TLS-02
  ScriptedSmtpServer server(Ordinary());
  Route("encrypt", {&server});

  const auto results = Deliver();

  EXPECT_EQ(results[0].status, "4.7.4");
  EXPECT_FALSE(server.Records().front().Saw("MAIL"));
}

TEST_F(DeliveryTest, MayFallsBackToCleartextOnAFreshConnection) {
  ServerBehaviour broken = Tls(good_);
  broken.replies["STARTTLS"] = "454 no TLS today";
  ScriptedSmtpServer server(Ordinary(broken));
  Route("may", {&server});

  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDelivered);
  const auto records = server.Records(2);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_FALSE(records[0].Saw("MAIL"));
  EXPECT_FALSE(records[1].Saw("STARTTLS"));
  EXPECT_EQ(records[1].messages.size(), 1u);
}

TEST_F(DeliveryTest, MayFallsBackWhateverHappensInPlaceOfTheHandshake) {
  ScriptedSmtpServer server([](ServerConnection& connection) {
    connection.Say("220 mx\r\n");
    connection.ReadLine();
    connection.Say("250-mx\r\n250 STARTTLS\r\n");
    if (connection.ReadLine() == "STARTTLS") {
      connection.HangUp();
      return;
    }
    connection.Say("250 sender\r\n");
    connection.ReadLine();
    connection.Say("250 recipient\r\n");
    connection.ReadLine();
    connection.Say("354 go\r\n");
    connection.ReadMessage();
    connection.Say("250 taken\r\n");
  });
  Route("may", {&server});
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDelivered);
  EXPECT_FALSE(server.Records(2)[0].Saw("MAIL"));

  Route("encrypt", {&server});
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDeferred);
}

TEST_F(DeliveryTest, EncryptNeverFallsBack) {  // STLS-05
  for (const char* reply : {"454 no TLS today", "501 what", "502 what"}) {
    SCOPED_TRACE(reply);
    ServerBehaviour broken = Tls(good_);
    broken.replies["STARTTLS"] = reply;
    ScriptedSmtpServer server(Ordinary(broken));
    Route("encrypt", {&server});
    EXPECT_EQ(Deliver()[0].outcome, Outcome::kDeferred);
    for (const auto& record : server.Records())
      EXPECT_FALSE(record.Saw("MAIL"));
  }
}

TEST_F(DeliveryTest, AFiveAfterPassBouncesWithTheServersWords) {
  ServerBehaviour rejecting = Tls(good_);
  rejecting.replies["RCPT"] = "550 5.1.1 no such user";
  ScriptedSmtpServer server(Ordinary(rejecting));
  Route("secure", {&server});

  const auto results = Deliver();

  EXPECT_EQ(results[0].outcome, Outcome::kBounced);
  EXPECT_EQ(results[0].status, "5.1.1");
  EXPECT_NE(results[0].text.find("no such user"), std::string::npos);
  EXPECT_EQ(sink_.records[0].outcome, "bounced");
}

TEST_F(DeliveryTest, AFiveBeforePassIsOnlyThatHostsFailure) {
  ServerBehaviour refusing = Tls(good_);
  refusing.greeting = "554 go away";
  ScriptedSmtpServer first(Ordinary(refusing));
  ServerBehaviour unwilling = Tls(good_);
  unwilling.replies["EHLO"] = "550 no";
  ScriptedSmtpServer second(Ordinary(unwilling), "127.0.0.2");
  Route("secure", {&first, &second});

  const auto results = Deliver();

  EXPECT_EQ(results[0].outcome, Outcome::kDeferred);
  EXPECT_EQ(results[0].status.front(), '4');
  EXPECT_NE(results[0].text.find("mx1.bank.test"), std::string::npos);
  EXPECT_NE(results[0].text.find("mx2.bank.test"), std::string::npos);
}

TEST_F(DeliveryTest, ATemporaryNoMovesOnAndThenDefers) {
  ServerBehaviour busy = Tls(good_);
  busy.replies["RCPT"] = "451 4.3.0 later";
  ScriptedSmtpServer first(Ordinary(busy));
  ScriptedSmtpServer second(Ordinary(Tls(good_)), "127.0.0.2");
  Route("secure", {&first, &second});
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDelivered);

  ScriptedSmtpServer only(Ordinary(busy));
  Route("secure", {&only});
  const auto results = Deliver();
  EXPECT_EQ(results[0].outcome, Outcome::kDeferred);
  EXPECT_EQ(results[0].status, "4.3.0");
}

TEST_F(DeliveryTest, EveryRecipientGetsItsOwnAnswer) {
  ServerBehaviour mixed = Tls(good_);
  mixed.replies["RCPT TO:<b@bank.test>"] = "550 5.1.1 no b";
  mixed.replies["RCPT TO:<c@bank.test>"] = "451 4.2.0 c later";
  ScriptedSmtpServer server(Ordinary(mixed));
  Route("secure", {&server});

  const auto results = Deliver({"a@bank.test", "b@bank.test", "c@bank.test"});

  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].outcome, Outcome::kDelivered);
  EXPECT_EQ(results[1].outcome, Outcome::kBounced);
  EXPECT_EQ(results[2].outcome, Outcome::kDeferred);
}

// RFC 5321 section 4.5.3.1.10: the rest is for another transaction.
TEST_F(DeliveryTest, OneRecipientTooManyIsNotARefusal) {
  const auto replied = [this](const std::string& to_b,
                              std::vector<std::string> recipients) {
    ServerBehaviour behaviour = Tls(good_);
    behaviour.replies["RCPT TO:<b@bank.test>"] = to_b;
    ScriptedSmtpServer server(Ordinary(behaviour));
    Route("may", {&server});
    return Deliver(std::move(recipients));
  };
  for (const char* reply : {"552 too many recipients", "552 5.5.3 too many",
                            "550 5.5.3 too many recipients"}) {
    SCOPED_TRACE(reply);
    const auto results = replied(reply, {"a@bank.test", "b@bank.test"});
    EXPECT_EQ(results[0].outcome, Outcome::kDelivered);
    EXPECT_EQ(results[1].outcome, Outcome::kDeferred);
    EXPECT_EQ(results[1].status.front(), '4');
    EXPECT_TRUE(results[1].text.starts_with("server-deferred: "))
        << results[1].text;
    // It has had its turn, and the server means it.
    EXPECT_EQ(replied(reply, {"b@bank.test"})[0].outcome, Outcome::kBounced);
  }
  for (const char* reply : {"552 5.2.2 mailbox full", "550 no"}) {
    SCOPED_TRACE(reply);
    const auto results = replied(reply, {"a@bank.test", "b@bank.test"});
    EXPECT_EQ(results[1].outcome, Outcome::kBounced);
  }
}

TEST_F(DeliveryTest, WhatTheEhloRulesOutBouncesBeforeMail) {
  ServerBehaviour small = Tls(good_);
  small.keywords = {"SIZE 10"};
  ScriptedSmtpServer server(Ordinary(small));
  Route("secure", {&server});

  const auto results = Deliver();

  EXPECT_EQ(results[0].outcome, Outcome::kBounced);
  EXPECT_EQ(results[0].status, "5.3.4");
  EXPECT_FALSE(server.Records().front().Saw("MAIL"));
}

TEST_F(DeliveryTest, AConnectionLostAfterTheDotIsNotTriedElsewhere) {
  ScriptedSmtpServer first([this](ServerConnection& connection) {
    connection.Say("220 mx\r\n");
    connection.ReadLine();
    connection.Say("250-mx\r\n250 STARTTLS\r\n");
    connection.ReadLine();
    connection.Say("220 go\r\n");
    connection.StartTls(Presenting(good_));
    connection.ReadLine();
    connection.Say("250 mx\r\n");
    connection.ReadLine();
    connection.Say("250 sender\r\n");
    connection.ReadLine();
    connection.Say("250 recipient\r\n");
    connection.ReadLine();
    connection.Say("354 go\r\n");
    connection.ReadMessage();
    connection.HangUp();
  });
  ScriptedSmtpServer second(Ordinary(Tls(good_)), "127.0.0.2");
  Route("secure", {&first, &second});

  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDeferred);
  EXPECT_EQ(first.Records().front().messages.size(), 1u);
  EXPECT_TRUE(second.Records(0).empty());
}

TEST_F(DeliveryTest, APolicyThatTightensDuringTheDeliveryHoldsItBack) {
  ServerBehaviour slow = Tls(bad_);
  ScriptedSmtpServer server([this, slow](ServerConnection& connection) {
    store_.Set("bank.test secure");  // the administrator, at this moment
    Ordinary(slow)(connection);
  });
  Route("may", {&server});
  const auto results = Deliver();
  EXPECT_EQ(results[0].outcome, Outcome::kDeferred);
  EXPECT_NE(results[0].text.find("policy-changed"), std::string::npos)
      << results[0].text;
  EXPECT_FALSE(server.Records().front().Saw("MAIL"));
}

TEST_F(DeliveryTest, PlanningThatFailsDefersEveryRecipient) {
  store_.Break();
  const auto results = Deliver({"a@bank.test", "b@bank.test"});
  ASSERT_EQ(results.size(), 2u);
  for (const RecipientResult& result : results) {
    EXPECT_EQ(result.outcome, Outcome::kDeferred);
    EXPECT_EQ(result.status, "4.3.5");
  }
  ASSERT_EQ(sink_.records.size(), 1u);
}

TEST_F(DeliveryTest, NoneNeverAsksForTlsAndRecordsTheOffer) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  Route("none", {&server});
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDelivered);
  EXPECT_FALSE(server.Records().front().Saw("STARTTLS"));
  EXPECT_TRUE(sink_.records[0].starttls_offered);
}

}  // namespace
}  // namespace postern
