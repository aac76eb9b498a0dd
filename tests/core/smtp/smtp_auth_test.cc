// AUTH (RFC 4954), with relays good and hostile: what is sent, when it is not
// sent, and that no failure tells the secret.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/core/smtp/session_fixture.h"

namespace postern {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// "\0alice\0s3cret", "alice" and "s3cret" in base64, and what a server's script
// is asked with them: commands are compared in capitals.
constexpr const char* kPlain = "AGFsaWNlAHMzY3JldA==";
constexpr const char* kUser = "YWxpY2U=";
constexpr const char* kSecret = "czNjcmV0";

ServerBehaviour Relay(const std::string& mechanisms,
                      std::map<std::string, std::string> replies) {
  ServerBehaviour behaviour;
  behaviour.tls = Presenting(MxCertificate());
  behaviour.keywords = {"PIPELINING", "AUTH " + mechanisms};
  behaviour.replies = std::move(replies);
  return behaviour;
}

class SmtpAuthTest : public testing::Test {
 protected:
  // Past STARTTLS and the second EHLO.
  static std::unique_ptr<SmtpSession> Secured(
      const ScriptedSmtpServer& server,
      const SessionOptions& options = Options()) {
    auto session = Greeted(server, options);
    if (!session) return nullptr;
    const SmtpStatus tls = session->StartTls(Soon());
    EXPECT_FALSE(tls) << tls->error.detail();
    const SmtpStatus hello = session->Hello(Soon());
    EXPECT_FALSE(hello);
    return session;
  }

  SmtpStatus LogIn(SmtpSession& session) {
    return session.Authenticate(sasl_, who_, Soon());
  }

  // What a login at such a server ends in; QUIT is said afterwards.
  SmtpFailure Failure(ScriptedSmtpServer& server) {
    const auto session = Secured(server);
    SmtpFailure failure{{Reason::kOk, "it logged in"}, {}};
    if (!session) return failure;
    if (SmtpStatus failed = LogIn(*session)) failure = std::move(*failed);
    EXPECT_TRUE(session->logged_in().empty());
    session->Quit();
    EXPECT_THAT(failure.error.detail(), Not(HasSubstr("s3cret")));
    EXPECT_THAT(failure.error.detail(), Not(HasSubstr(kPlain)));
    EXPECT_THAT(failure.error.detail(), Not(HasSubstr(kSecret)));
    if (failure.reply) {
      EXPECT_THAT(failure.reply->Text(), Not(HasSubstr("s3cret")));
    }
    return failure;
  }

