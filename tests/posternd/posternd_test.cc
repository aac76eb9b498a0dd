// tests/posternd/posternd_test.cc
//
// The program itself: what keeps it from starting, and that it answers, reloads
// and stops. Readiness is what it tells the service manager, so nothing waits
// by the clock.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "core/service/client.h"
#include "core/service/listening_socket.h"

namespace postern {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

Deadline Soon() { return Deadline::After(seconds(60)); }

std::string ReadToEnd(int fd) {
  std::string all;
  char block[4096];
  for (ssize_t n = 0; (n = read(fd, block, sizeof block)) > 0;) {
    all.append(block, static_cast<std::size_t>(n));
  }
  return all;
}

// In the child: the descriptor where systemd would put it.
void PassAsSystemd(int fd) {
  dup2(fd, 3);
  fcntl(3, F_SETFD, 0);  // dup2() onto itself leaves close-on-exec
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  setenv("LISTEN_FDS", "1", 1);
}

class PosterndTest : public testing::Test {
 protected:
  PosterndTest() {
    std::string pattern = testing::TempDir() + "postern-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    std::filesystem::create_directory(directory_ + "/spool");
    lines_ = {{"socket-directory", directory_},
              {"spool-directory", directory_ + "/spool"},
              {"snapshot", directory_ + "/policy.db"},
              {"state", directory_ + "/state.db"},
              {"author-store", directory_ + "/author.db"},
              {"helo-name", "mta.sender.test"},
              {"dns-forwarders", "127.0.0.1@9"},
              {"pipe-users", std::to_string(getuid())},
              {"query-users", std::to_string(getuid())},
              {"worker-threads", "2"}};
    notify_ = OwnedFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = directory_ + "/notify";
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(bind(notify_.get(), reinterpret_cast<sockaddr*>(&address),
                   sizeof address), 0);
  }
  ~PosterndTest() override {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    std::filesystem::remove_all(directory_);
  }

  void WriteConfig() {
    std::ofstream file(directory_ + "/postern.conf");
    for (const auto& [name, value] : lines_) {
      file << name << " = " << value << "\n";
    }
  }

