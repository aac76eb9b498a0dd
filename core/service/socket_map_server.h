// core/service/socket_map_server.h
//
// SocketMapServer: answers the questions of an MTA's socket map (socket_map.h).
// One thread of its own holds all connections, thousands of them idle if need
// be, and answers at once what the handler knows. What the handler has to look
// up goes to worker threads through a bounded queue, one look for all who ask
// the same; nobody else waits for it. Each connection gets its answers in the
// order of its questions.
//
// Whatever goes wrong is a TEMP or a closed connection, never an OK: too many
// lookups, an exception, a lookup past its time, no netstring.
//
// Start-up, Stop() and destruction from one thread; the rest from any.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/service/owned_fd.h"
#include "core/service/service.h"
#include "core/service/socket_map.h"

namespace postern {

// What the answers come from. Thread-safe. What it throws becomes a TEMP.
class SocketMapHandler {
 public:
  virtual ~SocketMapHandler() = default;

  // On the thread of all connections: what can be said without the network, DNS
  // or any other wait. Nothing: Find() will be asked.
  virtual std::optional<SocketMapReply> Known(const SocketMapQuery& query) = 0;

  // On a worker thread. Everybody who asks the same before it returns gets its
  // answer, so that must be true when it returns: look last whether the policy
  // is still the one you began with. `stop_fd` hangs up (POLLHUP) when the
  // service stops.
  virtual SocketMapReply Find(const SocketMapQuery& query, Deadline deadline,
                              int stop_fd) = 0;

  // Whose lookup that is (Call::owner): a destination. Pure; on the thread of
  // all connections.
  virtual std::string OwnerOf(const SocketMapQuery& /*query*/) { return {}; }

 protected:
  SocketMapHandler() = default;
};

struct SocketMapListener {
  OwnedFd fd;         // listening, non-blocking
  std::string place;  // its path, or address and port: for the log
  // A unix socket's users; empty: nobody. Nothing: an inet socket, at which
  // nobody can be told from anybody (only loopback: see ListenLoopback()).
  std::optional<std::vector<uid_t>> uids;
};

struct SocketMapDoor {
  std::string name;  // "postfix-map"
  std::vector<SocketMapListener> listeners;
  std::shared_ptr<SocketMapHandler> handler;
  // At a time; one more takes the place of that which is idle longest.
  std::size_t connections = 4096;
  std::size_t workers = 16;  // Find()s at a time
  std::size_t queue = 1024;  // lookups that may wait for a worker
  // What a lookup may take, the wait for a worker included.
  std::chrono::milliseconds lookup_budget{30'000};
  // For the next question, for the rest of one, for an answer to be read.
  std::chrono::milliseconds idle{600'000};
  std::chrono::milliseconds stalled{30'000};
};

class SocketMapServer {
 public:
  // Throws std::system_error where threads or descriptors are lacking.
  SocketMapServer(SocketMapDoor door, ServiceLog log);
  // Stops; waits for running lookups without a bound.
  ~SocketMapServer();
  SocketMapServer(const SocketMapServer&) = delete;
  SocketMapServer& operator=(const SocketMapServer&) = delete;

  // Error: no thread can be started.
  [[nodiscard]] Status Start();

  // Closes all connections, forgets what is queued, makes stop_fd hang up and
  // waits for the rest. False: some lookups still ran at the deadline.
  [[nodiscard]] bool Stop(Deadline deadline);

  // After a reload: the users of the unix listeners.
  void SetUsers(std::vector<uid_t> uids);

  // `load` is about lookups; `reading` counts connections.
  DoorStatus status() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace postern