  const SaslClient sasl_;
  const Credentials who_{"alice", Secret("s3cret")};
};

TEST_F(SmtpAuthTest, LogsInByPlainAndGoesOn) {
  ScriptedSmtpServer server(
      Ordinary(Relay("LOGIN PLAIN", {{"AUTH PLAIN", "235 2.7.0 welcome"}})));
  const auto session = Secured(server);
  ASSERT_TRUE(session);
  EXPECT_EQ(session->logged_in(), "");
  const SmtpStatus failed = LogIn(*session);
  ASSERT_FALSE(failed) << failed->error.detail();
  EXPECT_EQ(session->logged_in(), "PLAIN");
  const TextMessage message("Subject: x\r\n\r\ny\r\n");
  const SendResult sent =
      session->Send({"a@client.test", {"b@mx.test"}, "Q"}, message, Soon());
  EXPECT_TRUE(sent.dot && sent.dot->positive());
  session->Quit();
  const auto record = server.Records().front();
  EXPECT_THAT(record.commands,
              testing::Contains(std::string("AUTH PLAIN ") + kPlain));
  EXPECT_TRUE(record.encrypted);
}

TEST_F(SmtpAuthTest, LogsInByLoginWhereNothingElseIsOffered) {
  ScriptedSmtpServer server(
      Ordinary(Relay("CRAM-MD5 LOGIN", {{"AUTH LOGIN", "334 VXNlcm5hbWU6"},
                                        {"YWXPY2U=", "334 UGFzc3dvcmQ6"},
                                        {"CZNJCMV0", "235 2.7.0 welcome"}})));
  const auto session = Secured(server);
  ASSERT_TRUE(session);
  const SmtpStatus failed = LogIn(*session);
  ASSERT_FALSE(failed) << failed->error.detail();
  EXPECT_EQ(session->logged_in(), "LOGIN");
  session->Quit();
  EXPECT_THAT(server.Records().front().commands,
              ElementsAre("EHLO client.test", "STARTTLS", "EHLO client.test",
                          "AUTH LOGIN", kUser, kSecret, "QUIT"));
}

TEST_F(SmtpAuthTest, ALongSecretGoesInALineOfItsOwn) {
  const Credentials who("alice", Secret(std::string(600, 'x')));
  ScriptedSmtpServer server(
      Ordinary(Relay("PLAIN", {{"AUTH PLAIN", "334 "},
                               {"AGFSAWNLAHH4", "235 2.7.0 welcome"}})));
  const auto session = Secured(server);
  ASSERT_TRUE(session);
  EXPECT_FALSE(session->Authenticate(sasl_, who, Soon()));
  session->Quit();
  EXPECT_THAT(server.Records().front().commands,
              testing::Contains(std::string("AUTH PLAIN")));
}

TEST_F(SmtpAuthTest, NothingIsSaidWithoutTls) {
  ScriptedSmtpServer server(
      Ordinary(Relay("PLAIN", {{"AUTH", "235 welcome"}})));
  const auto session = Greeted(server);
  ASSERT_TRUE(session);
  const SmtpStatus failed = LogIn(*session);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->error.reason(), Reason::kCredentialsWithheld);
  session->Quit();
  EXPECT_FALSE(server.Records().front().Saw("AUTH"));
}

// RFC 3207 section 4.2: what was offered before TLS is forgotten.
TEST_F(SmtpAuthTest, WhatWasOfferedBeforeTlsCountsForNothing) {
  ScriptedSmtpServer server([](ServerConnection& c) {
    c.Say("220 mx.test\r\n");
    c.ReadLine();
    c.Say("250-mx.test\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n");
    c.ReadLine();
    c.Say("220 go\r\n");
    if (!c.StartTls(Presenting(MxCertificate()))) return;
    c.ReadLine();
    c.Say("250-mx.test\r\n250 AUTH GSSAPI\r\n");
    while (c.ReadLine()) c.Say("221 bye\r\n");
  });
  const SmtpFailure failure = Failure(server);
  EXPECT_EQ(failure.error.reason(), Reason::kAuthNotOffered);
  EXPECT_THAT(failure.error.detail(), HasSubstr("AUTH GSSAPI"));
  EXPECT_FALSE(server.Records().front().Saw("AUTH"));
}

TEST_F(SmtpAuthTest, ARefusalHasAReasonOfItsOwn) {
  const struct {
    const char* reply;
    Reason reason;
  } cases[] = {
      {"535 5.7.8 wrong", Reason::kAuthRefused},
      {"534 5.7.9 too weak", Reason::kAuthRefused},
      {"504 5.5.4 unknown", Reason::kAuthRefused},
      {"454 4.7.0 later", Reason::kAuthDeferred},
      {"432 4.7.12 a password transition is needed", Reason::kAuthDeferred},
      {"421 4.3.2 bye", Reason::kAuthDeferred},
      {"250 2.0.0 fine", Reason::kSmtpProtocolError},
      {"354 go on", Reason::kSmtpProtocolError},
      {"334-a\r\n334 b", Reason::kSmtpProtocolError},
      {"nonsense", Reason::kSmtpProtocolError},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.reply);
    ScriptedSmtpServer server(Ordinary(Relay("PLAIN", {{"AUTH", c.reply}})));
    const SmtpFailure failure = Failure(server);
    EXPECT_EQ(failure.error.reason(), c.reason) << failure.error.detail();
    EXPECT_EQ(failure.step, SmtpStep::kAuthenticate);
    EXPECT_FALSE(server.Records().front().Saw("MAIL"));
  }
}

