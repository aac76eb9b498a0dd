// tests/core/service/service_test.cc
//
// The doors over real sockets: strangers, slow, silent, talkative and too many
// clients are turned away; a descriptor arrives; a hang-up is seen; stopping
// lets go of everyone.
#include "core/service/service.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <mutex>

#include "core/service/client.h"
#include "core/service/listening_socket.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

Deadline Soon() { return Deadline::After(seconds(20)); }

bool HungUp(int fd, Deadline deadline) {
  pollfd poller{fd, 0, 0};
  return poll(&poller, 1, deadline.poll_timeout()) == 1;
}

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() {
    std::string pattern = testing::TempDir() + "postern-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    path_ = directory_ + "/door.sock";
  }
  ~ServiceTest() override {
    service_.reset();
    std::filesystem::remove_all(directory_);
  }

  Door MakeDoor(CallHandler handler) {
    Result<OwnedFd> listener = ListenUnix({path_, 0600, {}});
    EXPECT_TRUE(listener) << listener.error().ToString();
    Door door;
    door.name = "test";
    door.path = path_;
    door.listener = std::move(*listener);
    door.uids = {getuid()};
    door.workers = 1;
    door.handler = std::move(handler);
    return door;
  }

  void Open(Door door) {
    std::vector<Door> doors;
    doors.push_back(std::move(door));
    service_ = std::make_unique<Service>(
        std::move(doors), [this](std::string_view line) {
          const std::lock_guard lock(log_mutex_);
          log_.emplace_back(line);
        });
    ASSERT_TRUE(service_->Start());
  }

  Reply Ask(const Request& request) {
    auto client = ServiceClient::Connect(path_, Soon());
    if (!client) return {"none", client.error().ToString()};
    const auto reply = client->Ask(request, Soon());
    return reply ? *reply : Reply{"none", reply.error().ToString()};
  }

  // Whatever the service says to raw octets after its greeting.
  std::string SayRaw(std::string_view octets) {
    auto fd = ConnectUnix(path_, Soon());
    if (!fd) return fd.error().ToString();
    static_cast<void>(SendText(fd->get(), octets, -1, Soon()));
    return ReadAll(fd->get());
  }

  static std::string ReadAll(int fd) {
    std::string all;
    for (;;) {
      if (WaitFor(fd, false, -1, Soon()) != Waited::kReadable)
        return all + "[silent]";
      const auto received = ReceiveNow(fd, 4096);
      if (!received || (!received->would_block && received->octets.empty())) {
        return all;
      }
      all += received->octets;
    }
  }

  std::string directory_, path_;
  std::mutex log_mutex_;
  std::vector<std::string> log_;  // guarded by log_mutex_
  std::unique_ptr<Service> service_;
};

CallHandler Echo() {
  return [](Call& call) { return Reply{"ok", call.request.verb}; };
}

TEST_F(ServiceTest, AnswersARequest) {
  Open(MakeDoor(Echo()));
  EXPECT_EQ(Ask({"ping", {}}), (Reply{"ok", "ping"}));
  EXPECT_EQ(SayRaw("ping\r\n"), "postern 1 ready\nok ping\n");
  EXPECT_EQ(service_->Doors().front().accepted, 2u);
}

TEST_F(ServiceTest, ADoorOfAnotherProtocolGetsTheConnectionUnread) {
  const auto open = [this](std::size_t workers, CallHandler handler) {
    Door door = MakeDoor(std::move(handler));
    door.workers = workers;
    door.request_first = false;
    door.format = [](const Reply& reply) {
      return reply.word.empty() ? ""
                                : "421 " + reply.rest.substr(0, 5) + "\r\n";
    };
    Open(std::move(door));
  };
  open(1, [](Call& call) {
    EXPECT_TRUE(call.request.verb.empty());
    EXPECT_EQ(call.peer.uid, getuid());
    static_cast<void>(SendText(call.socket.get(), "220 hello\r\n", -1, Soon()));
    EXPECT_EQ(WaitFor(call.socket.get(), false, -1, Soon()), Waited::kReadable);
    const auto received = ReceiveNow(call.socket.get(), 100);
    EXPECT_TRUE(received && received->octets == "LHLO x\r\n");
    if (call.stop_fd < 0) throw std::runtime_error("cannot be stopped");
    return Reply{};  // has said everything itself
  });
  EXPECT_EQ(SayRaw("LHLO x\r\n"), "220 hello\r\n");
  service_.reset();
  open(1, [](Call&) -> Reply { throw std::runtime_error("oh"); });
  EXPECT_EQ(SayRaw(""), "421 4.3.0\r\n");
  service_.reset();
  open(0, [](Call&) { return Reply{}; });
  EXPECT_EQ(SayRaw(""), "421 4.3.2\r\n");
  service_->SetUsers("test", {});
  EXPECT_EQ(SayRaw(""), "421 4.3.5\r\n");
}

