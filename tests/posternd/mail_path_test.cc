// tests/posternd/mail_path_test.cc
//
// A message's whole way: postern-transport's request, posternd, a published
// policy, a receiver that records what it saw. No DNS: the next hop is an
// address. A refusal is proven by the receiver; an end at any moment leaves the
// message with the MTA or with the receiver, and says which.
#include <atomic>
#include <fstream>
#include <future>

#include "core/store/author_store.h"
#include "core/store/delivery_journal.h"
#include "core/store/snapshot.h"
#include "tests/posternd/running_posternd.h"
#include "tests/testlib/certificates.h"
#include "tests/testlib/scripted_smtp_server.h"

namespace postern {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kMessage =
    "Subject: x\r\n\r\n..leading dot\r\nbody\r\n";

class MailPathTest : public RunningPosternd {
 protected:
  // The receiver's way to hold a client: it says `reached`, and goes on once
  // `go_on` is set.
  struct Turnstile {
    std::promise<void> reached, go_on;
    void Pass() {
      reached.set_value();
      go_on.get_future().wait();
    }
  };

  static std::string HopTo(const ScriptedSmtpServer& server) {
    return "[127.0.0.1]:" + std::to_string(server.port().value);
  }

  void PublishLines(const std::vector<std::string>& lines,
                    const std::string& pin_digest = "") {
    const Author author{"test", SystemClock().Now()};
    auto store = AuthorStore::Create(directory_ + "/private/author.db",
                                     ParsePolicyLine("* may").value(), author);
    ASSERT_TRUE(store) << store.error().ToString();
    std::vector<Change> changes;
    for (const std::string& line : lines) {
      changes.push_back(SetLine{ParsePolicyLine(line).value()});
    }
    if (!pin_digest.empty()) {
      Pin pin;
      pin.key = "bank.test";
      pin.digest = pin_digest;
      changes.push_back(AddPin{pin});
    }
    const auto commit = (*store)->Apply(changes, author);
    ASSERT_TRUE(commit) << commit.error().ToString();
    const auto done =
        Publish(**store, directory_ + "/policy.db", {}, author.when);
    ASSERT_TRUE(done) << done.error().ToString();
  }

  // The connection of a client that has handed the message over.
  ServiceClient HandOver(const std::string& hop) {
    auto client = ServiceClient::Connect(directory_ + "/pipe", Soon()).value();
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    EXPECT_EQ(write(ends[1], kMessage.data(), kMessage.size()),
              static_cast<ssize_t>(kMessage.size()));
    close(ends[1]);
    const OwnedFd reader(ends[0]);
    EXPECT_TRUE(client.Send({"deliver",
                             {{"nexthop", hop},
                              {"queue-id", "4FA"},
                              {"sender", ""},
                              {"recipient", "x@bank.test"}}},
                            reader.get(), Soon()));
    return client;
  }

  static Result<Reply> Await(ServiceClient& client) {
    return client.Receive(Soon(), -1, [] { return true; });
  }

  Reply Deliver(const std::string& hop) {
    ServiceClient client = HandOver(hop);
    const auto reply = Await(client);
    return reply ? *reply : Reply{"none", reply.error().ToString()};
  }

  // Takes a message in clear; at `verb` the client passes the turnstile.
  static ServerScript HoldsAt(std::string verb, Turnstile& turnstile) {
    return [verb = std::move(verb), &turnstile](ServerConnection& client) {
      client.Say("220 mx.test\r\n");
      while (const auto line = client.ReadLine()) {
        if (line->starts_with(verb)) turnstile.Pass();
        if (line->starts_with("DATA")) {
          client.Say("354 go\r\n");
          if (!client.ReadMessage()) return;
          if (verb == ".") turnstile.Pass();
          client.Say("250 2.0.0 taken\r\n");
        } else {
          client.Say("250 ok\r\n");
        }
      }
    };
  }

