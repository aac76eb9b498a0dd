// Connecting, greeting, EHLO and STARTTLS, with servers good and hostile. What
// a server that failed has seen is what its record says: never MAIL.
#include "core/smtp/smtp_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>

#include "tests/core/smtp/session_fixture.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

// How opening ends; needs it to fail.
SmtpFailure OpenFailure(const ScriptedSmtpServer& server,
                        const SessionOptions& options = Options(),
                        Deadline deadline = Soon()) {
  Opened opened = Open(server, options, deadline);
  if (auto* failure = std::get_if<SmtpFailure>(&opened)) return *failure;
  ADD_FAILURE() << "the session opened";
  return SmtpFailure{Error{Reason::kOk, ""}, {}, SmtpStep::kConnect};
}

void ExpectNoMail(ScriptedSmtpServer& server) {
  for (const ConnectionRecord& record : server.Records()) {
    EXPECT_FALSE(record.Saw("MAIL"));
    EXPECT_FALSE(record.Saw("RCPT"));
    EXPECT_FALSE(record.Saw("DATA"));
    EXPECT_TRUE(record.messages.empty());
  }
}

TEST(SmtpSessionTest, SpeaksOverIpv4AndIpv6) {
  for (const char* address : {"127.0.0.1", "::1"}) {
    SCOPED_TRACE(address);
    ScriptedSmtpServer server(Ordinary(), address);
    const auto session = Greeted(server);
    ASSERT_TRUE(session);
    EXPECT_FALSE(session->encrypted());
    EXPECT_EQ(session->evidence().peer_address, address);
    EXPECT_FALSE(session->evidence().has_certificate());
    session->Quit();
    EXPECT_THAT(server.Records().front().commands,
                ElementsAre("EHLO client.test", "QUIT"));
  }
}

TEST(SmtpSessionTest, UsesTheSourceAddress) {
  ScriptedSmtpServer server(Ordinary());
  SessionOptions options = Options();
  options.source = IpAddress::Parse("127.0.0.9").value();
  EXPECT_TRUE(Greeted(server, options));
  options.source = IpAddress::Parse("192.0.2.1").value();  // not ours
  EXPECT_EQ(OpenFailure(server, options).error.reason(),
            Reason::kConnectionFailed);
  options.source = IpAddress::Parse("::1").value();
  EXPECT_THAT(OpenFailure(server, options).error.detail(),
              HasSubstr("other address family"));
}

TEST(SmtpSessionTest, SaysThatNobodyListens) {
  Port port;
  {
    ScriptedSmtpServer server(Ordinary());
    port = server.port();
  }
  const TlsClient tls;
  const auto opened = SmtpSession::Open(IpAddress::Parse("127.0.0.1").value(),
                                        port, Options(), tls, Soon());
  const auto* failure = std::get_if<SmtpFailure>(&opened);
  ASSERT_NE(failure, nullptr);
  EXPECT_EQ(failure->error.reason(), Reason::kConnectionFailed);
  EXPECT_EQ(failure->step, SmtpStep::kConnect);
}

TEST(SmtpSessionTest, RefusesAHeloThatIsNoName) {
  ScriptedSmtpServer server(Ordinary());
  for (const char* name : {"", "a b", "a\r\nMAIL FROM:<>", "a>b", "\xc3\xbc"}) {
    SessionOptions options = Options();
    options.helo = name;
    EXPECT_EQ(OpenFailure(server, options).error.reason(),
              Reason::kRequestInvalid);
  }
  EXPECT_TRUE(server.Records(0).empty());
}

TEST(SmtpSessionTest, ARefusedGreetingIsThatHostsFailureAndEndsInQuit) {
  for (const char* greeting :
       {"554 no service here", "421 too busy", "450-come back\r\n450 later"}) {
    SCOPED_TRACE(greeting);
    ScriptedSmtpServer server(Ordinary({.greeting = greeting}));
    const SmtpFailure failure = OpenFailure(server);
    EXPECT_EQ(failure.error.reason(), Reason::kGreetingRefused);
    EXPECT_EQ(failure.step, SmtpStep::kGreeting);
    ASSERT_TRUE(failure.reply);
    EXPECT_EQ(failure.reply->code, std::stoi(greeting));
    EXPECT_THAT(server.Records().front().commands, ElementsAre("QUIT"));
  }
}