  // `prepare` runs in the child, before the program.
  void Launch(const std::vector<std::string>& more = {},
              const std::function<void()>& prepare = [] {}) {
    std::vector<std::string> words{POSTERND, "--foreground", "--allow-root",
                                   "--config", directory_ + "/postern.conf"};
    words.insert(words.end(), more.begin(), more.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    int err[2];
    ASSERT_EQ(pipe2(err, O_CLOEXEC), 0);
    stderr_.Reset(err[0]);
    child_ = fork();
    if (child_ == 0) {
      setenv("NOTIFY_SOCKET", (directory_ + "/notify").c_str(), 1);
      dup2(err[1], STDERR_FILENO);
      dup2(err[1], STDOUT_FILENO);
      prepare();
      execv(argv[0], argv.data());
      _exit(98);
    }
    close(err[1]);
  }

  int Wait() {
    int status = 0;
    EXPECT_EQ(waitpid(child_, &status, 0), child_);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  // What it tells the service manager next.
  std::string Notified() {
    char text[512];
    if (WaitFor(notify_.get(), false, -1, Soon()) != Waited::kReadable) return "";
    const ssize_t n = recv(notify_.get(), text, sizeof text, 0);
    return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : "";
  }

  void StartGood(const std::vector<std::string>& more = {},
                 const std::function<void()>& prepare = [] {}) {
    WriteConfig();
    Launch(more, prepare);
    ASSERT_THAT(Notified(), StartsWith("READY=1"));
  }

  Reply Ask(const Request& request, const std::string& door = "query",
            int pass_fd = -1) {
    auto client = ServiceClient::Connect(directory_ + "/" + door, Soon());
    if (!client) return {"none", client.error().ToString()};
    const Status sent = client->Send(request, pass_fd, Soon());
    const auto reply = client->Receive(Soon());
    return reply ? *reply : Reply{"none", reply.error().ToString()};
  }

  std::string directory_;
  std::map<std::string, std::string> lines_;
  OwnedFd notify_, stderr_;
  pid_t child_ = -1;
};

TEST_F(PosterndTest, WhatIsWrongKeepsItFromStartingAndIsNamed) {
  const std::string file = directory_ + "/occupied";
  std::ofstream(file) << "x";
  const struct {
    const char *name, *value, *says;
  } cases[] = {
      {"no-such-option", "1", "no-such-option"},
      {"worker-threads", "many", "worker-threads"},
      {"verifiers", "pin magic", "magic"},
      {"leave-out", "pin", "leave-out"},
      {"helo-name", "localhost", "helo-name"},
      {"dns-forwarders", "resolver.test", "dns-forwarders"},
      {"dns-trust-anchor", "/nonexistent/root.key", "root.key"},
      {"dns-options", "nonsense", "dns-options"},
      {"spool-directory", "/nonexistent/spool", "/nonexistent/spool"},
      {"socket-directory", "/nonexistent/run", "/nonexistent/run"},
      {"pipe-users", "no-such-user-here", "no-such-user-here"},
      {"door-query", "occupied", "no socket is there"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto lines = lines_;
    lines_[c.name] = c.value;
    WriteConfig();
    lines_ = lines;
    Launch();
    const std::string said = ReadToEnd(stderr_.get());
    EXPECT_EQ(Wait(), 1);
    EXPECT_THAT(said, HasSubstr(c.says));
  }
  std::filesystem::remove(directory_ + "/postern.conf");
  Launch();
  EXPECT_THAT(ReadToEnd(stderr_.get()), HasSubstr("postern.conf"));
  EXPECT_EQ(Wait(), 1);
}

TEST_F(PosterndTest, UsageErrorsAreTwo) {
  WriteConfig();
  Launch({"--no-such-option"});
  EXPECT_THAT(ReadToEnd(stderr_.get()), HasSubstr("no-such-option"));
  EXPECT_EQ(Wait(), 2);
  Launch({"--set", "worker-threads"});
  EXPECT_EQ(Wait(), 1);
}

TEST_F(PosterndTest, AnswersAndStopsCleanly) {
  StartGood();
  EXPECT_EQ(Ask({"ping", {}}), (Reply{"ok", "{\"alive\":true}"}));
  EXPECT_THAT(Ask({"status", {}}).rest, HasSubstr("\"name\":\"pipe\""));
  EXPECT_THAT(Ask({"nonsense", {}}).rest, HasSubstr("request-invalid"));

  kill(child_, SIGTERM);
  EXPECT_THAT(Notified(), StartsWith("STOPPING=1"));
  EXPECT_EQ(Wait(), 0);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/pipe"));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/query"));
}

TEST_F(PosterndTest, WithoutAPublishedPolicyMailIsDeferred) {
  StartGood();
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const OwnedFd reader(ends[0]);
  ASSERT_EQ(write(ends[1], "S: x\r\n\r\nx\r\n", 11), 11);
  close(ends[1]);
  const Request deliver{"deliver", {{"nexthop", "y.test"},
                                    {"queue-id", "A1"},
                                    {"sender", ""},
                                    {"recipient", "x@y.test"}}};
  const Reply reply = Ask(deliver, "pipe", reader.get());
  EXPECT_EQ(reply.word, "deferred");
  EXPECT_THAT(reply.rest, StartsWith("4.3.5 "));
  EXPECT_THAT(reply.rest, HasSubstr("policy-store-unavailable"));
  EXPECT_THAT(Ask({"status", {}}).rest, HasSubstr("\"deferred\":1"));
  EXPECT_THAT(Ask({"explain", {{"domain", "y.test"}}}).rest,
              HasSubstr("policy-store-unavailable"));
}

TEST_F(PosterndTest, ASecondInstanceIsRefusedAndTheFirstGoesOn) {
  StartGood();
  const pid_t first = std::exchange(child_, -1);
  Launch();
  EXPECT_THAT(ReadToEnd(stderr_.get()), HasSubstr("another instance"));
  EXPECT_EQ(Wait(), 1);
  child_ = first;
  EXPECT_EQ(Ask({"ping", {}}).word, "ok");
}

TEST_F(PosterndTest, AfterAKillItStartsAgainOnItsLeftOverSockets) {
  StartGood();
  kill(child_, SIGKILL);
  EXPECT_EQ(Wait(), -1);
  EXPECT_THAT(Ask({"ping", {}}).rest, HasSubstr("service-unavailable"));
  StartGood();
  EXPECT_EQ(Ask({"ping", {}}).word, "ok");
}

TEST_F(PosterndTest, ReloadsOnSighupAndKeepsTheOldOnAMistake) {
  StartGood();
  lines_["pipe-users"] = std::to_string(getuid() + 1);
  lines_["worker-threads"] = "3";
  WriteConfig();
  kill(child_, SIGHUP);
  EXPECT_THAT(Notified(), StartsWith("RELOADING=1"));
  EXPECT_THAT(Notified(), StartsWith("READY=1"));
  EXPECT_THAT(Ask({"deliver", {}}, "pipe").rest,
              HasSubstr("client-not-allowed"));
  EXPECT_THAT(Ask({"reload", {}}).rest,
              HasSubstr("worker-threads: needs a restart"));

  lines_["verifiers"] = "magic";
  WriteConfig();
  EXPECT_THAT(Ask({"reload", {}}).rest, HasSubstr("magic"));
  kill(child_, SIGHUP);
  EXPECT_THAT(Notified(), StartsWith("RELOADING=1"));
  EXPECT_THAT(Notified(), StartsWith("READY=1"));
  EXPECT_EQ(Ask({"ping", {}}).word, "ok");
}

TEST_F(PosterndTest, TakesSocketsThatSystemdMade) {
  auto listener = ListenUnix({directory_ + "/query", 0600, {}});
  ASSERT_TRUE(listener);
  StartGood({}, [&] { PassAsSystemd(listener->get()); });
  listener->Reset();
  EXPECT_EQ(Ask({"ping", {}}).word, "ok");
  kill(child_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/query"));  // systemd's

  const auto stray = ListenUnix({directory_ + "/stray", 0600, {}});
  WriteConfig();
  Launch({}, [&] { PassAsSystemd(stray->get()); });
  EXPECT_THAT(ReadToEnd(stderr_.get()), HasSubstr("no door's"));
  EXPECT_EQ(Wait(), 1);
}

}  // namespace
}  // namespace postern
