// tests/postfix-transport/lmtp_door_test.cc
//
// One connection of lmtp(8) from end to end: every recipient hears what became
// of its own mail, a slow destination holds up nobody else's, and whatever goes
// wrong, or goes away, before a delivery is a defer.
#include "postfix-transport/lmtp_door.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <map>
#include <thread>

#include "core/service/unix_socket.h"

namespace postern {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using Outcome = RecipientResult::Outcome;
using Results = std::vector<RecipientResult>;

Deadline Soon() { return Deadline::After(seconds(20)); }

class FirstOnes final : public Random {
 public:
  std::uint64_t Below(std::uint64_t) override { return 0; }
};

class LmtpDoorTest : public testing::Test {
 protected:
  LmtpDoorTest() {
    std::string pattern = testing::TempDir() + "postern-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    spool_ = std::make_unique<Spool>(directory_, Spool::Limits{1000, 1500});
    limits_.message = 1000;
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    stop_reader_.Reset(ends[0]);
    stop_writer_.Reset(ends[1]);
  }
  ~LmtpDoorTest() override {
    HangUp();
    std::filesystem::remove_all(directory_);
  }

  void Open(LmtpDoor::Deliver deliver) {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    call_.socket.Reset(ends[0]);
    call_.stop_fd = stop_reader_.get();
    client_.Reset(ends[1]);
    door_ = std::make_unique<LmtpDoor>(std::move(deliver), *spool_, random_,
                                       "mta.test", limits_);
    serving_ = std::thread([this] {
      EXPECT_TRUE(door_
                      ->Serve(call_,
                              [this](const RecipientResult& result) {
                                ++told_[result.outcome];
                              })
                      .word.empty());
      call_.socket.Reset();
    });
  }

  void HangUp() {
    client_.Reset();
    if (serving_.joinable()) serving_.join();
  }

  void Say(std::string_view octets) {
    ASSERT_TRUE(SendText(client_.get(), octets, -1, Soon()));
  }
  // The next reply line, without its CRLF.
  std::string Line() {
    for (;;) {
      if (const auto line = buffer_.TakeLine()) return *line;
      if (WaitFor(client_.get(), false, -1, Soon()) != Waited::kReadable) {
        return "[silence]";
      }
      const auto received = ReceiveNow(client_.get(), 4096);
      if (!received || received->octets.empty()) return "[closed]";
      buffer_.Append(received->octets);
    }
  }
  void Skip(int lines) {
    while (lines-- > 0) Line();
  }

  // Greeting, LHLO and an envelope, up to the 354.
  void Begin(const std::vector<std::string>& recipients) {
    std::string all = "LHLO a\r\nXFORWARD IDENT=A1\r\nMAIL FROM:<a@b.test>\r\n";
    for (const std::string& to : recipients) all += "RCPT TO:<" + to + ">\r\n";
    Say(all + "DATA\r\n");
    Skip(1 + 7 + 2 + static_cast<int>(recipients.size()));
    EXPECT_THAT(Line(), StartsWith("354"));
  }

  static LmtpDoor::Deliver Never() {
    return [](const DeliveryRequest&, const Message&, Deadline) {
      ADD_FAILURE() << "delivered";
      return Results(1);
    };
  }

