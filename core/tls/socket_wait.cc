#include "core/tls/socket_wait.h"

#include <poll.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace postern {

namespace {

// Not POLLRDHUP: a caller may say that its request is complete by closing its
// half (`${readsocket}` does) and still wait for the answer.
constexpr short kGone = POLLHUP | POLLERR | POLLNVAL;

}  // namespace

bool IsCancelled(const Cancellation& cancellation) {
  if (cancellation.hangup_fd < 0) return false;
  pollfd caller{cancellation.hangup_fd, 0, 0};
  return poll(&caller, 1, 0) > 0 && (caller.revents & kGone) != 0;
}

Status WaitForSocket(int fd, SocketReady what, Deadline deadline,
                     const Cancellation& cancellation) {
  for (;;) {
    const bool late = deadline.expired();
    const short wanted = what == SocketReady::kToRead ? POLLIN : POLLOUT;
    // poll(2) ignores a negative descriptor.
    std::array<pollfd, 2> fds{pollfd{fd, wanted, 0},
                              pollfd{cancellation.hangup_fd, 0, 0}};
    const int count =
        poll(fds.data(), fds.size(), late ? 0 : deadline.poll_timeout());
    if (count < 0) {
      if (errno == EINTR && !late) continue;
      return Error{Reason::kInternal,
                   std::string("cannot wait for the network: ") +
                       std::strerror(errno)};  // NOLINT(concurrency-mt-unsafe)
    }
    if ((fds[1].revents & kGone) != 0) {
      return Error{Reason::kClientGone, "whoever asked has hung up"};
    }
    if (late) {
      return Error{Reason::kConnectionTimeout, "the server took too long"};
    }
    if (fds[0].revents != 0) return {};
  }
}

}  // namespace postern
