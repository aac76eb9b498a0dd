// tests/testlib/served_map.h
//
// ServedMap: a socket map on a unix socket of its own, answered by functions of
// a test, that can be ended and started again. ScriptedMap: whatever a test
// makes of each connection.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/service/listening_socket.h"
#include "core/service/socket_map_server.h"
#include "core/service/unix_socket.h"

namespace postern {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = testing::TempDir() + "postern-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::string operator/(const std::string& name) const {
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

// Descriptors that this process has open.
inline std::size_t OpenDescriptors(const std::string& process = "self") {
  std::size_t count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + process + "/fd")) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

class ServedMap {
 public:
  // Nothing: to be looked up.
  using Known =
      std::function<std::optional<SocketMapReply>(const SocketMapQuery&)>;
  // `stop_fd` hangs up when the map is ended.
  using Find =
      std::function<SocketMapReply(const SocketMapQuery&, int stop_fd)>;

  // Whose a lookup is; none: nobody's.
  using Owner = std::function<std::string(const SocketMapQuery&)>;

  // `path`: where, if not in a directory of its own.
  explicit ServedMap(Known known, Find find = {}, const std::string& path = "",
                     Owner owner = {})
      : path_(path.empty() ? directory_ / "map" : path) {
    handler_->known = std::move(known);
    handler_->find = std::move(find);
    handler_->owner = std::move(owner);
    Start();
  }

  const std::string& path() const { return path_; }
  std::uint64_t accepted() const { return server_->status().accepted; }
  CallPool::Load load() const { return server_->status().load; }
  int log_lines() const { return log_lines_; }
  // Nobody may ask from now on.
  void TurnAway() { server_->SetUsers({}); }

  void Start() {
    auto listener = ListenUnix({path_, 0600, {}});
    ASSERT_TRUE(listener) << listener.error().ToString();
    SocketMapDoor door;
    door.name = "map";
    door.listeners.push_back(
        {*std::move(listener), path_, std::vector<uid_t>{getuid()}});
    door.handler = handler_;
    server_ = std::make_unique<SocketMapServer>(
        std::move(door), [this](std::string_view) { ++log_lines_; });
    ASSERT_TRUE(server_->Start());
  }
  // Whoever waits is hung up on, as by the end of a process.
  void End() { server_.reset(); }

 private:
  struct Handler final : SocketMapHandler {
    std::optional<SocketMapReply> Known(const SocketMapQuery& query) override {
      return known(query);
    }
    SocketMapReply Find(const SocketMapQuery& query, Deadline /*deadline*/,
                        int stop_fd) override {
      return find(query, stop_fd);
    }
    std::string OwnerOf(const SocketMapQuery& query) override {
      return owner ? owner(query) : std::string();
    }
    ServedMap::Known known;
    ServedMap::Find find;
    ServedMap::Owner owner;
  };

  const TemporaryDirectory directory_;
  const std::string path_;
  const std::shared_ptr<Handler> handler_ = std::make_shared<Handler>();
  std::atomic<int> log_lines_{0};
  std::unique_ptr<SocketMapServer> server_;
};

class ScriptedMap {
 public:
  // One connection after another; `number` counts them from 0. The connection
  // ends when it returns.
  using Script = std::function<void(int fd, int number)>;

  explicit ScriptedMap(Script script)
      : script_(std::move(script)), listener_(Listen(path_)) {
    thread_ = std::thread([this] { Run(); });
  }
  ~ScriptedMap() {
    shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  ScriptedMap(const ScriptedMap&) = delete;
  ScriptedMap& operator=(const ScriptedMap&) = delete;

  const std::string& path() const { return path_; }
  int connections() const { return connections_; }

  // The next question's key; empty once the client has hung up.
  static std::string Hear(int fd) {
    NetstringBuffer buffer(kMaxSocketMapQuery);
    for (;;) {
      if (WaitFor(fd, false, -1, Soon()) != Waited::kReadable) return "";
      const auto received = ReceiveNow(fd, 4096);
      if (!received || (!received->would_block && received->octets.empty())) {
        return "";
      }
      buffer.Append(received->octets);
      const auto content = buffer.Take();
      if (!content) return "";
      if (*content) return ParseSocketMapQuery(**content).value().key;
    }
  }
  static void Say(int fd, std::string_view octets) {
    static_cast<void>(SendText(fd, octets, -1, Soon()));
  }
  static void Answer(int fd, const std::string& value) {
    Say(fd, FormatSocketMapReply(SocketMapReply::Ok(value)));
  }

 private:
  static Deadline Soon() { return Deadline::After(std::chrono::seconds(30)); }
  static OwnedFd Listen(const std::string& path) {
    return ListenUnix({path, 0600, {}}).value();
  }
  void Run() {
    for (;;) {
      WaitFor(listener_.get(), false, -1, Soon());
      const OwnedFd fd(
          accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd) return;
      script_(fd.get(), connections_++);
    }
  }

  const TemporaryDirectory directory_;
  const std::string path_ = directory_ / "map";
  const Script script_;
  const OwnedFd listener_;
  std::atomic<int> connections_{0};
  std::thread thread_;
};

}  // namespace postern
