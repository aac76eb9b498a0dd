// tests/core/delivery/reuse_test.cc
//
// Several messages to one host: over one connection where the plan is the same
// and still passes, never where it isn't; a kept connection that has died costs
// nothing, and no message is sent twice.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>

#include "core/audit/audit_log.h"
#include "tests/core/delivery/delivery_fixture.h"

namespace postern {
namespace {

using testing::HasSubstr;
using testing::Not;

std::size_t Messages(const std::vector<ConnectionRecord>& records) {
  std::size_t count = 0;
  for (const ConnectionRecord& record : records)
    count += record.messages.size();
  return count;
}

class ReuseTest : public DeliveryTest {
 protected:
  ReuseTest() { Make(Limits()); }
  static ConnectionLimits Limits() {
    ConnectionLimits limits;
    limits.kept = 10;
    // Tests end it themselves, however slow the machine is.
    limits.idle = seconds(600);
    limits.life = seconds(600);
    return limits;
  }
  void Make(const ConnectionLimits& limits) {
    keeping_.emplace(gate_, sink_, clock_, nullptr, limits,
                     [this] { return now_.load(); });
  }
  RecipientResult One(const std::string& domain = "bank.test",
                      const Cancellation& cancellation = {}) {
    return DeliverBy(*keeping_, domain, cancellation).front();
  }
  // What the server saw, once all connections have ended.
  std::vector<ConnectionRecord> EndOf(ScriptedSmtpServer& server,
                                      std::size_t at_least = 1) {
    keeping_.reset();
    return server.Records(at_least);
  }

  // A server without TLS whose answer may depend on how often it was asked:
  // `reply(connection, verb, nth)`, from 1; empty: hangs up; "-": as usual.
  using Answers = std::function<std::string(int, const std::string&, int)>;
  ServerScript Answering(Answers reply) {
    return [this, reply = std::move(reply)](ServerConnection& connection) {
      const int number = ++connections_;
      std::map<std::string, int> nth;
      connection.Say("220 mx\r\n");
      while (const auto line = connection.ReadLine()) {
        const std::string verb = line->substr(0, 4);
        const std::string usual = verb == "EHLO"   ? "250 mx"
                                  : verb == "DATA" ? "354 go"
                                  : verb == "QUIT" ? "221 bye"
                                                   : "250 ok";
        if (!Answer(connection, reply(number, verb, ++nth[verb]), usual))
          return;
        if (verb != "DATA") continue;
        if (!connection.ReadMessage()) return;
        if (!Answer(connection, reply(number, ".", ++nth["."]), "250 taken")) {
          return;
        }
      }
    };
  }
  static bool Answer(ServerConnection& connection, const std::string& reply,
                     const std::string& usual) {
    if (reply.empty()) {
      connection.HangUp();
      return false;
    }
    connection.Say((reply == "-" ? usual : reply) + "\r\n");
    return !reply.starts_with("421");
  }

  std::atomic<int> connections_{0};
  std::atomic<Moment> now_{Moment(seconds(1000))};  // the janitor asks as well
  std::optional<Delivery> keeping_;
};

TEST_F(ReuseTest, TheNextMessageGoesOverTheSameConnection) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  Route("secure", {&server});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(One().outcome, Outcome::kDelivered);

  const auto records = EndOf(server);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].messages.size(), 3U);
  EXPECT_EQ(Count(records, "RSET"), 2U);
  EXPECT_EQ(Count(records, "QUIT"), 1U);
  ASSERT_EQ(sink_.records.size(), 3U);
  EXPECT_EQ(sink_.records[2].reused, 2U);
  EXPECT_TRUE(sink_.records[2].verdict.pass());
  EXPECT_EQ(sink_.records[2].verdict.mx_host, "mx1.bank.test");
  EXPECT_EQ(sink_.records[2].verdict.address, "127.0.0.1");
  EXPECT_THAT(AuditLine(sink_.records[2]), HasSubstr(" reused=2 "));
  EXPECT_THAT(AuditLine(sink_.records[0]), Not(HasSubstr("reused")));
}

TEST_F(ReuseTest, NothingIsKeptUnlessAskedFor) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  Route("secure", {&server});
  Make({});
  One();
  One();
  EXPECT_EQ(EndOf(server, 2).size(), 2U);
}

