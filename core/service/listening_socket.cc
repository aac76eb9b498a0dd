#include "core/service/listening_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "core/service/unix_socket.h"

namespace postern {
namespace {

constexpr int kBacklog = 256;

Error CannotListen(const std::string& path, const std::string& why) {
  return Error{Reason::kServiceUnavailable,
               "cannot listen on " + path + ": " + why};
}

Status RemoveStaleSocket(const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return CannotListen(path, ErrnoText(errno));
  }
  if (!S_ISSOCK(found.st_mode)) {
    return CannotListen(path, "something that is no socket is there");
  }
  if (unlink(path.c_str()) != 0) return CannotListen(path, ErrnoText(errno));
  return {};
}

// The path a unix socket is bound to; empty for any other.
std::string BoundPath(int fd) {
  sockaddr_un address{};
  socklen_t length = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      address.sun_family != AF_UNIX ||
      length <= offsetof(sockaddr_un, sun_path)) {
    return "";
  }
  const std::size_t room = length - offsetof(sockaddr_un, sun_path);
  return std::string(address.sun_path, strnlen(address.sun_path, room));
}

}  // namespace

Result<OwnedFd> ListenUnix(const SocketPlace& place) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (place.path.empty() || place.path.size() >= sizeof address.sun_path) {
    return CannotListen(place.path, "not a usable socket path");
  }
  std::memcpy(address.sun_path, place.path.data(), place.path.size());
  const Status removed = RemoveStaleSocket(place.path);
  if (!removed) return removed.error();

  OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd || bind(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                  sizeof address) != 0) {
    return CannotListen(place.path, ErrnoText(errno));
  }
  // Nobody can connect before listen(2), so the rights are right from the
  // first connection on.
  if (place.group &&
      lchown(place.path.c_str(), static_cast<uid_t>(-1), *place.group) != 0) {
    return CannotListen(place.path, "chgrp: " + ErrnoText(errno));
  }
  if (chmod(place.path.c_str(), place.mode) != 0 ||
      listen(fd.get(), kBacklog) != 0) {
    return CannotListen(place.path, ErrnoText(errno));
  }
  return fd;
}

Result<OwnedFd> ListenLoopback(const IpAddress& address, std::uint16_t port) {
  const std::string place =
      (address.is_v6() ? "[" + address.str() + "]" : address.str()) + ":" +
      std::to_string(port);
  if (!address.is_loopback()) {
    return CannotListen(place, "it is no loopback address");
  }
  sockaddr_storage storage{};
  socklen_t length = 0;
  if (address.is_v6()) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.bytes().data(), sizeof v6.sin6_addr);
    length = sizeof v6;
    std::memcpy(&storage, &v6, length);
  } else {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.bytes().data(), sizeof v4.sin_addr);
    length = sizeof v4;
    std::memcpy(&storage, &v4, length);
  }
  OwnedFd fd(
      socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  // A port that was ours a moment ago is free for us again.
  if (!fd ||
      setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length) !=
          0 ||
      listen(fd.get(), kBacklog) != 0) {
    return CannotListen(place, ErrnoText(errno));
  }
  return fd;
}

Result<InstanceLock> InstanceLock::Take(const std::string& path) {
  OwnedFd fd(
      open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) {
    return Error{Reason::kServiceUnavailable,
                 "cannot open " + path + ": " + ErrnoText(errno)};
  }
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error{Reason::kServiceUnavailable,
                 errno == EWOULDBLOCK
                     ? "another instance is running (it holds " + path + ")"
                     : "cannot lock " + path + ": " + ErrnoText(errno)};
  }
  return InstanceLock(std::move(fd));
}

Result<std::vector<InheritedSocket>> TakeInheritedSockets() {
  std::vector<InheritedSocket> sockets;
  const int count = sd_listen_fds(1);
  if (count < 0) {
    return Error{Reason::kInternal, "sd_listen_fds: " + ErrnoText(-count)};
  }
  for (int i = 0; i < count; ++i) {
    OwnedFd fd(SD_LISTEN_FDS_START + i);
    if (sd_is_socket_unix(fd.get(), SOCK_STREAM, 1, nullptr, 0) <= 0) {
      return Error{Reason::kServiceUnavailable,
                   "systemd passed something that is no listening unix socket"};
    }
    const int flags = fcntl(fd.get(), F_GETFL);
    if (flags < 0 || fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) < 0) {
      return Error{Reason::kInternal, "fcntl: " + ErrnoText(errno)};
    }
    std::string path = BoundPath(fd.get());
    sockets.push_back({std::move(path), std::move(fd)});
  }
  return sockets;
}

void NotifyServiceManager(const std::string& state) {
  // Failing to notify must not fail the service.
  sd_notify(0, state.c_str());
}

}  // namespace postern
