#include "core/smtp/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

namespace postern {

namespace {

std::string ErrorText(int error) {
  return std::strerror(error);  // NOLINT(concurrency-mt-unsafe)
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);  // NOLINT
  }
};

SocketAddress MakeSocketAddress(const IpAddress& address, std::uint16_t port) {
  SocketAddress out;
  if (address.is_v6()) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(port);
    std::memcpy(&in.sin6_addr, address.bytes().data(), sizeof in.sin6_addr);
    std::memcpy(&out.storage, &in, sizeof in);
    out.size = sizeof in;
  } else {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, address.bytes().data(), sizeof in.sin_addr);
    std::memcpy(&out.storage, &in, sizeof in);
    out.size = sizeof in;
  }
  return out;
}

Status BindSource(int fd, const IpAddress& source, const IpAddress& address) {
  if (source.is_v6() != address.is_v6()) {
    return Error{Reason::kConnectionFailed,
                 "the source address " + source.str() +
                     " is of the other address family"};
  }
  const SocketAddress local = MakeSocketAddress(source, 0);
  const int on = 1;
  // Lets the kernel share local ports between destinations; without it only
  // fewer connections at a time fit.
  (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (bind(fd, local.get(), local.size) != 0) {
    return Error{Reason::kConnectionFailed, "cannot use the source address " +
                                                source.str() + ": " +
                                                ErrorText(errno)};
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Stream>> Stream::Make(
    const IpAddress& address, const std::optional<IpAddress>& source) {
  const int fd = socket(address.is_v6() ? AF_INET6 : AF_INET,
                        SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return Error{Reason::kConnectionFailed,
                 "cannot make a socket: " + ErrorText(errno)};
  }
  std::unique_ptr<Stream> stream(new Stream(fd));
  if (source) {
    const Status bound = BindSource(fd, *source, address);
    if (!bound.ok()) return bound.error();
  }
  // We write whole commands and records; holding the last one back only waits.
  const int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return stream;
}

Status Stream::Connect(const IpAddress& address, Port port, Deadline deadline,
                       const Cancellation& cancellation) {
  const SocketAddress peer = MakeSocketAddress(address, port.value);
  int error = connect(fd_, peer.get(), peer.size) == 0 ? 0 : errno;
  if (error == EINPROGRESS || error == EINTR) {
    const Status ready =
        WaitForSocket(fd_, SocketReady::kToWrite, deadline, cancellation);
    if (!ready.ok()) return ready.error();
    socklen_t size = sizeof error;
    if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
      error = errno;
  }
  if (error == ETIMEDOUT) {
    return Error{Reason::kConnectionTimeout, ErrorText(error)};
  }
  if (error != 0) return Error{Reason::kConnectionFailed, ErrorText(error)};
  return {};
}

std::optional<IpAddress> Stream::LocalAddress() const {
  sockaddr_storage local{};
  socklen_t size = sizeof local;
  auto* const address = reinterpret_cast<sockaddr*>(&local);  // NOLINT
  if (getsockname(fd_, address, &size) != 0) return std::nullopt;
  if (local.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &local, sizeof v4);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return IpAddress::V4(bytes);
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &local, sizeof v6);
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  return IpAddress::V6(bytes);
}

Status Stream::StartTls(const TlsClient& client,
                        const TlsParameters& parameters, Deadline deadline,
                        const Cancellation& cancellation) {
  if (encrypted() || closed()) {
    return Error{Reason::kInternal, "no plain connection to start TLS on"};
  }
  Result<std::unique_ptr<TlsConnection>> made =
      client.Connect(fd_, parameters, deadline, cancellation);
  if (!made.ok()) return made.error();
  tls_ = std::move(made).value();
  return {};
}

Result<std::size_t> Stream::Read(std::span<char> into, Deadline deadline,
                                 const Cancellation& cancellation) {
  if (tls_) return tls_->Read(into, deadline, cancellation);
  for (;;) {
    const Status ready =
        WaitForSocket(fd_, SocketReady::kToRead, deadline, cancellation);
    if (!ready.ok()) return ready.error();
    const Result<std::optional<std::size_t>> got = TryReadPlain(into);
    if (!got.ok()) return got.error();
    if (got->has_value()) return **got;
  }
}

Result<std::optional<std::size_t>> Stream::TryRead(std::span<char> into) {
  return tls_ ? tls_->TryRead(into) : TryReadPlain(into);
}

Result<std::optional<std::size_t>> Stream::TryReadPlain(std::span<char> into) {
  const ssize_t count = recv(fd_, into.data(), into.size(), MSG_DONTWAIT);
  if (count >= 0) return std::optional(static_cast<std::size_t>(count));
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    return std::optional<std::size_t>();
  }
  return Error{Reason::kConnectionLost, ErrorText(errno)};
}

Status Stream::Write(std::string_view octets, Deadline deadline,
                     const Cancellation& cancellation) {
  if (tls_) {
    Status written = tls_->Write(octets, deadline, cancellation);
    // A TLS 1.3 server sends its session tickets about now. With nothing of
    // ours to carry their acknowledgement the kernel would delay it by 40 ms,
    // and the server's Nagle algorithm the next reply with it.
    const int on = 1;
    (void)setsockopt(fd_, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    return written;
  }
  while (!octets.empty()) {
    const ssize_t count =
        send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      octets.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      return Error{Reason::kConnectionLost, ErrorText(errno)};
    }
    const Status ready =
        WaitForSocket(fd_, SocketReady::kToWrite, deadline, cancellation);
    if (!ready.ok()) return ready.error();
  }
  return {};
}

void Stream::Close() noexcept {
  if (fd_ < 0) return;
  if (tls_) tls_->CloseNotify();
  tls_.reset();
  close(fd_);
  fd_ = -1;
}

}  // namespace postern