TEST_F(SmtpAuthTest, AServerThatRepeatsTheCredentialsIsNotQuoted) {
  for (const std::string& words :
       {std::string("535 5.7.8 no user alice with s3cret"),
        std::string("535-first\r\n535 bad: ") + kPlain,
        std::string("nonsense s3cret"), std::string("250 ") + kPlain}) {
    SCOPED_TRACE(words);
    ScriptedSmtpServer server(Ordinary(Relay("PLAIN", {{"AUTH", words}})));
    EXPECT_THAT(Failure(server).error.detail(),
                HasSubstr("repeats the credentials"));
  }
}

TEST_F(SmtpAuthTest, AChallengeThatIsNoneIsCancelled) {
  ScriptedSmtpServer server(Ordinary(
      Relay("LOGIN", {{"AUTH", "334 Username:"}, {"*", "501 cancelled"}})));
  EXPECT_EQ(Failure(server).error.reason(), Reason::kAuthInvalid);
  EXPECT_THAT(server.Records().front().commands,
              ElementsAre("EHLO client.test", "STARTTLS", "EHLO client.test",
                          "AUTH LOGIN", "*", "QUIT"));
}

TEST_F(SmtpAuthTest, AnEndlessOrHugeExchangeEnds) {
  ScriptedSmtpServer endless([](ServerConnection& c) {
    Ordinary(Relay("LOGIN", {{"AUTH", "334 YQ=="},
                             {"YW", "334 YQ=="},
                             {"CZ", "334 YQ=="},
                             {"*", "334 YQ=="}}))(c);
  });
  EXPECT_EQ(Failure(endless).error.reason(), Reason::kAuthInvalid);
  ScriptedSmtpServer huge(
      Ordinary(Relay("LOGIN", {{"AUTH", "334 " + std::string(20'000, 'A')}})));
  EXPECT_EQ(Failure(huge).error.reason(), Reason::kSmtpProtocolError);
}

// RFC 5802 section 5: a server that can't prove itself may not say "welcome".
TEST_F(SmtpAuthTest, AScramServerThatSkipsItsProofIsNotBelieved) {
  ScriptedSmtpServer server(
      Ordinary(Relay("SCRAM-SHA-256 PLAIN", {{"AUTH SCRAM", "235 welcome"}})));
  EXPECT_EQ(Failure(server).error.reason(), Reason::kAuthInvalid);
  // And nobody falls back to a mechanism that tells the secret.
  const ConnectionRecord record = server.Records().front();
  for (const std::string& line : record.commands) {
    EXPECT_THAT(line, Not(HasSubstr("PLAIN")));
  }
}

TEST_F(SmtpAuthTest, ASilentServerIsLeftInTime) {
  ScriptedSmtpServer server([](ServerConnection& c) {
    c.Say("220 mx.test\r\n");
    c.ReadLine();
    c.Say("250-mx.test\r\n250 STARTTLS\r\n");
    c.ReadLine();
    c.Say("220 go\r\n");
    if (!c.StartTls(Presenting(MxCertificate()))) return;
    c.ReadLine();
    c.Say("250-mx.test\r\n250 AUTH PLAIN\r\n");
    c.WaitForHangup();
  });
  SessionOptions options = Options();
  options.timeouts.auth = std::chrono::milliseconds(50);
  const auto session = Secured(server, options);
  ASSERT_TRUE(session);
  const SmtpStatus failed = LogIn(*session);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->error.reason(), Reason::kConnectionTimeout);
}

TEST_F(SmtpAuthTest, OnceAndInItsPlace) {
  ScriptedSmtpServer server(
      Ordinary(Relay("PLAIN", {{"AUTH", "235 welcome"}})));
  const auto session = Secured(server);
  ASSERT_TRUE(session);
  EXPECT_FALSE(LogIn(*session));
  const SmtpStatus again = LogIn(*session);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->error.reason(), Reason::kRequestInvalid);
}

}  // namespace
}  // namespace postern