TEST(SmtpSessionTest, ABrokenGreetingIsAProtocolError) {
  for (const std::string& greeting :
       {std::string("hello"), std::string("250 what?"),
        std::string("354 go on"), std::string("220-a\r\n221 b"),
        "220 " + std::string(5000, 'x'), std::string("22\0 x", 5)}) {
    ScriptedSmtpServer server(Ordinary({.greeting = greeting}));
    EXPECT_EQ(OpenFailure(server).error.reason(), Reason::kSmtpProtocolError);
    ExpectNoMail(server);
  }
}

TEST(SmtpSessionTest, AServerThatHangsUpIsAConnectionLost) {
  ScriptedSmtpServer server([](ServerConnection&) {});
  EXPECT_EQ(OpenFailure(server).error.reason(), Reason::kConnectionLost);
}

TEST(SmtpSessionTest, EveryStepHasItsOwnTimeLimit) {
  ScriptedSmtpServer silent(
      [](ServerConnection& connection) { connection.WaitForHangup(); });
  SessionOptions options = Options();
  options.timeouts.greeting = milliseconds(20);
  EXPECT_EQ(OpenFailure(silent, options).error.reason(),
            Reason::kConnectionTimeout);
  // The caller's deadline caps it.
  EXPECT_EQ(OpenFailure(silent, Options(), Deadline::After(milliseconds(20)))
                .error.reason(),
            Reason::kConnectionTimeout);

  ScriptedSmtpServer deaf([](ServerConnection& connection) {
    connection.Say("220 hi\r\n");
    connection.WaitForHangup();
  });
  options = Options();
  options.timeouts.hello = milliseconds(20);
  Opened opened = Open(deaf, options);
  ASSERT_EQ(opened.index(), 0U);
  const SmtpStatus hello = std::get<0>(opened)->Hello(Soon());
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->error.reason(), Reason::kConnectionTimeout);
  EXPECT_EQ(hello->step, SmtpStep::kHello);
}

// A line now and then must not start the time anew.
TEST(SmtpSessionTest, AReplyThatNeverEndsIsLeft) {
  ScriptedSmtpServer server([](ServerConnection& connection) {
    connection.Say("220 hi\r\n");
    connection.ReadLine();
    while (connection.SayRaw("250-and\r\n")) {
    }
  });
  Opened opened = Open(server);
  ASSERT_EQ(opened.index(), 0U);
  const SmtpStatus hello = std::get<0>(opened)->Hello(Soon());
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->error.reason(), Reason::kSmtpProtocolError);
}

TEST(SmtpSessionTest, FallsBackToHeloOnlyWhereAllowedAndInTheClear) {
  ScriptedSmtpServer server(Ordinary({.replies = {{"EHLO", "500 what?"}}}));
  SessionOptions options = Options();
  options.allow_helo = true;
  {
    const auto session = Greeted(server, options);
    ASSERT_TRUE(session);
    EXPECT_FALSE(session->offers_starttls());
  }
  Opened opened = Open(server);
  ASSERT_EQ(opened.index(), 0U);
  const SmtpStatus hello = std::get<0>(opened)->Hello(Soon());
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->error.reason(), Reason::kHelloRefused);
  EXPECT_EQ(hello->reply->code, 500);
  std::get<0>(opened)->Quit();
  const auto records = server.Records(2);
  EXPECT_THAT(records[0].commands,
              ElementsAre("EHLO client.test", "HELO client.test"));
  EXPECT_THAT(records[1].commands, ElementsAre("EHLO client.test", "QUIT"));

  // Over TLS, never.
  ServerBehaviour behaviour = WithTls({{"EHLO", "500 what?"}});
  behaviour.wrapper = true;
  ScriptedSmtpServer encrypted(Ordinary(behaviour));
  options.wrapper = true;
  Opened over_tls = Open(encrypted, options);
  ASSERT_EQ(over_tls.index(), 0U);
  EXPECT_TRUE(std::get<0>(over_tls)->Hello(Soon()));
  std::get<0>(over_tls)->Quit();
  EXPECT_FALSE(encrypted.Records().front().Saw("HELO"));
}