TEST_F(ServiceTest, AStrangerIsToldAndNotGreeted) {
  Door door = MakeDoor(Echo());
  door.uids = {getuid() + 1};
  Open(std::move(door));
  EXPECT_THAT(SayRaw(""),
              testing::StartsWith("error 4.3.5 client-not-allowed"));
  EXPECT_THAT(Ask({"ping", {}}).rest, HasSubstr("client-not-allowed"));
  EXPECT_EQ(service_->Doors().front().refused, 2u);

  service_->SetUsers("test", {getuid()});
  EXPECT_EQ(Ask({"ping", {}}).word, "ok");
}

TEST_F(ServiceTest, AStrangerCanNotFillTheLog) {
  Door door = MakeDoor(Echo());
  door.uids.clear();
  Open(std::move(door));
  for (int i = 0; i < 40; ++i) SayRaw("");
  EXPECT_EQ(service_->Doors().front().refused, 40u);
  const std::lock_guard lock(log_mutex_);
  EXPECT_EQ(log_.size(), 5u);
  EXPECT_EQ(log_.front(), "test: refused: client-not-allowed: uid " +
                              std::to_string(getuid()));
}

TEST_F(ServiceTest, NobodyMayUseADoorWithoutUsers) {
  Door door = MakeDoor(Echo());
  door.uids.clear();
  Open(std::move(door));
  EXPECT_THAT(SayRaw("ping\n"), HasSubstr("client-not-allowed"));
}

TEST_F(ServiceTest, ASilentClientIsTurnedAway) {
  Door door = MakeDoor(Echo());
  door.request_budget = milliseconds(20);
  Open(std::move(door));
  EXPECT_THAT(SayRaw(""), HasSubstr("no request line in time"));
  EXPECT_THAT(SayRaw("pin"), HasSubstr("no request line in time"));
  while (service_->Doors().front().reading > 0) std::this_thread::yield();
}

TEST_F(ServiceTest, AnEndlessLineIsRefused) {
  Open(MakeDoor(Echo()));
  EXPECT_THAT(SayRaw(std::string(3 * kMaxRequestLine, 'x')),
              HasSubstr("the line is too long"));
}

TEST_F(ServiceTest, WhatIsNoRequestIsRefused) {
  Open(MakeDoor(Echo()));
  EXPECT_THAT(SayRaw("EHLO me\n"), HasSubstr("error 4.3.5 request-invalid"));
  EXPECT_THAT(SayRaw("ping\nping\n"), HasSubstr("follows the request line"));
}

TEST_F(ServiceTest, TooManyWhoSayNothingAreTurnedAwayAtOnce) {
  Door door = MakeDoor(Echo());
  door.max_reading = 1;
  Open(std::move(door));
  const auto idle = ServiceClient::Connect(path_, Soon());
  ASSERT_TRUE(idle);
  EXPECT_THAT(Ask({"ping", {}}).rest, HasSubstr("service-busy"));
}

