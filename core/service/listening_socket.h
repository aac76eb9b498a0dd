// core/service/listening_socket.h
//
// The sockets a service listens on: made here or inherited from systemd, and
// the lock that keeps a second instance away from them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/names/ip_address.h"
#include "core/outcome/result.h"
#include "core/service/owned_fd.h"

namespace postern {

struct SocketPlace {
  std::string path;
  mode_t mode = 0660;
  std::optional<gid_t> group;  // nothing: the creator's
};

// Listens on a new unix socket at `place`. Replaces a socket that is left over
// there: the caller holds the InstanceLock, so nobody listens on it. Refuses
// to replace anything else.
Result<OwnedFd> ListenUnix(const SocketPlace& place);

// Listens on a TCP socket at a loopback address, port 0 for any. There nobody
// can be told from anybody: for what everybody on this host may read. Any other
// address is an Error.
Result<OwnedFd> ListenLoopback(const IpAddress& address, std::uint16_t port);

// Held while the process lives, by flock(2) on a file beside the sockets; the
// kernel drops it however the process ends.
class InstanceLock {
 public:
  // kServiceUnavailable where another process holds it.
  static Result<InstanceLock> Take(const std::string& path);

 private:
  explicit InstanceLock(OwnedFd fd) : fd_(std::move(fd)) {}
  OwnedFd fd_;
};

// A listening unix socket that systemd passed (sd_listen_fds(3)).
struct InheritedSocket {
  std::string path;
  OwnedFd fd;
};
// None when started by hand. Error where systemd passed something else.
Result<std::vector<InheritedSocket>> TakeInheritedSockets();

// sd_notify(3); nothing where nobody listens. "READY=1", "RELOADING=1",
// "STOPPING=1", "STATUS=...".
void NotifyServiceManager(const std::string& state);

}  // namespace postern
