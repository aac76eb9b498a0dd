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

std::optional<Error> Gone(const pollfd& caller, const pollfd& stop) {
  if ((caller.revents & kGone) != 0) {
    return Error{Reason::kClientGone, "whoever asked has hung up"};
  }
  if ((stop.revents & kGone) != 0) return Error{Reason::kServiceStopping, ""};
  return std::nullopt;
}

}  // namespace

std::optional<Error> WhyCancelled(const Cancellation& cancellation) {
  pollfd fds[2] = {{cancellation.hangup_fd, 0, 0},
                   {cancellation.stop_fd, 0, 0}};
  if (poll(fds, 2, 0) <= 0) return std::nullopt;
  return Gone(fds[0], fds[1]);
}

bool IsCancelled(const Cancellation& cancellation) {
  return WhyCancelled(cancellation).has_value();
}

Status WaitForSocket(int fd, SocketReady what, Deadline deadline,
                     const Cancellation& cancellation) {
  for (;;) {
    const bool late = deadline.expired();
    const short wanted = what == SocketReady::kToRead ? POLLIN : POLLOUT;
    // poll(2) ignores a negative descriptor.
    std::array<pollfd, 3> fds{pollfd{fd, wanted, 0},
                              pollfd{cancellation.hangup_fd, 0, 0},
                              pollfd{cancellation.stop_fd, 0, 0}};
    const int count =
        poll(fds.data(), fds.size(), late ? 0 : deadline.poll_timeout());
    if (count < 0) {
      if (errno == EINTR && !late) continue;
      return Error{Reason::kInternal,
                   std::string("cannot wait for the network: ") +
                       std::strerror(errno)};  // NOLINT(concurrency-mt-unsafe)
    }
    if (std::optional<Error> gone = Gone(fds[1], fds[2])) return *gone;
    if (late) {
      return Error{Reason::kConnectionTimeout, "the server took too long"};
    }
    if (fds[0].revents != 0) return {};
  }
}

}  // namespace postern