TEST_F(ReuseTest, DestinationsWithDifferentPlansNeverShare) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  resolver_.SetA("mx.hoster.test", Addresses({"127.0.0.1"}));
  const std::string route =
      " route=[mx.hoster.test]:" + std::to_string(server.port().value);
  store_.Set("bank.test secure" + route);
  store_.Set("other.test encrypt" + route);
  store_.Set("third.test secure" + route);
  for (int round = 0; round < 2; ++round) {
    for (const char* domain : {"bank.test", "other.test", "third.test"}) {
      EXPECT_EQ(One(domain).outcome, Outcome::kDelivered);
    }
  }
  const auto records = EndOf(server, 3);
  ASSERT_EQ(records.size(), 3U);
  for (const ConnectionRecord& record : records) {
    ASSERT_EQ(Count({record}, "RCPT"), 2U);
    const auto rcpt = [](const std::string& c) {
      return c.starts_with("RCPT");
    };
    const auto first =
        std::find_if(record.commands.begin(), record.commands.end(), rcpt);
    EXPECT_EQ(
        std::count(record.commands.begin(), record.commands.end(), *first), 2);
  }
}

TEST_F(ReuseTest, WhatTheLineAsksOfAConnectionIsPartOfIt) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  const char* const lines[] = {
      "secure", "secure helo=a.own.test", "secure source=127.0.0.9",
      "secure servername=mx9.bank.test", "secure protocols=>=TLSv1.3"};
  for (const char* line : lines) {
    Route(line, {&server});
    EXPECT_EQ(One().outcome, Outcome::kDelivered) << line;
  }
  EXPECT_EQ(EndOf(server, std::size(lines)).size(), std::size(lines));
}

TEST_F(ReuseTest, APolicyCommitEndsWhatWasKept) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  Route("secure", {&server});
  One();
  store_.Set("unrelated.test may");
  One();
  const auto records = EndOf(server, 2);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_TRUE(records[0].Saw("QUIT"));
  EXPECT_EQ(Count({records[0]}, "MAIL"), 1U);
}

TEST_F(ReuseTest, AKeptConnectionIsJudgedAgainByWhatHoldsNow) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  Route("secure", {&server});
  EXPECT_EQ(One().outcome, Outcome::kDelivered);
  source_.good.clear();  // as a certificate runs out: no commit, the same plan

  EXPECT_EQ(One().outcome, Outcome::kDeferred);

  const auto records = EndOf(server, 2);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(Count(records, "MAIL"), 1U);
  EXPECT_TRUE(records[0].Saw("QUIT"));
}

TEST_F(ReuseTest, AConnectionThatDiedIsReplacedAtOnceAndCountsForNothing) {
  const struct {
    const char* verb;
    const char* reply;
  } cases[] = {{"RSET", "421 4.3.2 going down"},
               {"RSET", ""},
               {"RSET", "502 what"},
               {"MAIL", "421 4.7.0 enough"},
               {"MAIL", ""},
               {"MAIL", "451 4.5.3 too many"},
               {"MAIL", "550 5.5.1 too many"}};
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.verb) + " " + c.reply);
    connections_ = 0;
    sink_.records.clear();
    Make(Limits());
    const int nth = c.verb == std::string("RSET") ? 1 : 2;
    ScriptedSmtpServer server(
        Answering([&c, nth](int connection, const std::string& verb, int n) {
          return connection == 1 && verb == c.verb && n == nth
                     ? std::string(c.reply)
                     : "-";
        }));
    Route("may", {&server});
    EXPECT_EQ(One().outcome, Outcome::kDelivered);
    EXPECT_EQ(One().outcome, Outcome::kDelivered);
    const auto records = EndOf(server, 2);
    EXPECT_EQ(records.size(), 2U);
    EXPECT_EQ(Messages(records), 2U);
    ASSERT_EQ(sink_.records.size(), 2U);
    EXPECT_EQ(sink_.records[1].reused, 0U);
  }
}

TEST_F(ReuseTest, AServerThatClosedMeanwhileIsNoticedBeforehand) {
  ScriptedSmtpServer server(
      Answering([](int, const std::string& verb, int) -> std::string {
        return verb == "." ? "250 taken\r\n421 4.4.2 idle" : "-";
      }));
  Route("may", {&server});
  EXPECT_EQ(One().outcome, Outcome::kDelivered);
  EXPECT_EQ(One().outcome, Outcome::kDelivered);
  const auto records = EndOf(server, 2);
  EXPECT_EQ(records.size(), 2U);
  EXPECT_EQ(Count(records, "RSET"), 0U);
}

TEST_F(ReuseTest, AfterTheDotNothingIsTriedAgain) {
  ScriptedSmtpServer server(
      Answering([](int, const std::string& verb, int nth) -> std::string {
        return verb == "." && nth == 2 ? "" : "-";
      }));
  Route("may", {&server});
  EXPECT_EQ(One().outcome, Outcome::kDelivered);
  EXPECT_EQ(One().outcome, Outcome::kDeferred);
  const auto records = EndOf(server);
  EXPECT_EQ(records.size(), 1U);
  EXPECT_EQ(Messages(records), 2U);
}

