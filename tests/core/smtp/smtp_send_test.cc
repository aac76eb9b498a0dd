// One mail transaction: what is sent, what is not, and what is made of the
// answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "tests/core/smtp/session_fixture.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<int> Codes(const std::vector<SmtpReply>& replies) {
  std::vector<int> codes;
  for (const SmtpReply& reply : replies) codes.push_back(reply.code);
  return codes;
}

// Each test runs with a server that pipelines and with one that doesn't.
class SmtpSendTest : public testing::TestWithParam<bool> {
 protected:
  ServerBehaviour Behaviour(std::map<std::string, std::string> replies = {}) {
    ServerBehaviour behaviour;
    behaviour.keywords = {"SIZE 1000000"};
    if (GetParam()) behaviour.keywords.emplace_back("PIPELINING");
    behaviour.replies = std::move(replies);
    return behaviour;
  }
  // Sends, quits, and keeps what the server saw.
  SendResult Send(const ServerBehaviour& behaviour, const Envelope& envelope,
                  const Message& message,
                  const SessionOptions& options = Options()) {
    return SendTo(Ordinary(behaviour), envelope, message, options);
  }
  SendResult SendTo(const ServerScript& script, const Envelope& envelope,
                    const Message& message,
                    const SessionOptions& options = Options()) {
    ScriptedSmtpServer server(script);
    SendResult result;
    {
      const auto session = Greeted(server, options);
      if (!session) return result;
      result = session->Send(envelope, message, Soon());
      session->Quit();
    }
    record_ = server.Records().front();
    return result;
  }

  const TextMessage message_{"Subject: x\r\n\r\n..dot\r\nbody\r\n"};
  ConnectionRecord record_;
};

class Answers final : public LastQuestion {
 public:
  explicit Answers(Status status) : status_(std::move(status)) {}
  Status StillWanted() const override {
    ++asked;
    return status_;
  }
  mutable int asked = 0;

 private:
  Status status_;
};

INSTANTIATE_TEST_SUITE_P(Pipelining, SmtpSendTest, testing::Bool());

TEST_P(SmtpSendTest, WhoeverWaitsIsAskedBeforeTheFinalDot) {
  const Answers gone(Error{Reason::kClientGone, "pipe(8) has died"});
  SessionOptions options = Options();
  options.cancellation.last_question = &gone;
  const SendResult unsent = Send(Behaviour(), kOne, message_, options);
  EXPECT_FALSE(unsent.dot_sent);
  EXPECT_EQ(unsent.failure->reason(), Reason::kClientGone);
  EXPECT_EQ(gone.asked, 1);
  EXPECT_THAT(record_.messages, IsEmpty());

  const Answers there(Status{});
  options.cancellation.last_question = &there;
  EXPECT_EQ(Send(Behaviour(), kOne, message_, options).dot->code, 250);
  (void)Send(Behaviour({{"RCPT", "550 no"}}), kOne, message_, options);
  EXPECT_EQ(there.asked, 1);  // nothing to ask for
}

TEST_P(SmtpSendTest, DeliversTheMessageOctetForOctet) {
  const SendResult sent = Send(Behaviour(), kOne, message_);
  ASSERT_FALSE(sent.failure) << sent.failure->ToString();
  EXPECT_EQ(sent.mail->code, 250);
  EXPECT_THAT(Codes(sent.recipients), ElementsAre(250));
  EXPECT_EQ(sent.data->code, 354);
  EXPECT_EQ(sent.dot->code, 250);
  EXPECT_TRUE(sent.dot_sent);
  EXPECT_THAT(record_.messages,
              ElementsAre("Subject: x\r\n\r\n..dot\r\nbody\r\n"));
  EXPECT_THAT(
      record_.commands,
      ElementsAre("EHLO client.test", "MAIL FROM:<a@client.test> SIZE=27",
                  "RCPT TO:<b@mx.test>", "DATA", "QUIT"));
}

