// STARTTLS (RFC 3207) with everything that can be wrong about it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "tests/core/smtp/session_fixture.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

const Envelope kEnvelope{"a@client.test", {"b@mx.test"}, "QID"};

// Greets, answers EHLO offering STARTTLS, and then goes on as `rest` says.
ServerScript OffersStarttls(const ServerScript& rest) {
  return [rest](ServerConnection& connection) {
    connection.Say("220 mx.test\r\n");
    connection.ReadLine();
    connection.Say("250-mx.test\r\n250 STARTTLS\r\n");
    connection.ReadLine();
    rest(connection);
  };
}

// STLS-05
TEST(StartTlsTest, ARefusalIsAFailureOfItsOwnAndNoMailFollows) {
  for (const char* reply :
       {"454 4.7.0 TLS not available", "501 5.5.4 no parameters",
        "502 5.5.1 no", "500 what?", "530 5.7.0 no", "554 5.7.0 no",
        "421 4.3.2 bye", "250 2.0.0 fine", "354 go on"}) {
    SCOPED_TRACE(reply);
    ScriptedSmtpServer server(Ordinary(WithTls({{"STARTTLS", reply}})));
    const auto session = Greeted(server);
    ASSERT_TRUE(session);
    const SmtpStatus tls = session->StartTls(Soon());
    ASSERT_TRUE(tls);
    EXPECT_EQ(tls->error.reason(), Reason::kStarttlsRefused);
    EXPECT_EQ(tls->step, SmtpStep::kStartTls);
    ASSERT_TRUE(tls->reply);
    EXPECT_EQ(tls->reply->code, std::stoi(reply));
    EXPECT_FALSE(session->encrypted());
    session->Quit();
    // "250" to STARTTLS makes this server expect a handshake.
    EXPECT_FALSE(server.Records().front().Saw("MAIL"));
  }
}

TEST(StartTlsTest, IsNotAskedForWhereItIsNotOffered) {
  ScriptedSmtpServer server(Ordinary());
  const auto session = Greeted(server);
  ASSERT_TRUE(session);
  const SmtpStatus tls = session->StartTls(Soon());
  ASSERT_TRUE(tls);
  EXPECT_EQ(tls->error.reason(), Reason::kStarttlsNotSupported);
  session->Quit();
  EXPECT_THAT(server.Records().front().commands,
              ElementsAre("EHLO client.test", "QUIT"));
}

// STLS-01
TEST(StartTlsTest, GarbageAfter220FailsTheHandshake) {
  ServerBehaviour behaviour = WithTls();
  behaviour.tls->tamper = [](std::string& out) {
    if (!out.empty()) out = "garbage garbage garbage\r\n";
  };
  ScriptedSmtpServer server(Ordinary(behaviour));
  const auto session = Greeted(server);
  ASSERT_TRUE(session);
  const SmtpStatus tls = session->StartTls(Soon());
  ASSERT_TRUE(tls);
  EXPECT_EQ(tls->error.reason(), Reason::kTlsHandshakeFailed);
  EXPECT_EQ(tls->step, SmtpStep::kHandshake);
  EXPECT_FALSE(session->encrypted());
  session->Quit();
  EXPECT_THAT(server.Records().front().commands,
              ElementsAre("EHLO client.test", "STARTTLS"));
}

// STLS-03
TEST(StartTlsTest, OctetsPipelinedBeforeTheHandshakeAreNeverUsed) {
  for (const char* injected :
       {"250-evil\r\n250 SIZE 1\r\n", "2", "\r\n", "250 ok\r\n250 ok\r\n"}) {
    SCOPED_TRACE(injected);
    ScriptedSmtpServer server(OffersStarttls([&](ServerConnection& connection) {
      connection.Say(std::string("220 go ahead\r\n") + injected);
      connection.WaitForHangup();
    }));
    const auto session = Greeted(server);
    ASSERT_TRUE(session);
    const SmtpStatus tls = session->StartTls(Soon());
    ASSERT_TRUE(tls);
    EXPECT_EQ(tls->error.reason(), Reason::kTlsPlaintextInjected);
    EXPECT_FALSE(session->encrypted());
    // Nothing goes over this connection any more, not even QUIT.
    EXPECT_TRUE(session->Hello(Soon()));
    EXPECT_EQ(session->Send(kEnvelope, TextMessage("x\r\n"), Soon())
                  .failure->reason(),
              Reason::kRequestInvalid);
    session->Quit();
    EXPECT_THAT(server.Records().front().commands,
                ElementsAre("EHLO client.test", "STARTTLS"));
  }
}

// STLS-03: the same earlier, behind the answer to EHLO.
TEST(StartTlsTest, AnAnswerBeforeItsQuestionIsNeverUsed) {
  ScriptedSmtpServer server([](ServerConnection& connection) {
    connection.Say("220 mx.test\r\n");
    connection.ReadLine();
    connection.Say("250-mx.test\r\n250 STARTTLS\r\n220 already\r\n");
    connection.WaitForHangup();
  });
  const auto session = Greeted(server);
  ASSERT_TRUE(session);
  const SmtpStatus tls = session->StartTls(Soon());
  ASSERT_TRUE(tls);
  EXPECT_EQ(tls->error.reason(), Reason::kSmtpProtocolError);
}