// SUB-01, SUB-02
TEST(SmtpSessionTest, SpeaksTlsFromTheFirstOctetAndEndsItInOrder) {
  ServerBehaviour behaviour = WithTls();
  behaviour.wrapper = true;
  ScriptedSmtpServer server(Ordinary(behaviour));
  SessionOptions options = Options();
  options.wrapper = true;
  options.tls.server_name = Domain::Parse("mx.test").value();
  const auto session = Greeted(server, options);
  ASSERT_TRUE(session);
  EXPECT_TRUE(session->encrypted());
  EXPECT_EQ(session->evidence().leaf(), MxCertificate().der);
  EXPECT_EQ(session->evidence().server_name, "mx.test");
  EXPECT_EQ(session->evidence().peer_address, "127.0.0.1");
  session->Quit();
  const ConnectionRecord record = server.Records().front();
  EXPECT_THAT(record.commands, ElementsAre("EHLO client.test", "QUIT"));
  EXPECT_TRUE(record.close_notify);
  EXPECT_EQ(record.hello.sni, "mx.test");
}

TEST(SmtpSessionTest, AnImplicitTlsPortThatSpeaksPlainFailsTheHandshake) {
  ScriptedSmtpServer server(Ordinary());
  SessionOptions options = Options();
  options.wrapper = true;
  const SmtpFailure failure = OpenFailure(server, options);
  EXPECT_EQ(failure.error.reason(), Reason::kTlsHandshakeFailed);
  EXPECT_EQ(failure.step, SmtpStep::kHandshake);
}

// STLS-02, SUB-02
TEST(SmtpSessionTest, QuitAfterARefusedVerdictSendsNoMail) {
  ScriptedSmtpServer server(Ordinary(WithTls()));
  const auto session = Greeted(server);
  ASSERT_TRUE(session);
  ASSERT_TRUE(session->offers_starttls());
  const SmtpStatus tls = session->StartTls(Soon());
  ASSERT_FALSE(tls) << tls->error.ToString();
  EXPECT_TRUE(session->encrypted());
  EXPECT_EQ(session->evidence().leaf(), MxCertificate().der);
  session->Quit();
  const ConnectionRecord record = server.Records().front();
  EXPECT_THAT(record.commands,
              ElementsAre("EHLO client.test", "STARTTLS", "QUIT"));
  EXPECT_TRUE(record.close_notify);
}

TEST(SmtpSessionTest, StopsAtOnceWhenTheCallerHasGone) {
  ScriptedSmtpServer server(
      [](ServerConnection& connection) { connection.WaitForHangup(); });
  Caller caller;
  caller.HangUp();
  SessionOptions options = Options();
  options.cancellation = caller.cancellation();
  EXPECT_EQ(OpenFailure(server, options).error.reason(), Reason::kClientGone);
}

TEST(SmtpSessionTest, AHalfClosedCallerStillWaitsForItsAnswer) {
  ScriptedSmtpServer server(Ordinary());
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  shutdown(ends[1], SHUT_WR);
  SessionOptions options = Options();
  options.cancellation = {ends[0]};
  EXPECT_TRUE(Greeted(server, options));
  for (const int end : ends) close(end);
}

TEST(SmtpSessionTest, QuitNeverWaitsLong) {
  ScriptedSmtpServer server(
      Ordinary({.replies = {{"QUIT", "221-never ends"}}}));
  SessionOptions options = Options();
  options.timeouts.quit = milliseconds(20);
  const auto session = Greeted(server, options);
  ASSERT_TRUE(session);
  session->Quit();
  session->Quit();
  EXPECT_TRUE(session->Hello(Soon()));  // closed is closed
}

TEST(SmtpSessionTest, LeaksNoDescriptor) {
  const std::size_t before = OpenDescriptors();
  {
    ServerTls cut = Presenting(MxCertificate());
    cut.cut_after = 200;
    ServerBehaviour broken;
    broken.tls = cut;
    ScriptedSmtpServer breaks(Ordinary(broken));
    ScriptedSmtpServer refuses(Ordinary({.greeting = "554 no"}));
    ScriptedSmtpServer good(Ordinary(WithTls()));
    const std::size_t with_servers = OpenDescriptors();
    for (int i = 0; i < 10; ++i) {
      (void)Open(refuses);
      const auto first = Greeted(breaks);
      EXPECT_TRUE(first && first->StartTls(Soon()));
      const auto second = Greeted(good);
      EXPECT_TRUE(second && !second->StartTls(Soon()));
    }
    // The servers keep their 30 ends until they go.
    refuses.Records(10);
    breaks.Records(10);
    good.Records(10);
    EXPECT_EQ(OpenDescriptors(), with_servers + 30);
  }
  EXPECT_EQ(OpenDescriptors(), before);
}

}  // namespace
}  // namespace postern
