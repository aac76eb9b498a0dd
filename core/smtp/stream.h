// core/smtp/stream.h
//
// Stream: the octets of one connection, plain at first, perhaps TLS later. Owns
// the socket. Every call ends by its deadline or when the caller is gone. Not
// thread-safe. For this room only.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "core/clock/clock.h"
#include "core/names/ip_address.h"
#include "core/outcome/result.h"
#include "core/tls/socket_wait.h"
#include "core/tls/tls_client.h"

namespace postern {

class Stream {
 public:
  // A socket for that address, from `source`. What fails here
  // (kConnectionFailed) says nothing about the peer.
  static Result<std::unique_ptr<Stream>> Make(
      const IpAddress& address, const std::optional<IpAddress>& source);

  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { Close(); }

  // kConnectionFailed or kConnectionTimeout; kClientGone. Once, before all
  // else.
  Status Connect(const IpAddress& address, Port port, Deadline deadline,
                 const Cancellation& cancellation);
  // This side's address; nothing where the kernel won't say.
  std::optional<IpAddress> LocalAddress() const;
  // The errors of TlsClient::Connect(). Once only.
  Status StartTls(const TlsClient& client, const TlsParameters& parameters,
                  Deadline deadline, const Cancellation& cancellation);
  bool encrypted() const { return tls_ != nullptr; }
  // Needs encrypted().
  const TlsEvidence& evidence() const { return tls_->evidence(); }

  // At least one octet, or 0 at the orderly end of the connection.
  Result<std::size_t> Read(std::span<char> into, Deadline deadline,
                           const Cancellation& cancellation);
  // What has arrived already: nothing, an orderly end (0) or octets.
  Result<std::optional<std::size_t>> TryRead(std::span<char> into);
  Status Write(std::string_view octets, Deadline deadline,
               const Cancellation& cancellation);

  // close_notify, if it is TLS, and close.
  void Close() noexcept;
  bool closed() const { return fd_ < 0; }

 private:
  explicit Stream(int fd) : fd_(fd) {}
  Result<std::optional<std::size_t>> TryReadPlain(std::span<char> into);

  int fd_;
  std::unique_ptr<TlsConnection> tls_;
};

}  // namespace postern