  std::string directory_;
  std::unique_ptr<Spool> spool_;
  FirstOnes random_;
  LmtpDoor::Limits limits_;
  std::unique_ptr<LmtpDoor> door_;
  OwnedFd stop_reader_, stop_writer_, client_;
  Call call_;
  LineBuffer buffer_{100000};
  std::thread serving_;
  std::map<Outcome, int> told_;
};

TEST_F(LmtpDoorTest, EveryRecipientHearsOfItsOwnMail) {
  std::mutex mutex;
  std::map<std::string, std::vector<std::string>> asked;
  Open([&](const DeliveryRequest& request, const Message& message,
           Deadline deadline) -> Results {
    EXPECT_EQ(request.door, "postfix-lmtp");
    EXPECT_EQ(request.envelope.sender, "a@b.test");
    EXPECT_EQ(request.envelope.queue_id, "A1");
    EXPECT_EQ(request.cancellation.hangup_fd, call_.socket.get());
    EXPECT_EQ(message.size(), 15u);
    EXPECT_TRUE(message.ends_with_crlf());
    EXPECT_FALSE(deadline.expired());
    const std::lock_guard lock(mutex);
    asked[request.next_hop.str()] = request.envelope.recipients;
    if (request.next_hop.str() == "one.test") {
      return {{Outcome::kDelivered, "2.1.5", "taken"},
              {Outcome::kBounced, "5.1.1", "no such user"}};
    }
    return {{Outcome::kDeferred, "4.7.5", "pin-mismatch: no"}};
  });
  Begin({"x@one.test", "y@[192.0.2.1]", "z@One.Test"});
  Say("S: x\r\n\r\nhello\r\n.\r\nQUIT\r\n");
  EXPECT_EQ(Line(), "250 2.1.5 taken");
  EXPECT_EQ(Line(), "451 4.7.5 pin-mismatch: no");
  EXPECT_EQ(Line(), "550 5.1.1 no such user");
  EXPECT_THAT(Line(), StartsWith("221"));
  EXPECT_EQ(Line(), "[closed]");
  HangUp();
  EXPECT_EQ(asked.size(), 2u);
  EXPECT_THAT(asked["one.test"], ElementsAre("x@one.test", "z@One.Test"));
  EXPECT_THAT(asked["[192.0.2.1]:25"], ElementsAre("y@[192.0.2.1]"));
  EXPECT_EQ(told_[Outcome::kDelivered], 1);
  EXPECT_EQ(told_[Outcome::kBounced], 1);
  EXPECT_EQ(told_[Outcome::kDeferred], 1);
  EXPECT_EQ(spool_->used(), 0u);
}

TEST_F(LmtpDoorTest, ASlowDestinationHoldsUpNobodyElse) {
  std::promise<void> go_on, others;
  std::shared_future<void> slow = go_on.get_future().share();
  std::atomic<int> done{0};
  Open([&, slow](const DeliveryRequest& request, const Message&,
                 Deadline) -> Results {
    if (request.next_hop.str() == "slow.test") slow.wait();
    if (++done == 2) others.set_value();
    return {{Outcome::kDelivered, "2.0.0", request.next_hop.str()}};
  });
  Begin({"x@fast.test", "x@slow.test", "x@third.test"});
  Say("hello\r\n.\r\n");
  // Known, so said at once; what comes after the slow one is done already.
  EXPECT_EQ(Line(), "250 2.0.0 fast.test");
  others.get_future().wait();
  go_on.set_value();
  EXPECT_EQ(Line(), "250 2.0.0 slow.test");
  EXPECT_EQ(Line(), "250 2.0.0 third.test");
}

TEST_F(LmtpDoorTest, MoreDestinationsThanHandsAreAllServed) {
  std::atomic<int> at_once{0}, most{0};
  Open(
      [&](const DeliveryRequest& request, const Message&, Deadline) -> Results {
        const int now = ++at_once;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        std::this_thread::yield();
        --at_once;
        return {{Outcome::kDelivered, "2.0.0", request.next_hop.str()}};
      });
  std::vector<std::string> recipients;
  for (int i = 0; i < 30; ++i) {
    recipients.push_back("x@d" + std::to_string(i) + ".test");
  }
  Begin(recipients);
  Say("hello\r\n.\r\n");
  for (int i = 0; i < 30; ++i) {
    EXPECT_EQ(Line(), "250 2.0.0 d" + std::to_string(i) + ".test");
  }
  EXPECT_LE(most, 8);
}

TEST_F(LmtpDoorTest, NoAnswerOrAnExceptionIsADeferOfThoseRecipientsOnly) {
  Open([](const DeliveryRequest& request, const Message&, Deadline) -> Results {
    const std::string hop = request.next_hop.str();
    if (hop == "throws.test") throw std::runtime_error("oh\r\n250 2.0.0 no");
    if (hop == "odd.test") throw 1;
    if (hop == "none.test") return {};
    if (hop == "two.test")
      return Results(2, {Outcome::kDelivered, "2.0.0", ""});
    return {{Outcome::kDelivered, "2.0.0", "taken"}};
  });
  Begin(
      {"x@throws.test", "x@odd.test", "x@none.test", "x@two.test", "x@y.test"});
  Say("hello\r\n.\r\n");
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(Line(), StartsWith("451 4.3.0 internal-error"));
  }
  EXPECT_EQ(Line(), "250 2.0.0 taken");
}

