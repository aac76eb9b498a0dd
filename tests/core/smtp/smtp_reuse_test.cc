// A connection that carries a second message: reset first, and only while both
// sides agree where they are.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "tests/core/smtp/session_fixture.h"

namespace postern {
namespace {

// Each test runs with a server that pipelines and with one that doesn't.
class SmtpReuseTest : public testing::TestWithParam<bool> {
 protected:
  static ServerBehaviour Behaviour(
      std::map<std::string, std::string> replies = {}) {
    ServerBehaviour behaviour;
    behaviour.keywords = {"SIZE 1000000"};
    if (GetParam()) behaviour.keywords.emplace_back("PIPELINING");
    behaviour.replies = std::move(replies);
    return behaviour;
  }

  const TextMessage message_{"Subject: x\r\n\r\nbody\r\n"};
};

INSTANTIATE_TEST_SUITE_P(Pipelining, SmtpReuseTest, testing::Bool());

TEST_P(SmtpReuseTest, AConnectionIsGoodForAnotherMessageAfterReset) {
  ScriptedSmtpServer server(
      Ordinary(Behaviour({{"RCPT TO:<d", "550 5.1.1 no d"}})));
  {
    const auto session = Greeted(server);
    ASSERT_TRUE(session);
    EXPECT_EQ(session->Send(kOne, message_, Soon()).dot->code, 250);
    EXPECT_TRUE(session->Idle());
    EXPECT_FALSE(session->Send({"", {"d@mx.test"}, ""}, message_, Soon()).dot);
    EXPECT_EQ(session->Send(kThree, message_, Soon()).dot->code, 250);
    session->Quit();
    EXPECT_FALSE(session->Idle());
  }
  const ConnectionRecord record = server.Records().front();
  EXPECT_EQ(record.messages.size(), 2U);
  std::size_t resets = 0;
  for (const std::string& command : record.commands)
    resets += command == "RSET";
  EXPECT_EQ(resets, 2U);
}

TEST_P(SmtpReuseTest, ARefusedResetIsAFailureBeforeMail) {
  for (const auto& [reply, reason] :
       {std::pair("421 4.3.2 enough", Reason::kServerDeferred),
        std::pair("502 5.5.1 what", Reason::kSmtpProtocolError)}) {
    ScriptedSmtpServer server(Ordinary(Behaviour({{"RSET", reply}})));
    const auto session = Greeted(server);
    ASSERT_TRUE(session);
    EXPECT_EQ(session->Send(kOne, message_, Soon()).dot->code, 250);
    const SendResult second = session->Send(kOne, message_, Soon());
    ASSERT_TRUE(second.failure);
    EXPECT_EQ(second.failure->reason(), reason);
    EXPECT_FALSE(second.mail);
    EXPECT_FALSE(second.dot_sent);
    EXPECT_EQ(server.Records().front().messages.size(), 1U);
  }
}

TEST_P(SmtpReuseTest, AServerThatSpokeOrHungUpMeanwhileIsNotIdle) {
  for (const char* last : {"421 4.4.2 idle too long\r\n", ""}) {
    ScriptedSmtpServer server([last](ServerConnection& connection) {
      connection.Say("220 mx\r\n");
      connection.ReadLine();
      connection.Say("250 mx\r\n");
      connection.Say(last);
      connection.HangUp();
    });
    const auto session = Greeted(server);
    ASSERT_TRUE(session);
    server.Records();  // it has said all
    EXPECT_FALSE(session->Idle());
  }
}

}  // namespace
}  // namespace postern