TEST_F(ReuseTest, ARefusalOnANewConnectionIsBelieved) {
  ScriptedSmtpServer server(
      Answering([](int, const std::string& verb, int) -> std::string {
        return verb == "MAIL" ? "550 5.7.1 not you" : "-";
      }));
  Route("may", {&server});
  EXPECT_EQ(One().outcome, Outcome::kBounced);
  EXPECT_EQ(EndOf(server).size(), 1U);
}

TEST_F(ReuseTest, OnlyAConnectionThatTookItsMessageIsKept) {
  for (const char* verb : {"RCPT", "DATA", "."}) {
    SCOPED_TRACE(verb);
    Make(Limits());
    ScriptedSmtpServer server(
        Answering([verb](int, const std::string& said, int) -> std::string {
          return said == verb ? "451 4.3.0 later" : "-";
        }));
    Route("may", {&server});
    One();
    One();
    EXPECT_EQ(EndOf(server, 2).size(), 2U);
  }
}

TEST_F(ReuseTest, ADryRunKeepsNothing) {
  ScriptedSmtpServer server(Ordinary(Tls(bad_)));
  Route("secure on-fail=deliver", {&server});
  EXPECT_EQ(One().outcome, Outcome::kDelivered);
  EXPECT_EQ(One().outcome, Outcome::kDelivered);
  // Each message: one connection that was refused, one that carried it.
  const auto records = EndOf(server, 4);
  EXPECT_EQ(records.size(), 4U);
  EXPECT_EQ(Count(records, "RSET"), 0U);
}

TEST_F(ReuseTest, CleartextAfterFailedTlsIsNotKept) {
  ServerBehaviour broken = Tls(good_);
  broken.replies["STARTTLS"] = "454 no TLS today";
  ScriptedSmtpServer server(Ordinary(broken));
  Route("may", {&server});
  One();
  One();
  const auto records = EndOf(server, 4);
  EXPECT_EQ(records.size(), 4U);
  EXPECT_EQ(Count(records, "STARTTLS"), 2U);
}

TEST_F(ReuseTest, AKeptConnectionHasNothingToDoWithTheClientBefore) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  Route("secure", {&server});
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  EXPECT_EQ(One("bank.test", {ends[0], -1}).outcome, Outcome::kDelivered);
  close(ends[1]);
  EXPECT_EQ(One().outcome, Outcome::kDelivered);
  const RecipientResult gone = One("bank.test", {ends[0], -1});
  EXPECT_EQ(gone.outcome, Outcome::kDeferred);
  EXPECT_THAT(gone.text, HasSubstr("client-gone"));
  close(ends[0]);
  EXPECT_EQ(Messages(EndOf(server)), 2U);
}

TEST_F(ReuseTest, ADeadHostIsNotTriedByEveryMessage) {
  ScriptedSmtpServer alive(Ordinary(Tls(good_)), "127.0.0.2");
  std::optional<ScriptedSmtpServer> down;
  down.emplace(Ordinary(Tls(good_)));
  Route("secure on-fail=bounce", {&*down});
  down.reset();
  EXPECT_THAT(One().text, Not(HasSubstr("not tried")));
  now_ = now_.load() + std::chrono::milliseconds(500);
  const RecipientResult second = One();
  EXPECT_EQ(second.outcome, Outcome::kDeferred);
  EXPECT_EQ(second.status, "4.4.1");
  EXPECT_THAT(second.text, HasSubstr("not tried: "));
  EXPECT_THAT(second.text, HasSubstr("Connection refused"));

  // Another destination's hosts are none of its business.
  resolver_.SetA("mx.other.test", Addresses({"127.0.0.2"}));
  store_.Set("other.test secure route=[mx.other.test]:" +
             std::to_string(alive.port().value));
  EXPECT_EQ(One("other.test").outcome, Outcome::kDelivered);

  now_ = now_.load() + seconds(5);  // nowhere else to go: it is tried again
  EXPECT_THAT(One().text, Not(HasSubstr("not tried")));
  EndOf(alive);
}

TEST_F(ReuseTest, PastADeadAddressTheNextIsTried) {
  std::optional<ScriptedSmtpServer> down;
  down.emplace(Ordinary(Tls(good_)));
  ScriptedSmtpServer second(Ordinary(Tls(good_)), "127.0.0.2");
  Route("secure", {&*down, &second});
  down.reset();
  EXPECT_EQ(One().outcome, Outcome::kDelivered);
  now_ = now_.load() + seconds(59);
  EXPECT_EQ(One().outcome, Outcome::kDelivered);
  ASSERT_EQ(sink_.records.size(), 4U);
  EXPECT_THAT(sink_.records[0].verdict.sentence, Not(HasSubstr("not tried")));
  EXPECT_THAT(sink_.records[2].verdict.sentence, HasSubstr("59 s ago"));
  EXPECT_EQ(sink_.records[2].verdict.address, "127.0.0.1");
  EXPECT_EQ(sink_.records[3].reused, 1U);
  EndOf(second);
}

}  // namespace
}  // namespace postern