TEST_F(ServiceTest, AFullDoorSaysBusyAtOnce) {
  std::promise<void> begun, release;
  Open(MakeDoor([&](Call&) {
    begun.set_value();
    release.get_future().wait();
    return Reply{"ok", "first"};
  }));
  auto first = ServiceClient::Connect(path_, Soon());
  ASSERT_TRUE(first);
  ASSERT_TRUE(first->Send({"ping", {}}, -1, Soon()));
  begun.get_future().wait();

  const Reply second = Ask({"ping", {}});
  EXPECT_EQ(second.word, "error");
  EXPECT_THAT(second.rest, testing::StartsWith("4.3.2 service-busy"));
  EXPECT_EQ(service_->Doors().front().turned_away, 1u);

  release.set_value();
  const auto reply = first->Receive(Soon());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->rest, "first");
}

TEST_F(ServiceTest, OneOwnerLeavesWorkersToTheOthers) {
  std::promise<void> release;
  const std::shared_future<void> released(release.get_future());
  std::atomic<int> hanging{0};
  Door door = MakeDoor([&](Call& call) {
    if (call.owner != "tarpit.example") return Reply{"ok", call.owner};
    ++hanging;
    released.wait();
    return Reply{"ok", "late"};
  });
  door.workers = 4;
  door.queue = 16;
  door.owner = DestinationOf;
  Open(std::move(door));
  std::vector<ServiceClient> stuck;
  // As it may be written, it is one destination.
  for (const char* name :
       {"tarpit.example", "Tarpit.Example", "TARPIT.EXAMPLE."}) {
    auto client = ServiceClient::Connect(path_, Soon());
    ASSERT_TRUE(client);
    ASSERT_TRUE(client->Send({"plan", {{"domain", name}}}, -1, Soon()));
    stuck.push_back(*std::move(client));
  }
  while (hanging == 0) std::this_thread::yield();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Ask({"plan", {{"domain", "partner.example"}}}),
              (Reply{"ok", "partner.example"}));
    EXPECT_EQ(Ask({"ping", {}}), (Reply{"ok", ""}));
  }
  EXPECT_EQ(hanging, 1);
  release.set_value();
  for (ServiceClient& client : stuck) {
    const auto reply = client.Receive(Soon());
    ASSERT_TRUE(reply);
    EXPECT_EQ(*reply, (Reply{"ok", "late"}));
  }
}

TEST_F(ServiceTest, ADescriptorArrivesWithTheRequest) {
  Door door = MakeDoor([](Call& call) {
    char text[16] = {};
    const ssize_t count = read(call.passed.get(), text, sizeof text);
    return Reply{"ok", std::string(text, static_cast<std::size_t>(count))};
  });
  door.takes_fd = true;
  Open(std::move(door));
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const OwnedFd reader(ends[0]);
  OwnedFd writer(ends[1]);
  ASSERT_EQ(write(writer.get(), "message", 7), 7);

  auto client = ServiceClient::Connect(path_, Soon());
  ASSERT_TRUE(client);
  ASSERT_TRUE(client->Send({"deliver", {}}, reader.get(), Soon()));
  const auto reply = client->Receive(Soon());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->rest, "message");

  EXPECT_THAT(SayRaw("deliver\n"), HasSubstr("no descriptor was passed"));
}

TEST_F(ServiceTest, ADoorThatTakesNoDescriptorRefusesOne) {
  Open(MakeDoor(Echo()));
  auto client = ServiceClient::Connect(path_, Soon());
  ASSERT_TRUE(client);
  ASSERT_TRUE(client->Send({"ping", {}}, STDERR_FILENO, Soon()));
  const auto reply = client->Receive(Soon());
  ASSERT_TRUE(reply);
  EXPECT_THAT(reply->rest, HasSubstr("takes no descriptor"));
}

TEST_F(ServiceTest, TheWorkerSeesItsClientHangUp) {
  std::promise<bool> seen;
  Open(MakeDoor([&](Call& call) {
    seen.set_value(HungUp(call.socket.get(), Soon()));
    return Reply{"ok", ""};
  }));
  {
    auto client = ServiceClient::Connect(path_, Soon());
    ASSERT_TRUE(client);
    ASSERT_TRUE(client->Send({"ping", {}}, -1, Soon()));
  }
  EXPECT_TRUE(seen.get_future().get());
}