  const TestCertificate certificate_ = MakeSelfSigned(ForHost("mx.bank.test"));
};

TEST_F(MailPathTest, DeliversOverTlsWhereThePinMatches) {
  ScriptedSmtpServer server(Ordinary({.tls = Presenting(certificate_)}));
  PublishLines({"bank.test fingerprint route=" + HopTo(server)},
               certificate_.key.spki_hash());
  StartGood();

  const Reply reply = Deliver(HopTo(server));

  EXPECT_EQ(reply.word, "delivered") << reply.rest;
  EXPECT_THAT(reply.rest, StartsWith("2."));
  const ConnectionRecord record = server.Records().front();
  EXPECT_TRUE(record.encrypted);
  ASSERT_EQ(record.messages.size(), 1u);
  EXPECT_EQ(record.messages.front(), kMessage);
  EXPECT_THAT(Ask({"status", {}}).rest, HasSubstr("\"delivered\":1"));
}

TEST_F(MailPathTest, AnotherKeyGetsNoMail) {
  ScriptedSmtpServer server(Ordinary({.tls = Presenting(certificate_)}));
  PublishLines({"bank.test fingerprint route=" + HopTo(server)},
               TestKey::Generate().spki_hash());
  StartGood();

  const Reply reply = Deliver(HopTo(server));

  EXPECT_EQ(reply.word, "deferred");
  EXPECT_THAT(reply.rest, StartsWith("4.7.5 "));
  EXPECT_THAT(reply.rest, HasSubstr("pin-mismatch"));
  EXPECT_FALSE(server.Records().front().Saw("MAIL"));

  const Reply probe =
      Ask({"probe", {{"domain", "bank.test"}, {"nexthop", HopTo(server)}}});
  EXPECT_THAT(probe.rest, HasSubstr("\"reason\":\"pin-mismatch\""));
}

TEST_F(MailPathTest, ARouteThatTheLineDoesNotNameIsNotTaken) {
  ScriptedSmtpServer server(Ordinary({.tls = Presenting(certificate_)}));
  PublishLines({"bank.test fingerprint route=[127.0.0.2]:25"},
               certificate_.key.spki_hash());
  StartGood();
  EXPECT_THAT(Deliver(HopTo(server)).rest, HasSubstr("route-not-allowed"));
  EXPECT_TRUE(server.Records(0).empty());
}

TEST_F(MailPathTest, AReceiversNoBounces) {
  ScriptedSmtpServer server(
      Ordinary({.replies = {{"RCPT", "550 5.1.1 no such user"}}}));
  PublishLines({"bank.test may"});
  StartGood();
  const Reply reply = Deliver(HopTo(server));
  EXPECT_EQ(reply.word, "bounced");
  EXPECT_THAT(reply.rest, StartsWith("5.1.1 "));
  EXPECT_THAT(reply.rest, HasSubstr("no such user"));
}

TEST_F(MailPathTest, AClientGoneBeforeTheDotEndsTheDelivery) {
  Turnstile turnstile;
  ScriptedSmtpServer server(HoldsAt("RCPT", turnstile));
  PublishLines({"bank.test may"});
  StartGood();
  {
    const ServiceClient client = HandOver(HopTo(server));
    turnstile.reached.get_future().wait();
  }
  // The receiver is still silent: only the hang-up can end this.
  const Deadline patience = Soon();
  while (Ask({"status", {}}).rest.find("\"deferred\":1") == std::string::npos) {
    ASSERT_FALSE(patience.expired());
  }
  turnstile.go_on.set_value();
  EXPECT_TRUE(server.Records().front().messages.empty());
}

TEST_F(MailPathTest, AClientThatSaysNoLastMomentGetsNothingSent) {
  ScriptedSmtpServer server(Ordinary());
  PublishLines({"bank.test may"});
  StartGood();
  int asked = 0;
  {
    ServiceClient client = HandOver(HopTo(server));
    const auto reply = client.Receive(Soon(), -1, [&] { return ++asked > 1; });
    EXPECT_EQ(reply.error().reason(), Reason::kClientGone);
  }
  EXPECT_EQ(asked, 1);
  const ConnectionRecord record = server.Records().front();
  EXPECT_TRUE(record.messages.empty());
  EXPECT_FALSE(record.unfinished.empty());
}

TEST_F(MailPathTest, HalfAMessageOfADeadPipeIsNeverSentAsWhole) {
  ScriptedSmtpServer server(Ordinary());
  PublishLines({"bank.test may"});
  StartGood();
  // What pipe(8) is to the transport: its parent, who holds the other ends.
  int ready[2];
  ASSERT_EQ(pipe2(ready, O_CLOEXEC), 0);
  const std::string door = directory_ + "/pipe", hop = HopTo(server);
  const pid_t pipe_process = fork();
  if (pipe_process == 0) {
    int in[2], out[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) _exit(1);
    if (fork() == 0) {
      dup2(in[0], 0);
      dup2(out[1], 1);
      execl(POSTERN_TRANSPORT, POSTERN_TRANSPORT, "--socket", door.c_str(),
            "--", hop.c_str(), "4FA", "", "x@bank.test", nullptr);
      _exit(98);
    }
    close(in[0]);
    close(out[1]);
    constexpr std::string_view kHalf = "Subject: x\r\n\r\nonly ha";
    if (write(in[1], kHalf.data(), kHalf.size()) < 0) _exit(1);
    if (write(ready[1], "x", 1) < 0) _exit(1);
    for (;;) pause();
  }
  char octet;
  ASSERT_EQ(read(ready[0], &octet, 1), 1);
  const Deadline patience = Soon();
  while (Ask({"status", {}}).rest.find("\"workers\":2,\"busy\":1") ==
         std::string::npos) {
    ASSERT_FALSE(patience.expired());  // the message is being read
  }
  kill(pipe_process, SIGKILL);
  waitpid(pipe_process, nullptr, 0);
  close(ready[0]);
  close(ready[1]);

  while (Ask({"status", {}}).rest.find("\"deferred\":1") == std::string::npos) {
    ASSERT_FALSE(patience.expired());
  }
  for (const ConnectionRecord& record : server.Records(0)) {
    EXPECT_TRUE(record.messages.empty());
  }
}

TEST_F(MailPathTest, WhatWasSentAndNotHeardOfIsNotSentAgain) {
  ScriptedSmtpServer server(Ordinary());
  PublishLines({"bank.test may"});
  StartGood();
  EXPECT_THAT(Deliver(HopTo(server)).rest, HasSubstr("took it"));
  kill(child_, SIGKILL);
  EXPECT_EQ(Wait(), -1);

  StartGood();
  const Reply again = Deliver(HopTo(server));

  EXPECT_EQ(again.word, "delivered");
  EXPECT_THAT(again.rest, HasSubstr("already sent at 2"));
  EXPECT_EQ(server.Records().size(), 1u);
}

TEST_F(MailPathTest, AKillAfterTheDotMeansOnceMoreAndItIsSaid) {
  Turnstile turnstile;
  std::atomic<int> messages{0};
  ScriptedSmtpServer server([&](ServerConnection& client) {
    client.Say("220 mx.test\r\n");
    while (const auto line = client.ReadLine()) {
      if (!line->starts_with("DATA")) {
        client.Say("250 ok\r\n");
        continue;
      }
      client.Say("354 go\r\n");
      if (!client.ReadMessage()) return;
      if (++messages == 1) {
        turnstile.Pass();
        return;
      }
      client.Say("250 2.0.0 taken\r\n");
    }
  });
  PublishLines({"bank.test may"});
  StartGood();
  ServiceClient client = HandOver(HopTo(server));
  auto answer = std::async(std::launch::async, [&] { return Await(client); });
  turnstile.reached.get_future().wait();
  kill(child_, SIGKILL);
  EXPECT_EQ(Wait(), -1);
  EXPECT_FALSE(answer.get());  // no reply: the MTA defers
  turnstile.go_on.set_value();

  StartGood();
  EXPECT_EQ(Deliver(HopTo(server)).word, "delivered");
  EXPECT_EQ(messages, 2);
  const auto entries = ReadJournal(directory_ + "/journal.db", "4FA");
  ASSERT_TRUE(entries) << entries.error().ToString();
  ASSERT_EQ(entries->size(), 1u);
  EXPECT_EQ(entries->front().state, JournalState::kDelivered);
  EXPECT_EQ(entries->front().unknown, 1u);
}

TEST_F(MailPathTest, WithoutAJournalNothingIsSent) {
  ScriptedSmtpServer server(Ordinary());
  PublishLines({"bank.test may"});
  std::ofstream(directory_ + "/journal.db") << std::string(4096, 'x');
  StartGood();
  const Reply reply = Deliver(HopTo(server));
  EXPECT_EQ(reply.word, "deferred");
  EXPECT_THAT(reply.rest, StartsWith("4.3.0 journal-unavailable"));
  EXPECT_TRUE(server.Records(0).empty());
}

TEST_F(MailPathTest, AReloadLetsADeliveryEnd) {
  Turnstile turnstile;
  ScriptedSmtpServer server(HoldsAt(".", turnstile));
  PublishLines({"bank.test may"});
  StartGood();
  ServiceClient client = HandOver(HopTo(server));
  auto answer = std::async(std::launch::async, [&] { return Await(client); });
  turnstile.reached.get_future().wait();

  EXPECT_THAT(Ask({"reload", {}}).rest, HasSubstr("\"reloaded\":true"));
  turnstile.go_on.set_value();

  const auto reply = answer.get();
  ASSERT_TRUE(reply) << reply.error().ToString();
  EXPECT_EQ(reply->word, "delivered") << reply->rest;
}

TEST_F(MailPathTest, StoppingBeforeTheDotDefers) {
  Turnstile turnstile;
  ScriptedSmtpServer server(HoldsAt("RCPT", turnstile));
  PublishLines({"bank.test may"});
  StartGood();
  ServiceClient client = HandOver(HopTo(server));
  turnstile.reached.get_future().wait();

  kill(child_, SIGTERM);
  const auto reply = Await(client);

  ASSERT_TRUE(reply) << reply.error().ToString();
  EXPECT_EQ(reply->word, "deferred");
  EXPECT_THAT(reply->rest, HasSubstr("service-stopping"));
  EXPECT_EQ(Wait(), 0);
  turnstile.go_on.set_value();
  EXPECT_TRUE(server.Records().front().messages.empty());
}

TEST_F(MailPathTest, StoppingAfterTheDotWaitsForTheAnswer) {
  Turnstile turnstile;
  ScriptedSmtpServer server(HoldsAt(".", turnstile));
  PublishLines({"bank.test may"});
  StartGood();
  ServiceClient client = HandOver(HopTo(server));
  auto answer = std::async(std::launch::async, [&] { return Await(client); });
  turnstile.reached.get_future().wait();

  kill(child_, SIGTERM);
  EXPECT_THAT(Notified(), StartsWith("STOPPING=1"));
  turnstile.go_on.set_value();
  const auto reply = answer.get();

  ASSERT_TRUE(reply) << reply.error().ToString();
  EXPECT_EQ(reply->word, "delivered") << reply->rest;
  EXPECT_EQ(Wait(), 0);
  EXPECT_EQ(server.Records().front().messages.size(), 1u);
}

TEST_F(MailPathTest, ASecondSignalEndsItAtOnce) {
  Turnstile turnstile;
  ScriptedSmtpServer server(HoldsAt(".", turnstile));
  PublishLines({"bank.test may"});
  StartGood();
  ServiceClient client = HandOver(HopTo(server));
  auto answer = std::async(std::launch::async, [&] { return Await(client); });
  turnstile.reached.get_future().wait();

  kill(child_, SIGTERM);
  EXPECT_THAT(Notified(), StartsWith("STOPPING=1"));
  kill(child_, SIGTERM);
  EXPECT_EQ(Wait(), 1);
  EXPECT_FALSE(answer.get());  // no reply: the MTA defers
  turnstile.go_on.set_value();
}

}  // namespace
}  // namespace postern
