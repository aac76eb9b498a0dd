#include "core/delivery/spooled_message.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

namespace postern {
namespace {

constexpr std::size_t kBlock = 64 * 1024;

std::string ErrnoText() { return std::system_category().message(errno); }

Error CannotSpool(const std::string& why) {
  return Error{Reason::kSpoolFull, why};
}

// An unnamed file; where the file system has no O_TMPFILE, one whose name is
// taken away at once.
Result<int> OpenUnnamed(const std::string& directory) {
  const int fd =
      open(directory.c_str(), O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  if (errno != EOPNOTSUPP && errno != EISDIR) {
    return CannotSpool(directory + ": " + ErrnoText());
  }
  std::string name = directory + "/message-XXXXXX";
  const int named = mkostemp(name.data(), O_CLOEXEC);
  if (named < 0) return CannotSpool(directory + ": " + ErrnoText());
  if (unlink(name.c_str()) != 0) {
    const Error error = CannotSpool(name + ": " + ErrnoText());
    close(named);
    return error;
  }
  return named;
}

// A directory, a device or a descriptor opened for writing only is no message.
Status CheckReadable(int fd) {
  struct stat found {};
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fstat(fd, &found) != 0) {
    return Error{Reason::kRequestInvalid, "the descriptor: " + ErrnoText()};
  }
  // No sockets: one that the service itself keeps open (the caller's own,
  // passed back) would never end, and no hang-up would be seen.
  const bool suitable = S_ISFIFO(found.st_mode) || S_ISREG(found.st_mode);
  if (!suitable || (flags & O_ACCMODE) == O_WRONLY) {
    return Error{Reason::kRequestInvalid,
                 "the descriptor is no pipe or file to read from"};
  }
  return {};
}

Status WriteAll(int fd, std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t written = write(fd, octets.data(), octets.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return CannotSpool(ErrnoText());
    octets.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Error WaitFailed(const Error& error) {
  if (error.reason() != Reason::kConnectionTimeout) return error;
  return Error{Reason::kDeadlineExceeded, "the MTA did not send the message"};
}

}  // namespace

SpooledMessage::~SpooledMessage() {
  close(fd_);
  spool_.used_ -= size_;
}

Result<std::size_t> SpooledMessage::Read(std::uint64_t offset,
                                         std::span<char> into) const {
  std::size_t filled = 0;
  while (filled < into.size()) {
    const ssize_t count = pread(fd_, into.data() + filled, into.size() - filled,
                                static_cast<off_t>(offset + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return CannotSpool("reading back: " + ErrnoText());
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  return filled;
}

Status SpooledMessage::Append(std::string_view octets) {
  std::string wire;
  wire.reserve(octets.size() + 1);
  const Status formed = form_.Feed(octets, wire);
  return formed ? Keep(wire) : formed;
}

Status SpooledMessage::Complete() {
  std::string wire;
  const Status formed = form_.End(wire);
  return formed ? Keep(wire) : formed;
}

Status SpooledMessage::Keep(std::string_view octets) {
  if (octets.size() > spool_.limits_.message - size_) {
    return Error{Reason::kMessageTooBig,
                 "more than max-message-size (" +
                     std::to_string(spool_.limits_.message) + " octets)"};
  }
  if (!spool_.Reserve(octets.size())) {
    return CannotSpool("spool-limit (" + std::to_string(spool_.limits_.total) +
                       " octets) is reached");
  }
  size_ += octets.size();
  scan_.Feed(octets);
  return WriteAll(fd_, octets);
}

bool Spool::Reserve(std::uint64_t octets) {
  std::uint64_t used = used_;
  do {
    if (octets > limits_.total || used > limits_.total - octets) return false;
  } while (!used_.compare_exchange_weak(used, used + octets));
  return true;
}

Status Spool::Check() const {
  const Result<int> fd = OpenUnnamed(directory_);
  if (!fd) return fd.error();
  close(*fd);
  return {};
}

Result<std::unique_ptr<SpooledMessage>> Spool::Begin() {
  const Result<int> fd = OpenUnnamed(directory_);
  if (!fd) return fd.error();
  return std::unique_ptr<SpooledMessage>(new SpooledMessage(*this, *fd));
}

Result<std::unique_ptr<const Message>> Spool::Receive(
    int from, Deadline deadline, const Cancellation& cancellation) {
  const Status readable = CheckReadable(from);
  if (!readable) return readable.error();
  Result<std::unique_ptr<SpooledMessage>> begun = Begin();
  if (!begun) return begun.error();
  std::unique_ptr<SpooledMessage> message = *std::move(begun);

  std::vector<char> block(kBlock);
  for (;;) {
    // The descriptor's flags belong to the MTA as well, so it is not made
    // non-blocking; nobody else reads it, so what poll(2) saw is still there.
    const Status ready =
        WaitForSocket(from, SocketReady::kToRead, deadline, cancellation);
    if (!ready) return WaitFailed(ready.error());
    const ssize_t count = read(from, block.data(), block.size());
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) {
      return Error{Reason::kRequestInvalid,
                   "reading the message: " + ErrnoText()};
    }
    if (count == 0) break;
    const Status added =
        message->Append({block.data(), static_cast<std::size_t>(count)});
    if (!added) return added.error();
  }
  const Status whole = message->Complete();
  if (!whole) return whole.error();
  if (message->size() == 0) {
    return Error{Reason::kRequestInvalid, "the message is empty"};
  }
  return std::unique_ptr<const Message>(std::move(message));
}

}  // namespace postern