TEST_F(ServiceTest, WhatAHandlerThrowsIsADefer) {
  Open(MakeDoor([](Call&) -> Reply { throw std::runtime_error("broken\n"); }));
  const Reply reply = Ask({"ping", {}});
  EXPECT_EQ(reply.word, "error");
  EXPECT_THAT(reply.rest, testing::StartsWith("4.3.0 internal-error"));
}

TEST_F(ServiceTest, StoppingEndsWaitsAndStillAnswers) {
  std::promise<void> begun;
  Open(MakeDoor([&](Call& call) {
    begun.set_value();
    const bool hung_up = HungUp(call.stop_fd, Soon());
    return Reply{"ok", hung_up ? "gave up" : "did not see"};
  }));
  auto running = ServiceClient::Connect(path_, Soon());
  auto idle = ServiceClient::Connect(path_, Soon());
  ASSERT_TRUE(running && idle);
  ASSERT_TRUE(running->Send({"ping", {}}, -1, Soon()));
  begun.get_future().wait();

  EXPECT_TRUE(service_->Stop(Soon()));

  const auto reply = running->Receive(Soon());
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->rest, "gave up");
  const auto refused = idle->Receive(Soon());
  ASSERT_TRUE(refused);
  EXPECT_THAT(refused->rest, HasSubstr("service-stopping"));
  EXPECT_EQ(Ask({"ping", {}}).word, "none");
}

TEST_F(ServiceTest, StoppingRefusesWhatIsQueued) {
  std::promise<void> begun;
  Door door = MakeDoor([&](Call& call) {
    begun.set_value();
    HungUp(call.stop_fd, Soon());
    return Reply{"ok", ""};
  });
  door.queue = 1;
  Open(std::move(door));
  auto running = ServiceClient::Connect(path_, Soon());
  ASSERT_TRUE(running && running->Send({"ping", {}}, -1, Soon()));
  begun.get_future().wait();
  auto queued = ServiceClient::Connect(path_, Soon());
  ASSERT_TRUE(queued && queued->Send({"ping", {}}, -1, Soon()));
  while (service_->Doors().front().load.queued == 0) std::this_thread::yield();

  EXPECT_TRUE(service_->Stop(Soon()));
  const auto reply = queued->Receive(Soon());
  ASSERT_TRUE(reply);
  EXPECT_THAT(reply->rest, HasSubstr("service-stopping"));
}

TEST_F(ServiceTest, StoppingIsBounded) {
  std::promise<void> begun, release;
  Open(MakeDoor([&](Call&) {
    begun.set_value();
    release.get_future().wait();
    return Reply{"ok", ""};
  }));
  auto client = ServiceClient::Connect(path_, Soon());
  ASSERT_TRUE(client && client->Send({"ping", {}}, -1, Soon()));
  begun.get_future().wait();
  EXPECT_FALSE(service_->Stop(Deadline::After(milliseconds(1))));
  release.set_value();
}

TEST_F(ServiceTest, OnlyALeftOverSocketIsReplaced) {
  { const auto first = ListenUnix({path_, 0640, {}}); }
  struct stat found {};
  ASSERT_EQ(lstat(path_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0640u);
  EXPECT_TRUE(ListenUnix({path_, 0600, {}}));

  const std::string file = directory_ + "/file";
  const OwnedFd created(open(file.c_str(), O_CREAT | O_WRONLY, 0600));
  const auto refused = ListenUnix({file, 0600, {}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().detail(), HasSubstr("no socket is there"));
  EXPECT_FALSE(ListenUnix({std::string(200, 'x'), 0600, {}}));
  EXPECT_FALSE(ListenUnix({directory_ + "/none/x.sock", 0600, {}}));
}

TEST_F(ServiceTest, ASecondInstanceIsRefused) {
  const std::string lock = directory_ + "/lock";
  {
    const auto first = InstanceLock::Take(lock);
    ASSERT_TRUE(first);
    const auto second = InstanceLock::Take(lock);
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().detail(), HasSubstr("another instance"));
  }
  EXPECT_TRUE(InstanceLock::Take(lock));
}

}  // namespace
}  // namespace postern
