// core/service/unix_socket.h
//
// Unix stream sockets with deadlines: connect, send a line (a file descriptor
// with it, if need be), receive one. Both ends of the line protocol use it.
// Every wait ends at the deadline; EINTR is retried; SIGPIPE never raised.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/service/owned_fd.h"

namespace postern {

// Who is at the other end, as the kernel vouches for it (SO_PEERCRED: at the
// time of connect).
struct PeerCredentials {
  pid_t pid = -1;
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
};
Result<PeerCredentials> GetPeerCredentials(int fd);

// Non-blocking and close-on-exec. kServiceUnavailable; the detail names the
// path and the cause.
Result<OwnedFd> ConnectUnix(const std::string& path, Deadline deadline);

// All of `text`; `pass_fd` (unless -1) goes with its first octet as
// SCM_RIGHTS. kConnectionLost, kDeadlineExceeded.
Status SendText(int fd, std::string_view text, int pass_fd, Deadline deadline);

// What one read of a socket brought.
struct Received {
  std::string octets;  // empty: the peer has closed
  std::vector<OwnedFd> fds;
  bool would_block = false;
  bool fds_lost = false;  // more descriptors than fit: the rest was dropped
};
// One recvmsg(2) of at most `limit` octets, without waiting. Descriptors arrive
// close-on-exec.
Result<Received> ReceiveNow(int fd, std::size_t limit);

// Collects octets until the first LF. Holds at most `limit` octets.
class LineBuffer {
 public:
  explicit LineBuffer(std::size_t limit) : limit_(limit) {}

  // Room for more; 0 once a line of `limit` octets has not ended.
  std::size_t room() const { return limit_ - octets_.size(); }
  void Append(std::string_view octets) { octets_ += octets; }
  // Takes the first line off, without its LF or CRLF; nothing if none has
  // ended yet.
  std::optional<std::string> TakeLine();
  bool empty() const { return octets_.empty(); }

 private:
  std::size_t limit_;
  std::string octets_;
};

enum class Waited { kReadable, kWritable, kTimeout, kWatchedGone };
// Waits until `fd` can be read (or written); also ends when the reader of
// `watched` (a pipe's writing end, unless -1) has gone.
Waited WaitFor(int fd, bool write, int watched, Deadline deadline);

// "No such file or directory" for an errno; thread-safe.
std::string ErrnoText(int error);

}  // namespace postern
