// What the tests of TlsClient share: a server on the loopback address that
// speaks TLS from the first octet, and a socket connected to it.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "core/tls/tls_client.h"
#include "tests/testlib/scripted_smtp_server.h"

namespace postern {

inline const TestCertificate& Server() {
  static const TestCertificate made = MakeSelfSigned(ForHost("mx.example"));
  return made;
}

inline ServerTls Speaking(int protocol) {
  ServerTls tls = Presenting(Server());
  tls.min_protocol = tls.max_protocol = protocol;
  return tls;
}

class ClientSocket {
 public:
  explicit ClientSocket(const ScriptedSmtpServer& server)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(server.port().value);
    std::memcpy(&name.sin_addr, server.address().bytes().data(), 4);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&name),  // NOLINT
                         sizeof name) == 0;
  }
  ClientSocket(const ClientSocket&) = delete;
  ClientSocket& operator=(const ClientSocket&) = delete;
  ~ClientSocket() { close(fd_); }
  int fd() const { return fd_; }
  bool connected() const { return connected_; }

 private:
  int fd_;
  bool connected_ = false;
};

inline Deadline Soon() { return Deadline::After(std::chrono::seconds(15)); }

// Handshakes, and says how that ended: nothing, or the Error.
inline Result<std::unique_ptr<TlsConnection>> Handshake(
    const ClientSocket& socket, const TlsParameters& parameters = {},
    const TlsLimits& limits = {}) {
  const TlsClient client(limits);
  return client.Connect(socket.fd(), parameters, Soon(), Cancellation{});
}

// A server that shakes hands, waits for the client to hang up, and no more.
inline ServerScript ShakesHands(ServerTls tls) {
  return [tls = std::move(tls)](ServerConnection& connection) {
    if (connection.StartTls(tls)) connection.WaitForHangup();
  };
}

}  // namespace postern
