// core/service/service.h
//
// Service: posternd's doors. One thread accepts connections, checks who is
// there, greets, reads the request line; then the connection, with the
// descriptor that came along, goes to the door's own workers, who answer it.
// (A door with a protocol of its own gets the connection unread.)
// Slow, silent and too many clients are turned away by that one thread.
//
// Start-up, Stop() and destruction from one thread; the rest from any.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/service/call_pool.h"
#include "core/service/line_protocol.h"
#include "core/service/owned_fd.h"

namespace postern {

// A door of the line protocol (docs/protocol.md), or, without `request_first`,
// one whose handler speaks a protocol of its own from the first octet on.
struct Door {
  std::string name;         // "pipe", "query"
  std::string path;         // for status and the log
  OwnedFd listener;         // listening, non-blocking
  std::vector<uid_t> uids;  // who may use it; empty: nobody
  bool takes_fd = false;    // exactly one descriptor with each request
  // False: a connection goes to a worker as it is, neither greeted nor read.
  bool request_first = true;
  ReplyFormat format = FormatReply;  // for refusals, and what handlers return
  std::size_t workers = 4;
  std::size_t queue = 0;         // calls that may wait for a worker
  std::size_t max_reading = 64;  // clients that have not sent their line yet
  std::size_t max_line = kMaxRequestLine;          // octets of a request line
  std::chrono::milliseconds request_budget{5000};  // for the request line
  // Call::owner. Pure; on the thread of all connections. Null: nobody's.
  std::function<std::string(const Request&)> owner;
  CallHandler handler;
};

struct DoorStatus {
  std::string name, path;
  CallPool::Load load;
  std::size_t reading = 0;  // clients that have not sent their line yet
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;      // not among the door's users
  std::uint64_t turned_away = 0;  // told "busy"
};

// One line for the service's own log; called from any thread, must not throw.
using ServiceLog = std::function<void(std::string_view)>;

class Service {
 public:
  // Throws std::system_error where threads or descriptors are lacking.
  Service(std::vector<Door> doors, ServiceLog log);
  // Stops; waits for running calls without a bound.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Clients are accepted from now on. Error: no thread can be started.
  [[nodiscard]] Status Start();

  // Accepts nobody any more, answers whoever waits with "service-stopping",
  // lets running calls give up or finish (CallPool::Stop()). False: some still
  // run at the deadline, and only ending the process ends them.
  [[nodiscard]] bool Stop(Deadline deadline);

  // After a reload. Unknown names are ignored.
  void SetUsers(std::string_view door, std::vector<uid_t> uids);

  std::vector<DoorStatus> Doors() const;

 private:
  class Loop;
  std::unique_ptr<Loop> loop_;
};

}  // namespace postern
