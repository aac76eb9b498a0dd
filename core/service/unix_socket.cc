#include "core/service/unix_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace postern {
namespace {

// More than any door takes, so that a client that sends too many is told so.
constexpr std::size_t kMaxPassedFds = 4;

struct alignas(cmsghdr) FdSpace {
  std::array<char, CMSG_SPACE(kMaxPassedFds * sizeof(int))> octets{};
};

void AttachFd(msghdr& message, FdSpace& space, int fd) {
  message.msg_control = space.octets.data();
  message.msg_controllen = CMSG_SPACE(sizeof(int));
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
}

std::vector<OwnedFd> TakeFds(msghdr& message) {
  std::vector<OwnedFd> fds;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
      continue;
    }
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

std::string ErrnoText(int error) {
  return std::system_category().message(error);
}

Result<PeerCredentials> GetPeerCredentials(int fd) {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) {
    return Error{Reason::kInternal, "SO_PEERCRED: " + ErrnoText(errno)};
  }
  return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

Result<OwnedFd> ConnectUnix(const std::string& path, Deadline deadline) {
  const auto unavailable = [&](const std::string& why) {
    return Error{Reason::kServiceUnavailable, path + ": " + why};
  };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return unavailable("not a usable socket path");
  }
  std::memcpy(address.sun_path, path.data(), path.size());

  OwnedFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return unavailable(ErrnoText(errno));
  for (;;) {
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof address) == 0) {
      return fd;
    }
    // EAGAIN: the listener's backlog is full, and poll(2) can't wait for that.
    if (errno != EINTR && errno != EAGAIN) return unavailable(ErrnoText(errno));
    if (deadline.expired()) return unavailable("does not accept connections");
    poll(nullptr, 0, 5);
  }
}

Waited WaitFor(int fd, bool write, int watched, Deadline deadline) {
  const auto events = static_cast<short>(write ? POLLOUT : POLLIN);
  for (;;) {
    pollfd fds[2] = {{fd, events, 0}, {watched, 0, 0}};
    const int ready = poll(fds, 2, deadline.poll_timeout());
    if (ready < 0 && errno != EINTR) return Waited::kTimeout;
    if (ready > 0 && fds[0].revents != 0) {
      return write ? Waited::kWritable : Waited::kReadable;
    }
    if (ready > 0 && fds[1].revents != 0) return Waited::kWatchedGone;
    if (deadline.expired()) return Waited::kTimeout;
  }
}

Status SendText(int fd, std::string_view text, int pass_fd, Deadline deadline) {
  FdSpace space;
  while (!text.empty()) {
    // Not modified by sendmsg(2); the interface predates const.
    iovec part{const_cast<char*>(text.data()), text.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (pass_fd >= 0) AttachFd(message, space, pass_fd);

    const ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
      pass_fd = -1;
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      if (WaitFor(fd, true, -1, deadline) == Waited::kWritable) continue;
      return Error{Reason::kDeadlineExceeded, "the peer does not read"};
    }
    return Error{Reason::kConnectionLost, "send: " + ErrnoText(errno)};
  }
  return {};
}

Result<Received> ReceiveNow(int fd, std::size_t limit) {
  Received received;
  received.octets.resize(limit);
  FdSpace space;
  iovec part{received.octets.data(), limit};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space.octets.data();
  message.msg_controllen = space.octets.size();

  ssize_t count = 0;
  do {
    count = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    received.octets.clear();
    received.would_block = true;
    return received;
  }
  if (count < 0) {
    return Error{Reason::kConnectionLost, "receive: " + ErrnoText(errno)};
  }
  received.octets.resize(static_cast<std::size_t>(count));
  received.fds = TakeFds(message);
  received.fds_lost = (message.msg_flags & MSG_CTRUNC) != 0;
  return received;
}

std::optional<std::string> LineBuffer::TakeLine() {
  const std::size_t end = octets_.find('\n');
  if (end == std::string::npos) return std::nullopt;
  std::string line = octets_.substr(0, end);
  octets_.erase(0, end + 1);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

}  // namespace postern
