// tests/posternd/running_posternd.h
//
// posternd as a process of its own, with a configuration and sockets in a
// directory of its own. Readiness is what it tells the service manager, so
// nothing waits by the clock.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/service/client.h"

namespace postern {

inline Deadline Soon() { return Deadline::After(std::chrono::seconds(60)); }

inline std::string ReadToEnd(int fd) {
  std::string all;
  char block[4096];
  for (ssize_t n = 0; (n = read(fd, block, sizeof block)) > 0;) {
    all.append(block, static_cast<std::size_t>(n));
  }
  return all;
}

// In the child: the descriptor where systemd would put it.
inline void PassAsSystemd(int fd) {
  dup2(fd, 3);
  fcntl(3, F_SETFD, 0);  // dup2() onto itself leaves close-on-exec
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  setenv("LISTEN_FDS", "1", 1);
}

class RunningPosternd : public testing::Test {
 protected:
  RunningPosternd() {
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
              {"door-lmtp", "lmtp"},
              {"door-postfix-map", "map"},
              {"lmtp-users", std::to_string(getuid())},
              {"lmtp-connections", "2"},
              {"worker-threads", "2"}};
    notify_ = OwnedFd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = directory_ + "/notify";
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(bind(notify_.get(), reinterpret_cast<sockaddr*>(&address),
                   sizeof address),
              0);
  }
  ~RunningPosternd() override {
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
  void Launch(
      const std::vector<std::string>& more = {},
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
    if (WaitFor(notify_.get(), false, -1, Soon()) != Waited::kReadable)
      return "";
    const ssize_t n = recv(notify_.get(), text, sizeof text, 0);
    return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : "";
  }

  void StartGood(
      const std::vector<std::string>& more = {},
      const std::function<void()>& prepare = [] {}) {
    WriteConfig();
    Launch(more, prepare);
    ASSERT_THAT(Notified(), testing::StartsWith("READY=1"));
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

}  // namespace postern