// STLS-03
TEST(StartTlsTest, EverythingLearntBeforeTlsIsForgotten) {
  ServerTls tls = Presenting(MxCertificate());
  ScriptedSmtpServer server([&](ServerConnection& connection) {
    connection.Say("220 mx.test\r\n");
    connection.ReadLine();
    // A limit that would bounce the message, from whoever sits in between.
    connection.Say(
        "250-mx.test\r\n250-SIZE 1\r\n250-PIPELINING\r\n"
        "250 STARTTLS\r\n");
    connection.ReadLine();
    connection.Say("220 go\r\n");
    if (!connection.StartTls(tls)) return;
    connection.ReadLine();
    connection.Say("250 mx.test\r\n");
    for (const char* reply : {"250 ok\r\n", "250 ok\r\n", "354 go\r\n"}) {
      connection.ReadLine();
      connection.Say(reply);
    }
    if (connection.ReadMessage()) connection.Say("250 2.0.0 taken\r\n");
    connection.ReadLine();
    connection.Say("221 bye\r\n");
    connection.WaitForHangup();
  });
  const auto session = Greeted(server);
  ASSERT_TRUE(session);
  ASSERT_FALSE(session->StartTls(Soon()));
  // Before the second EHLO nothing can be sent at all.
  EXPECT_FALSE(session->offers_starttls());
  EXPECT_EQ(
      session->Send(kEnvelope, TextMessage("x\r\n"), Soon()).failure->reason(),
      Reason::kRequestInvalid);
  ASSERT_FALSE(session->Hello(Soon()));
  const SendResult sent =
      session->Send(kEnvelope, TextMessage("x\r\n"), Soon());
  ASSERT_FALSE(sent.failure) << sent.failure->ToString();
  ASSERT_TRUE(sent.dot);
  EXPECT_EQ(sent.dot->code, 250);
  session->Quit();
  EXPECT_THAT(server.Records().front().commands,
              ElementsAre("EHLO client.test", "STARTTLS", "EHLO client.test",
                          "MAIL FROM:<a@client.test>", "RCPT TO:<b@mx.test>",
                          "DATA", "QUIT"));
}

// STLS-04
TEST(StartTlsTest, IsNotUsedInsideTls) {
  ServerBehaviour behaviour = WithTls();
  behaviour.keywords = {"STARTTLS"};  // before and after
  ScriptedSmtpServer server(Ordinary(behaviour));
  const auto session = Greeted(server);
  ASSERT_TRUE(session);
  ASSERT_FALSE(session->StartTls(Soon()));
  ASSERT_FALSE(session->Hello(Soon()));
  EXPECT_FALSE(session->offers_starttls());
  const SmtpStatus again = session->StartTls(Soon());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->error.reason(), Reason::kRequestInvalid);
  session->Quit();
  EXPECT_THAT(
      server.Records().front().commands,
      ElementsAre("EHLO client.test", "STARTTLS", "EHLO client.test", "QUIT"));
}

TEST(StartTlsTest, ACutInEachStageOfTheHandshakeIsAFailedHandshake) {
  for (const int protocol : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    ServerBehaviour behaviour = WithTls();
    behaviour.tls->min_protocol = behaviour.tls->max_protocol = protocol;
    for (std::size_t octets = 0; octets < 600; octets += 60) {
      SCOPED_TRACE(octets);
      behaviour.tls->cut_after = octets;
      ScriptedSmtpServer server(Ordinary(behaviour));
      const auto session = Greeted(server);
      ASSERT_TRUE(session);
      const SmtpStatus tls = session->StartTls(Soon());
      ASSERT_TRUE(tls);
      EXPECT_EQ(tls->error.reason(), Reason::kTlsHandshakeFailed);
      EXPECT_EQ(tls->step, SmtpStep::kHandshake);
      session->Quit();
      EXPECT_FALSE(server.Records().front().Saw("MAIL"));
    }
  }
}

TEST(StartTlsTest, ASilentHandshakeEndsAtItsTimeLimit) {
  ScriptedSmtpServer server(OffersStarttls([](ServerConnection& connection) {
    connection.Say("220 go ahead\r\n");
    connection.WaitForHangup();
  }));
  SessionOptions options = Options();
  options.timeouts.handshake = milliseconds(20);
  const auto session = Greeted(server, options);
  ASSERT_TRUE(session);
  const SmtpStatus tls = session->StartTls(Soon());
  ASSERT_TRUE(tls);
  EXPECT_EQ(tls->error.reason(), Reason::kConnectionTimeout);
  EXPECT_EQ(tls->step, SmtpStep::kHandshake);
  EXPECT_THAT(tls->error.detail(), HasSubstr("TLS handshake"));
}

TEST(StartTlsTest, AnUnusableParameterIsTheLinesFaultNotTheServers) {
  ScriptedSmtpServer server(Ordinary(WithTls()));
  SessionOptions options = Options();
  options.tls.protocols = "TLSv1.1";
  const auto session = Greeted(server, options);
  ASSERT_TRUE(session);
  const SmtpStatus tls = session->StartTls(Soon());
  ASSERT_TRUE(tls);
  EXPECT_EQ(tls->error.reason(), Reason::kPolicyInvalid);
}

// SUB-02
TEST(StartTlsTest, ATruncatedConnectionIsNotAnOrderlyEnd) {
  ServerTls server_tls = Presenting(MxCertificate());
  ScriptedSmtpServer server(OffersStarttls([&](ServerConnection& connection) {
    connection.Say("220 go\r\n");
    if (connection.StartTls(server_tls)) connection.ReadLine();
  }));
  const auto session = Greeted(server);
  ASSERT_TRUE(session);
  ASSERT_FALSE(session->StartTls(Soon()));
  const SmtpStatus hello = session->Hello(Soon());
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->error.reason(), Reason::kConnectionLost);
  EXPECT_THAT(hello->error.detail(), HasSubstr("truncated"));
}

}  // namespace
}  // namespace postern