TEST_P(SmtpSendTest, DeliversABigMessageAndOneWithoutALastLineEnd) {
  std::string big;
  for (int i = 0; i < 20'000; ++i) big += "a line of the message\r\n";
  EXPECT_EQ(Send(Behaviour(), kOne, TextMessage(big)).dot->code, 250);
  EXPECT_EQ(record_.messages.front(), big);
  EXPECT_EQ(Send(Behaviour(), kOne, TextMessage("no end")).dot->code, 250);
  EXPECT_EQ(record_.messages.front(), "no end\r\n");
  EXPECT_EQ(Send(Behaviour(), kOne, TextMessage("")).dot->code, 250);
  EXPECT_EQ(record_.messages.front(), "");
}

TEST_P(SmtpSendTest, ServesSeveralRecipientsAndTheNullSender) {
  const SendResult sent =
      Send(Behaviour({{"RCPT TO:<c", "550 5.1.1 no c"}}), kThree, message_);
  EXPECT_FALSE(sent.failure);
  EXPECT_THAT(Codes(sent.recipients), ElementsAre(250, 550, 250));
  EXPECT_EQ(sent.recipients[1].enhanced, "5.1.1");
  EXPECT_EQ(sent.dot->code, 250);
  EXPECT_TRUE(record_.Saw("MAIL FROM:<> "));
}

TEST_P(SmtpSendTest, ServesMoreRecipientsThanArePipelinedAtOnce) {
  Envelope many = kOne;
  for (int i = 0; i < 100; ++i) {
    many.recipients.push_back("user" + std::to_string(i) + "@mx.test");
  }
  const SendResult sent = Send(Behaviour(), many, message_);
  EXPECT_FALSE(sent.failure);
  EXPECT_EQ(sent.recipients.size(), 101U);
  EXPECT_EQ(sent.dot->code, 250);
}

TEST_P(SmtpSendTest, NobodyAcceptedMeansNothingIsSent) {
  const SendResult sent =
      Send(Behaviour({{"RCPT", "550 5.1.1 nobody"}}), kThree, message_);
  EXPECT_FALSE(sent.failure);
  EXPECT_THAT(Codes(sent.recipients), ElementsAre(550, 550, 550));
  EXPECT_FALSE(sent.dot_sent);
  EXPECT_THAT(record_.messages, IsEmpty());
  EXPECT_TRUE(record_.Saw("QUIT"));
  EXPECT_EQ(record_.Saw("DATA"), GetParam());
}

// RFC 2920 lets a server say 354 here. It gets no message out of it, not even
// an empty one.
TEST_P(SmtpSendTest, NobodyAcceptedAndStill354ClosesTheConnection) {
  const SendResult sent =
      Send(Behaviour({{"RCPT", "550 5.1.1 nobody"}, {"DATA", "354 go on"}}),
           kThree, message_);
  EXPECT_FALSE(sent.failure);
  EXPECT_THAT(Codes(sent.recipients), ElementsAre(550, 550, 550));
  EXPECT_FALSE(sent.dot_sent);
  EXPECT_THAT(record_.messages, IsEmpty());
  EXPECT_EQ(record_.unfinished, "");
  EXPECT_EQ(record_.Saw("QUIT"), !GetParam());
}

TEST_P(SmtpSendTest, ARefusedSenderAnswersForTheRecipients) {
  const SendResult sent =
      Send(Behaviour({{"MAIL", "550 5.7.1 not you"}}), kThree, message_);
  EXPECT_FALSE(sent.failure);
  EXPECT_EQ(sent.mail->code, 550);
  EXPECT_THAT(sent.recipients, IsEmpty());
  EXPECT_FALSE(sent.dot_sent);
  EXPECT_THAT(record_.messages, IsEmpty());
}

TEST_P(SmtpSendTest, HangingUpAfterARefusalTakesNothingBack) {
  const ServerScript script = [&](ServerConnection& connection) {
    connection.Say("220 mx.test\r\n");
    connection.ReadLine();
    connection.Say(GetParam() ? "250-mx.test\r\n250 PIPELINING\r\n"
                              : "250 mx.test\r\n");
    connection.ReadLine();
    connection.Say("550 5.7.1 go away\r\n");
  };
  const SendResult sent = SendTo(script, kOne, message_);
  EXPECT_FALSE(sent.failure);
  EXPECT_EQ(sent.mail->code, 550);
}

TEST_P(SmtpSendTest, ARefusedDataOrMessageIsReported) {
  SendResult sent =
      Send(Behaviour({{"DATA", "451 4.3.0 later"}}), kOne, message_);
  EXPECT_FALSE(sent.failure);
  EXPECT_EQ(sent.data->code, 451);
  EXPECT_FALSE(sent.dot_sent);
  EXPECT_TRUE(record_.Saw("QUIT"));

  sent = Send(Behaviour({{".", "554 5.7.1 spam"}}), kOne, message_);
  EXPECT_FALSE(sent.failure);
  EXPECT_EQ(sent.dot->code, 554);
  EXPECT_TRUE(sent.dot_sent);
}

TEST_P(SmtpSendTest, A421AtAnyStageEndsTheConnection) {
  for (const char* command : {"MAIL", "RCPT", "DATA"}) {
    SCOPED_TRACE(command);
    const SendResult sent =
        Send(Behaviour({{command, "421 4.3.2 closing"}}), kOne, message_);
    ASSERT_TRUE(sent.failure);
    EXPECT_EQ(sent.failure->reason(), Reason::kServerDeferred);
    EXPECT_FALSE(sent.dot_sent);
    EXPECT_THAT(record_.messages, IsEmpty());
  }
  const SendResult sent =
      Send(Behaviour({{".", "421 4.3.2 closing"}}), kOne, message_);
  EXPECT_EQ(sent.dot->code, 421);
}

TEST_P(SmtpSendTest, AnAnswerThatIsNeitherYesNorNoIsAProtocolError) {
  for (const auto& [command, reply] :
       {std::pair("MAIL", "354 go on"), std::pair("RCPT", "354 go on"),
        std::pair("DATA", "250 fine"), std::pair(".", "354 more")}) {
    SCOPED_TRACE(command);
    ServerBehaviour behaviour = Behaviour({{command, reply}});
    const SendResult sent = Send(behaviour, kOne, message_);
    ASSERT_TRUE(sent.failure);
    EXPECT_EQ(sent.failure->reason(), Reason::kSmtpProtocolError);
  }
}

TEST_P(SmtpSendTest, TheSizeIsDeclaredAndALimitKept) {
  ServerBehaviour behaviour = Behaviour();
  behaviour.keywords.front() = "SIZE 10";
  const SendResult sent = Send(behaviour, kOne, TextMessage("123456789\r\n"));
  ASSERT_TRUE(sent.failure);
  EXPECT_EQ(sent.failure->reason(), Reason::kMessageTooBig);
  EXPECT_FALSE(record_.Saw("MAIL"));
  EXPECT_TRUE(record_.Saw("QUIT"));

  // A doubled dot is not the message's.
  EXPECT_EQ(Send(behaviour, kOne, TextMessage("..345678\r\n")).dot->code, 250);
  EXPECT_EQ(Send(behaviour, kOne, TextMessage("..345678.\r\n")).dot->code, 250);
  EXPECT_TRUE(record_.Saw("MAIL FROM:<a@client.test> SIZE=10"));
  EXPECT_EQ(
      Send(behaviour, kOne, TextMessage("..345678..\r\n")).failure->reason(),
      Reason::kMessageTooBig);

  behaviour.keywords.front() = "HELP";
  EXPECT_EQ(Send(behaviour, kOne, message_).dot->code, 250);
  EXPECT_FALSE(record_.Saw("MAIL FROM:<a@client.test> "));
}

TEST_P(SmtpSendTest, EightBitAndUtf8AreDeclaredWhereTheyAreOffered) {
  TextMessage message("Subject: \xc3\xbc\r\n\r\n\xc3\xbc\r\n");
  message.eight_bit = message.utf8_header = true;
  ServerBehaviour plain = Behaviour();
  plain.keywords.front() = "HELP";
  EXPECT_EQ(Send(plain, kOne, message).dot->code, 250);
  EXPECT_EQ(record_.commands[1], "MAIL FROM:<a@client.test>");

  ServerBehaviour modern = plain;
  modern.keywords.insert(modern.keywords.end(), {"8BITMIME", "SMTPUTF8"});
  EXPECT_EQ(Send(modern, kOne, message).dot->code, 250);
  EXPECT_EQ(record_.commands[1],
            "MAIL FROM:<a@client.test> BODY=8BITMIME SMTPUTF8");
  EXPECT_EQ(Send(modern, kOne, message_).dot->code, 250);
  EXPECT_EQ(record_.commands[1], "MAIL FROM:<a@client.test>");

  const Envelope utf8{"j\xc3\xb6rg@client.test", {"b@mx.test"}, "QID"};
  EXPECT_EQ(Send(modern, utf8, message_).dot->code, 250);
  EXPECT_THAT(record_.commands[1], HasSubstr(" SMTPUTF8"));
  const SendResult sent = Send(plain, utf8, message_);
  EXPECT_EQ(sent.failure->reason(), Reason::kSmtputf8NotSupported);
  EXPECT_FALSE(record_.Saw("MAIL"));
}

TEST_P(SmtpSendTest, EightBitOctetsAreRefusedBeforeMailWhereTheyMayNotGo) {
  TextMessage message("Subject: x\r\n\r\n\xc3\xbc\r\n");
  message.eight_bit = true;
  SessionOptions options = Options();
  options.refuse_8bit = true;
  const SendResult sent = Send(Behaviour(), kOne, message, options);
  ASSERT_TRUE(sent.failure);
  EXPECT_EQ(sent.failure->reason(), Reason::kEightBitNotSupported);
  EXPECT_FALSE(record_.Saw("MAIL"));
  EXPECT_EQ(Send(Behaviour(), kOne, message_, options).dot->code, 250);

  ServerBehaviour modern = Behaviour();
  modern.keywords.emplace_back("8BITMIME");
  EXPECT_EQ(Send(modern, kOne, message, options).dot->code, 250);
}

TEST_P(SmtpSendTest, AnEnvelopeCannotInjectCommands) {
  for (const Envelope& envelope :
       {Envelope{"a@b.test>\r\nRCPT TO:<x@y.test", {"b@mx.test"}, ""},
        Envelope{"a@b.test", {"b@mx.test", "c@mx.test>\r\nDATA"}, ""},
        Envelope{"a@b.test", {"b@mx.test> NOTIFY=NEVER"}, ""},
        Envelope{"a@b.test", {""}, ""}, Envelope{"a@b.test", {}, ""}}) {
    const SendResult sent = Send(Behaviour(), envelope, message_);
    ASSERT_TRUE(sent.failure);
    EXPECT_EQ(sent.failure->reason(), Reason::kRequestInvalid);
    EXPECT_THAT(record_.commands, ElementsAre("EHLO client.test", "QUIT"));
  }
}

TEST_P(SmtpSendTest, ACallerGoneBeforeTheDotStopsTheMessage) {
  Caller caller;
  SessionOptions options = Options();
  options.cancellation = caller.cancellation();
  TextMessage message("Subject: x\r\n\r\nbody\r\n");
  message.before_read = [&] { caller.HangUp(); };
  const SendResult sent = Send(Behaviour(), kOne, message, options);
  ASSERT_TRUE(sent.failure);
  EXPECT_EQ(sent.failure->reason(), Reason::kClientGone);
  EXPECT_FALSE(sent.dot_sent);
  EXPECT_THAT(record_.messages, IsEmpty());
  // QUIT would be part of the message.
  EXPECT_EQ(record_.unfinished, "Subject: x\r\n\r\nbody\r\n");
}

TEST_P(SmtpSendTest, AfterTheDotNobodysLeavingMatters) {
  Caller caller;
  SessionOptions options = Options();
  options.cancellation = caller.cancellation();
  const ServerScript script = [&](ServerConnection& connection) {
    connection.Say("220 mx.test\r\n");
    for (const char* reply : {"250 mx.test", "250 ok", "250 ok", "354 go"}) {
      connection.ReadLine();
      connection.Say(std::string(reply) + "\r\n");
    }
    if (!connection.ReadMessage()) return;
    caller.HangUp();
    connection.Say("250 2.0.0 taken\r\n");
    connection.ReadLine();
    connection.Say("221 2.0.0 bye\r\n");
    connection.WaitForHangup();
  };
  const SendResult sent = SendTo(script, kOne, message_, options);
  EXPECT_FALSE(sent.failure);
  EXPECT_TRUE(sent.dot_sent);
  EXPECT_EQ(sent.dot->code, 250);
}

// The caller's time ends while the server still thinks about the dot: giving up
// then would send the message twice. Doubles the time until it is enough for
// what comes before the dot, however slow the machine.
TEST_P(SmtpSendTest, TheReplyToTheDotHasATimeOfItsOwn) {
  SendResult sent;
  for (milliseconds budget{25}; !sent.dot_sent && budget < milliseconds(10'000);
       budget *= 2) {
    std::optional<Deadline> deadline;
    ScriptedSmtpServer server([&](ServerConnection& connection) {
      connection.Say("220 mx.test\r\n");
      for (const char* reply : {"250 mx.test", "250 ok", "250 ok", "354 go"}) {
        if (!connection.ReadLine()) return;
        connection.Say(std::string(reply) + "\r\n");
      }
      if (!connection.ReadMessage()) return;
      while (!deadline->expired()) std::this_thread::yield();
      connection.Say("250 2.0.0 taken\r\n");
      connection.WaitForHangup();
    });
    const auto session = Greeted(server);
    ASSERT_TRUE(session);
    deadline = Deadline::After(budget);
    sent = session->Send(kOne, message_, *deadline);
  }
  ASSERT_TRUE(sent.dot_sent);
  EXPECT_FALSE(sent.failure);
  EXPECT_EQ(sent.dot->code, 250);
}

TEST_P(SmtpSendTest, NoAnswerToTheDotLeavesTheQuestionOpen) {
  const auto script = [&](bool silent) -> ServerScript {
    return [silent](ServerConnection& connection) {
      connection.Say("220 mx.test\r\n");
      for (const char* reply : {"250 mx.test", "250 ok", "250 ok", "354 go"}) {
        connection.ReadLine();
        connection.Say(std::string(reply) + "\r\n");
      }
      if (connection.ReadMessage() && silent) connection.WaitForHangup();
    };
  };
  SessionOptions options = Options();
  options.timeouts.dot = milliseconds(20);
  SendResult sent = SendTo(script(true), kOne, message_, options);
  ASSERT_TRUE(sent.failure);
  EXPECT_EQ(sent.failure->reason(), Reason::kConnectionTimeout);
  EXPECT_TRUE(sent.dot_sent);
  EXPECT_FALSE(sent.dot);

  sent = SendTo(script(false), kOne, message_);
  ASSERT_TRUE(sent.failure);
  EXPECT_EQ(sent.failure->reason(), Reason::kConnectionLost);
  EXPECT_TRUE(sent.dot_sent);
}

TEST_P(SmtpSendTest, AnEarlyYesIsNeverTakenForTheAnswerToTheDot) {
  for (const char* early : {"250 2.0.0 taken\r\n", "554 5.3.4 too big\r\n"}) {
    SCOPED_TRACE(early);
    const ServerScript script = [&](ServerConnection& connection) {
      connection.Say("220 mx.test\r\n");
      for (const char* reply : {"250 mx.test", "250 ok", "250 ok"}) {
        connection.ReadLine();
        connection.Say(std::string(reply) + "\r\n");
      }
      connection.ReadLine();
      connection.Say(std::string("354 go\r\n") + early);
      connection.WaitForHangup();
    };
    const SendResult sent = SendTo(script, kOne, message_);
    EXPECT_FALSE(sent.dot_sent);
    EXPECT_THAT(record_.messages, IsEmpty());
    if (*early == '2') {
      ASSERT_TRUE(sent.failure);
      EXPECT_EQ(sent.failure->reason(), Reason::kSmtpProtocolError);
    } else {
      ASSERT_TRUE(sent.dot);
      EXPECT_EQ(sent.dot->code, 554);
    }
  }
}

TEST_P(SmtpSendTest, ASpoolThatCannotBeReadSendsNoHalfMessage) {
  TextMessage unreadable("x\r\n");
  unreadable.unreadable = true;
  TextMessage shorter("x\r\n");
  shorter.missing = 5;
  for (const TextMessage* message : {&unreadable, &shorter}) {
    const SendResult sent = Send(Behaviour(), kOne, *message);
    ASSERT_TRUE(sent.failure);
    EXPECT_EQ(sent.failure->reason(), Reason::kInternal);
    EXPECT_FALSE(sent.dot_sent);
    EXPECT_THAT(record_.messages, IsEmpty());
    EXPECT_FALSE(record_.Saw("QUIT"));
  }
}

}  // namespace
}  // namespace postern