TEST_F(LmtpDoorTest, ASlowDestinationThatHasItsShareIsTriedLater) {
  limits_.share = 1;
  limits_.slow = seconds(0);
  std::promise<void> begun, go_on;
  Open(
      [&](const DeliveryRequest& request, const Message&, Deadline) -> Results {
        if (request.next_hop.str() == "slow.test") {
          begun.set_value();
          go_on.get_future().wait();
        }
        return {{Outcome::kDelivered, "2.0.0", "taken"}};
      });
  Begin({"x@slow.test"});
  Say("hello\r\n.\r\n");
  begun.get_future().wait();

  OwnedFd first = std::move(client_);
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  Call second;
  second.socket.Reset(ends[0]);
  client_.Reset(ends[1]);
  std::thread serving(
      [&] { door_->Serve(second, [](const RecipientResult&) {}); });
  Begin({"y@slow.test", "y@fast.test"});
  Say("hello\r\n.\r\n");
  EXPECT_THAT(Line(), StartsWith("451 4.3.2 service-busy"));
  EXPECT_EQ(Line(), "250 2.0.0 taken");
  client_.Reset();
  serving.join();

  client_ = std::move(first);
  go_on.set_value();
  EXPECT_EQ(Line(), "250 2.0.0 taken");
}

TEST_F(LmtpDoorTest, NothingIsDeliveredThatWasNotWhollyReceived) {
  Open(Never());
  Begin({"x@y.test"});
  Say("hello\r\n.");
  HangUp();
  EXPECT_EQ(spool_->used(), 0u);

  Open(Never());
  Begin({"x@y.test"});
  stop_writer_.Reset();
  EXPECT_THAT(Line(), StartsWith("421 4.3.2 service-stopping"));
  EXPECT_EQ(Line(), "[closed]");
}

TEST_F(LmtpDoorTest, WhatDoesNotFitIsDeferredAfterTheDot) {
  Open(Never());
  Begin({"x@y.test", "z@y.test"});
  Say(std::string(100000, 'x') + "\r\n.\r\n");
  EXPECT_THAT(Line(), StartsWith("452 4.3.4 message-too-big"));
  EXPECT_THAT(Line(), StartsWith("452 4.3.4 message-too-big"));
  std::filesystem::remove_all(directory_);
  Say("XFORWARD IDENT=2\r\nMAIL FROM:<>\r\nRCPT TO:<x@y.test>\r\nDATA\r\n");
  Skip(4);
  Say("hello\r\n.\r\n");
  EXPECT_THAT(Line(), StartsWith("452 4.3.1 spool-full"));
  HangUp();
  EXPECT_EQ(told_[Outcome::kDeferred], 3);
  EXPECT_EQ(spool_->used(), 0u);
}

TEST_F(LmtpDoorTest, AnEmptyMessageIsAMessage) {
  Open([](const DeliveryRequest&, const Message& message, Deadline) -> Results {
    EXPECT_EQ(message.size(), 0u);
    return {{Outcome::kDelivered, "2.0.0", "taken"}};
  });
  Begin({"x@y.test"});
  Say(".\r\n");
  EXPECT_EQ(Line(), "250 2.0.0 taken");
}

TEST_F(LmtpDoorTest, ADeliverySeesThatTheClientHasGone) {
  std::promise<void> begun;
  std::promise<Reason> why;
  Open(
      [&](const DeliveryRequest& request, const Message&, Deadline) -> Results {
        begun.set_value();
        while (!IsCancelled(request.cancellation)) std::this_thread::yield();
        why.set_value(WhyCancelled(request.cancellation)->reason());
        return Results(1);
      });
  Begin({"x@y.test"});
  Say("hello\r\n.\r\n");
  begun.get_future().wait();
  HangUp();
  EXPECT_EQ(why.get_future().get(), Reason::kClientGone);
  EXPECT_EQ(told_[Outcome::kDeferred], 1);
}

TEST_F(LmtpDoorTest, SilenceAndStoppingEndAnIdleConnection) {
  limits_.idle = seconds(0);
  Open(Never());
  Skip(1);
  EXPECT_THAT(Line(), StartsWith("421 4.4.2 deadline-exceeded"));
  EXPECT_EQ(Line(), "[closed]");
  HangUp();
  limits_.idle = seconds(300);
  Open(Never());
  Skip(1);
  stop_writer_.Reset();
  EXPECT_THAT(Line(), StartsWith("421 4.3.2 service-stopping"));
}

TEST(LmtpRefusalTest, TheServicesOwnWordsAreTryAgainLater) {
  EXPECT_EQ(FormatLmtpReply({}), "");
  EXPECT_THAT(FormatLmtpReply(ErrorReply({Reason::kServiceBusy, "lmtp"})),
              StartsWith("421 4.3.2 service-busy: "));
  EXPECT_THAT(FormatLmtpReply(ErrorReply({Reason::kClientNotAllowed, "uid 1"})),
              StartsWith("421 4.3.5 client-not-allowed: "));
  EXPECT_EQ(FormatLmtpReply({"delivered", "2.0.0 ok"}),
            "421 4.3.0 internal-error\r\n");
}

}  // namespace
}  // namespace postern
