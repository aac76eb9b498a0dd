// tests/core/service/socket_map_server_test.cc
//
// The socket map's server over real sockets: strangers, garbage, silence,
// greed and too many are turned away; what is known is answered while hundreds
// of lookups hang; nothing that goes wrong is an OK.
#include "core/service/socket_map_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "core/service/listening_socket.h"
#include "core/service/unix_socket.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

Deadline Soon() { return Deadline::After(seconds(30)); }

// "known…" is known, "throw…" throws, "hang…" hangs until the service stops or
// Release(), everything else is looked up.
class TestHandler final : public SocketMapHandler {
 public:
  TestHandler() {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    gate_reader_.Reset(ends[0]);
    gate_writer_.Reset(ends[1]);
  }

  std::optional<SocketMapReply> Known(const SocketMapQuery& query) override {
    if (query.key.starts_with("known")) return SocketMapReply::Ok(query.key);
    if (query.key.starts_with("big")) {
      return SocketMapReply::Ok(std::string(90'000, 'x'));
    }
    if (query.key == "throw-known") throw std::runtime_error("oh");
    return std::nullopt;
  }

  SocketMapReply Find(const SocketMapQuery& query, Deadline deadline,
                      int stop_fd) override {
    ++finds;
    if (query.key == "throw-find") throw std::runtime_error("oh");
    if (query.key == "throw-number") throw 42;
    if (query.key.starts_with("hang")) {
      ++hanging;
      pollfd fds[2] = {{gate_reader_.get(), 0, 0}, {stop_fd, 0, 0}};
      const bool for_ever = query.key.ends_with("for-ever");
      poll(fds, 2, for_ever ? -1 : deadline.poll_timeout());
      --hanging;
    }
    return SocketMapReply::Ok("found " + query.key);
  }

  // "hang-tarpit.example-1" is tarpit.example's.
  std::string OwnerOf(const SocketMapQuery& query) override {
    const std::string_view key = query.key;
    if (!key.starts_with("hang-")) return {};
    return std::string(key.substr(5, key.rfind('-') - 5));
  }

  void Release() { gate_writer_.Reset(); }

  std::atomic<int> finds{0}, hanging{0};

 private:
  OwnedFd gate_reader_, gate_writer_;
};

class SocketMapServerTest : public testing::Test {
 protected:
  SocketMapServerTest() {
    std::string pattern = testing::TempDir() + "postern-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    path_ = directory_ + "/map";
  }
  ~SocketMapServerTest() override {
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  SocketMapDoor MakeDoor() {
    Result<OwnedFd> listener = ListenUnix({path_, 0600, {}});
    EXPECT_TRUE(listener) << listener.error().ToString();
    SocketMapDoor door;
    door.name = "map";
    door.listeners.push_back(
        {*std::move(listener), path_, std::vector<uid_t>{getuid()}});
    door.handler = handler_;
    door.workers = 2;
    return door;
  }

  void Open(SocketMapDoor door) {
    server_ = std::make_unique<SocketMapServer>(std::move(door),
                                                [](std::string_view) {});
    ASSERT_TRUE(server_->Start());
  }

  OwnedFd Connect() {
    auto fd = ConnectUnix(path_, Soon());
    EXPECT_TRUE(fd) << fd.error().ToString();
    return fd ? *std::move(fd) : OwnedFd();
  }

  static void Ask(const OwnedFd& fd, const std::string& key) {
    Say(fd, FormatSocketMapQuery({"policy", key}));
  }
  static void Say(const OwnedFd& fd, std::string_view octets) {
    static_cast<void>(SendText(fd.get(), octets, -1, Soon()));
  }

  // "OK value", or what became of the connection.
  static std::string Hear(const OwnedFd& fd, Deadline deadline = Soon()) {
    NetstringBuffer buffer(kMaxSocketMapReply);
    for (;;) {
      const auto content = buffer.Take();
      if (!content) return "[garbage]";
      if (*content) return **content;
      if (WaitFor(fd.get(), false, -1, deadline) != Waited::kReadable) {
        return "[silent]";
      }
      // One octet at a time: what follows belongs to the next answer.
      const auto received = ReceiveNow(fd.get(), 1);
      if (!received || (!received->would_block && received->octets.empty())) {
        return "[closed]";
      }
      buffer.Append(received->octets);
    }
  }

  std::string AskOnce(const std::string& key) {
    const OwnedFd fd = Connect();
    Ask(fd, key);
    return Hear(fd);
  }

  void AwaitHanging(int count) {
    const Deadline deadline = Soon();
    while (handler_->hanging != count && !deadline.expired()) {
      std::this_thread::yield();
    }
    ASSERT_EQ(handler_->hanging, count);
  }

  std::string directory_, path_;
  std::shared_ptr<TestHandler> handler_ = std::make_shared<TestHandler>();
  std::unique_ptr<SocketMapServer> server_;
};

TEST_F(SocketMapServerTest, AnswersManyQuestionsOnOneConnection) {
  Open(MakeDoor());
  const OwnedFd fd = Connect();
  for (int i = 0; i < 100; ++i) {
    const std::string key = "known" + std::to_string(i);
    Ask(fd, key);
    ASSERT_EQ(Hear(fd), "OK " + key);
  }
  Ask(fd, "other");
  EXPECT_EQ(Hear(fd), "OK found other");
  EXPECT_EQ(server_->status().accepted, 1u);
}

TEST_F(SocketMapServerTest, AnswersInTheOrderOfTheQuestions) {
  Open(MakeDoor());
  const OwnedFd fd = Connect();
  std::string all;
  for (const char* key : {"known1", "slow1", "known2", "slow2", "known3"}) {
    all += FormatSocketMapQuery({"policy", key});
  }
  Say(fd, all);
  for (const char* answer : {"OK known1", "OK found slow1", "OK known2",
                             "OK found slow2", "OK known3"}) {
    EXPECT_EQ(Hear(fd), answer);
  }
}

TEST_F(SocketMapServerTest, ThreeHundredBlackHolesDelayNobody) {
  SocketMapDoor door = MakeDoor();
  door.workers = 4;
  Open(std::move(door));
  std::vector<OwnedFd> stuck;
  for (int i = 0; i < 300; ++i) {
    stuck.push_back(Connect());
    Ask(stuck.back(), "hang" + std::to_string(i));
  }
  AwaitHanging(4);

  const OwnedFd fd = Connect();
  for (int i = 0; i < 200; ++i) {
    Ask(fd, "known");
    ASSERT_EQ(Hear(fd), "OK known");
  }

  EXPECT_EQ(handler_->hanging, 4);
  handler_->Release();
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(Hear(stuck[static_cast<std::size_t>(i)]),
              "OK found hang" + std::to_string(i));
  }
}

TEST_F(SocketMapServerTest, OneOwnerNeverHasAllHands) {
  SocketMapDoor door = MakeDoor();
  door.workers = 8;
  Open(std::move(door));
  std::vector<OwnedFd> stuck;
  const auto hang = [&](const std::string& owner) {
    stuck.push_back(Connect());
    Ask(stuck.back(), "hang-" + owner + "-" + std::to_string(stuck.size()));
  };
  for (int i = 0; i < 40; ++i) hang("tarpit.example");
  AwaitHanging(2);
  EXPECT_EQ(AskOnce("other"), "OK found other");
  for (int i = 0; i < 5; ++i) hang("second.example");
  AwaitHanging(4);
  EXPECT_EQ(AskOnce("another"), "OK found another");
  handler_->Release();
  for (const OwnedFd& fd : stuck)
    EXPECT_THAT(Hear(fd), StartsWith("OK found "));
}

TEST_F(SocketMapServerTest, LooksOnceForAllWhoAskTheSame) {
  Open(MakeDoor());
  std::vector<OwnedFd> fds;
  for (int i = 0; i < 20; ++i) {
    fds.push_back(Connect());
    Say(fds.back(), FormatSocketMapQuery({"policy", "known"}) +
                        FormatSocketMapQuery({"policy", "hang"}));
    // Whoever is answered the first has also had the second read.
    EXPECT_EQ(Hear(fds.back()), "OK known");
  }
  AwaitHanging(1);
  handler_->Release();
  for (const OwnedFd& fd : fds) EXPECT_EQ(Hear(fd), "OK found hang");
  EXPECT_EQ(handler_->finds, 1);
}

TEST_F(SocketMapServerTest, SaysTempWhereTooManyLookupsWait) {
  SocketMapDoor door = MakeDoor();
  door.workers = 1;
  door.queue = 1;
  Open(std::move(door));
  const OwnedFd first = Connect(), second = Connect();
  Ask(first, "hang1");
  AwaitHanging(1);
  Say(second, FormatSocketMapQuery({"policy", "known"}) +
                  FormatSocketMapQuery({"policy", "hang2"}));
  EXPECT_EQ(Hear(second), "OK known");

  EXPECT_THAT(AskOnce("hang3"), StartsWith("TEMP 4.3.2 service-busy"));

  handler_->Release();
  EXPECT_EQ(Hear(first), "OK found hang1");
  EXPECT_EQ(Hear(second), "OK found hang2");
}

TEST_F(SocketMapServerTest, ALookupThatWaitedTooLongIsNotBegun) {
  SocketMapDoor door = MakeDoor();
  door.workers = 1;
  const milliseconds budget{50};
  door.lookup_budget = budget;
  Open(std::move(door));
  const OwnedFd first = Connect(), second = Connect();
  Ask(first, "hang-for-ever");
  AwaitHanging(1);
  Say(second, FormatSocketMapQuery({"policy", "known"}) +
                  FormatSocketMapQuery({"policy", "hang"}));
  EXPECT_EQ(Hear(second), "OK known");
  std::this_thread::sleep_for(2 * budget);
  handler_->Release();
  EXPECT_EQ(Hear(first), "OK found hang-for-ever");
  EXPECT_THAT(Hear(second), StartsWith("TEMP 4.3.2 service-busy"));
  EXPECT_EQ(handler_->finds, 1);
}

TEST_F(SocketMapServerTest, WhatIsThrownIsATempAndTheServiceGoesOn) {
  Open(MakeDoor());
  const OwnedFd fd = Connect();
  for (const char* key : {"throw-known", "throw-find", "throw-number"}) {
    SCOPED_TRACE(key);
    Ask(fd, key);
    EXPECT_THAT(Hear(fd), StartsWith("TEMP internal-error"));
  }
  Ask(fd, "known");
  EXPECT_EQ(Hear(fd), "OK known");
}

TEST_F(SocketMapServerTest, ClosesOnWhatIsNoNetstring) {
  Open(MakeDoor());
  for (const char* text :
       {"GET / HTTP/1.1\r\n\r\n", "99999:x", "3:abcd", "\n"}) {
    SCOPED_TRACE(text);
    const OwnedFd fd = Connect();
    Say(fd, FormatSocketMapQuery({"policy", "known"}) + text);
    EXPECT_EQ(Hear(fd), "OK known");
    EXPECT_EQ(Hear(fd), "[closed]");
  }
  const OwnedFd fd = Connect();
  Say(fd, "7:no-name,");
  EXPECT_THAT(Hear(fd), StartsWith("TEMP "));
}

TEST_F(SocketMapServerTest, RefusesStrangers) {
  SocketMapDoor door = MakeDoor();
  door.listeners.front().uids = std::vector<uid_t>{getuid() + 1};
  Open(std::move(door));
  EXPECT_EQ(AskOnce("known"), "[closed]");
  EXPECT_EQ(server_->status().refused, 1u);

  server_->SetUsers({getuid()});
  EXPECT_EQ(AskOnce("known"), "OK known");
}

TEST_F(SocketMapServerTest, OneTooManyTakesTheMostIdlesPlace) {
  SocketMapDoor door = MakeDoor();
  door.connections = 2;
  Open(std::move(door));
  const OwnedFd first = Connect(), second = Connect();
  Ask(first, "known1");
  EXPECT_EQ(Hear(first), "OK known1");
  Say(second, "12:policy kn");  // half a question is no claim either
  Ask(first, "known2");
  EXPECT_EQ(Hear(first), "OK known2");
  const OwnedFd third = Connect();
  Ask(third, "known3");
  EXPECT_EQ(Hear(third), "OK known3");
  EXPECT_EQ(Hear(second), "[closed]");
  Ask(first, "known4");
  EXPECT_EQ(Hear(first), "OK known4");
  EXPECT_EQ(server_->status().reading, 2u);
}

TEST_F(SocketMapServerTest, WhoWaitsForALookupKeepsItsPlace) {
  SocketMapDoor door = MakeDoor();
  door.connections = 1;
  Open(std::move(door));
  const OwnedFd first = Connect();
  Ask(first, "hang");
  AwaitHanging(1);
  EXPECT_EQ(AskOnce("known"), "[closed]");
  EXPECT_EQ(server_->status().turned_away, 1u);
  handler_->Release();
  EXPECT_EQ(Hear(first), "OK found hang");
}

TEST_F(SocketMapServerTest, HoldsManyIdleConnections) {
  Open(MakeDoor());
  std::vector<OwnedFd> fds;
  for (int i = 0; i < 400; ++i) fds.push_back(Connect());
  for (const OwnedFd& fd : fds) {
    Ask(fd, "known");
    ASSERT_EQ(Hear(fd), "OK known");
  }
  EXPECT_EQ(server_->status().reading, fds.size());
}

TEST_F(SocketMapServerTest, ClosesTheIdleAndTheHalfHearted) {
  SocketMapDoor door = MakeDoor();
  door.idle = milliseconds(150);
  door.stalled = milliseconds(100);
  Open(std::move(door));
  const OwnedFd idle = Connect(), half = Connect();
  Say(half, "12:policy kn");
  EXPECT_EQ(Hear(half), "[closed]");
  EXPECT_EQ(Hear(idle), "[closed]");
}

TEST_F(SocketMapServerTest, WhoNeverReadsIsClosedAndHoldsLittle) {
  SocketMapDoor door = MakeDoor();
  door.stalled = milliseconds(300);
  Open(std::move(door));
  const OwnedFd fd = Connect();
  // 200,000 answers of 90 kB: were they kept, that would be 18 GB.
  const std::string question = FormatSocketMapQuery({"policy", "big"});
  std::string many;
  for (int i = 0; i < 200'000; ++i) many += question;
  const Status sent = SendText(fd.get(), many, -1, Soon());
  EXPECT_FALSE(sent);  // it stopped reading, and closed in the end
  EXPECT_EQ(AskOnce("known"), "OK known");
}

TEST_F(SocketMapServerTest, StoppingLetsGoOfEverybody) {
  Open(MakeDoor());
  const OwnedFd idle = Connect(), hanging = Connect();
  Ask(idle, "known");
  EXPECT_EQ(Hear(idle), "OK known");
  Ask(hanging, "hang");
  AwaitHanging(1);
  EXPECT_TRUE(server_->Stop(Soon()));
  EXPECT_EQ(Hear(idle), "[closed]");
  EXPECT_EQ(Hear(hanging), "[closed]");
}

TEST_F(SocketMapServerTest, AClientThatLeavesItsLookupIsForgotten) {
  Open(MakeDoor());
  {
    const OwnedFd fd = Connect();
    Ask(fd, "hang");
    AwaitHanging(1);
  }
  handler_->Release();
  EXPECT_EQ(AskOnce("other"), "OK found other");
}

TEST(ListenLoopbackTest, OnlyAtLoopback) {
  for (const char* address : {"0.0.0.0", "::", "192.0.2.1", "2001:db8::1"}) {
    SCOPED_TRACE(address);
    const auto listener = ListenLoopback(*IpAddress::Parse(address), 0);
    ASSERT_FALSE(listener);
    EXPECT_THAT(listener.error().detail(), HasSubstr("loopback"));
  }
}

TEST_F(SocketMapServerTest, AnswersAtALoopbackPort) {
  Result<OwnedFd> listener = ListenLoopback(*IpAddress::Parse("127.0.0.1"), 0);
  ASSERT_TRUE(listener) << listener.error().ToString();
  sockaddr_in address{};
  socklen_t length = sizeof address;
  ASSERT_EQ(getsockname(listener->get(), reinterpret_cast<sockaddr*>(&address),
                        &length),
            0);
  SocketMapDoor door = MakeDoor();
  door.listeners.push_back({*std::move(listener), "127.0.0.1", std::nullopt});
  Open(std::move(door));

  const OwnedFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(
      connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), length),
      0);
  Ask(fd, "known");
  EXPECT_EQ(Hear(fd), "OK known");
}

}  // namespace
}  // namespace postern
