#include "core/tls/tls_client.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "core/tls/certificate_message.h"
#include "core/tls/openssl_support.h"
#include "core/tls/tls_context.h"

namespace postern {

struct TlsState {
  int fd = -1;
  // Of octets received; lifted once the handshake is done.
  std::size_t budget = 0;
  bool over_budget = false;
  bool eof = false;      // the peer closed its end of the socket
  int socket_error = 0;  // errno of the read or write that failed
  bool failed = false;   // nothing more may be written, not even an alert
  bool close_notify_sent = false;
  Result<std::vector<DerCertificate>> chain{std::vector<DerCertificate>{}};
  TlsEvidence evidence;
  SslPtr ssl;  // last: its BIO points back here
};

namespace {

// The socket as OpenSSL sees it. Not OpenSSL's own socket BIO: that writes with
// write(2), which raises SIGPIPE, and does not count.
int ReadSocket(BIO* bio, char* into, int size) {
  auto* const state = static_cast<TlsState*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (state->over_budget || size <= 0) return -1;
  const ssize_t count =
      recv(state->fd, into, static_cast<std::size_t>(size), MSG_DONTWAIT);
  if (count > 0) {
    const auto octets = static_cast<std::size_t>(count);
    state->over_budget = octets > state->budget;
    state->budget -= state->over_budget ? state->budget : octets;
    return state->over_budget ? -1 : static_cast<int>(count);
  }
  if (count == 0) {
    state->eof = true;
    return 0;
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    BIO_set_retry_read(bio);
  } else {
    state->socket_error = errno;
  }
  return -1;
}

int WriteSocket(BIO* bio, const char* octets, int size) {
  auto* const state = static_cast<TlsState*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  const ssize_t count = send(state->fd, octets, static_cast<std::size_t>(size),
                             MSG_NOSIGNAL | MSG_DONTWAIT);
  if (count >= 0) return static_cast<int>(count);
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
    BIO_set_retry_write(bio);
  } else {
    state->socket_error = errno;
  }
  return -1;
}

long ControlSocket(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) {
    return static_cast<TlsState*>(BIO_get_data(bio))->eof ? 1 : 0;
  }
  return 0;
}

const BIO_METHOD* SocketMethod() {
  // Made once and never changed or freed; null only if memory is out.
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK,
                                    "postern socket");
    if (made != nullptr) {
      BIO_meth_set_read(made, ReadSocket);
      BIO_meth_set_write(made, WriteSocket);
      BIO_meth_set_ctrl(made, ControlSocket);
    }
    return made;
  }();
  return method;
}

// Keeps the server's certificates as they came. OpenSSL's own list would be
// encoded again, which is not always the same octets.
void OnMessage(int written, int version, int content_type, const void* octets,
               std::size_t size, SSL*, void* arg) noexcept {
  if (written != 0 || content_type != SSL3_RT_HANDSHAKE) return;
  auto* const state = static_cast<TlsState*>(arg);
  const std::span message(static_cast<const std::uint8_t*>(octets), size);
  try {
    if (!IsCertificateMessage(message)) return;
    state->chain = ParseCertificateMessage(message, version == TLS1_3_VERSION);
  } catch (const std::bad_alloc&) {
    state->over_budget = true;
  }
}

// strerror() of glibc is thread-safe for the errors of a socket.
std::string SocketError(int error) {
  return std::strerror(error);  // NOLINT(concurrency-mt-unsafe)
}

Error HandshakeFailure(const TlsState& state) {
  std::string why = TakeTlsErrors();
  if (state.over_budget) {
    why = "the server sent too much";
  } else if (state.socket_error != 0) {
    why = SocketError(state.socket_error);
  } else if (state.eof) {
    why = "the server hung up";
  } else if (why.empty()) {
    why = "no reason given";
  }
  return Error{Reason::kTlsHandshakeFailed, why};
}

Error ConnectionFailure(const TlsState& state) {
  const std::string why = TakeTlsErrors();
  if (state.socket_error != 0) {
    return Error{Reason::kConnectionLost, SocketError(state.socket_error)};
  }
  if (state.eof) {
    return Error{Reason::kConnectionLost,
                 "truncated: the connection ended without close_notify"};
  }
  return Error{Reason::kConnectionLost, "TLS: " + why};
}

// Waits for what OpenSSL wants; an Error if it wants something else than the
// socket.
Status WaitAsWanted(const TlsState& state, int ssl_error, Deadline deadline,
                    const Cancellation& cancellation) {
  const SocketReady what = ssl_error == SSL_ERROR_WANT_WRITE
                               ? SocketReady::kToWrite
                               : SocketReady::kToRead;
  return WaitForSocket(state.fd, what, deadline, cancellation);
}

bool WantsSocket(int ssl_error) {
  return ssl_error == SSL_ERROR_WANT_READ || ssl_error == SSL_ERROR_WANT_WRITE;
}

// What the configuration should have ruled out already, looked at once more
// where it counts: on the connection.
Status CheckFloor(const SSL* ssl, const TlsLimits& limits) {
  const SSL_CIPHER* const cipher = SSL_get_current_cipher(ssl);
  if (SSL_version(ssl) < TLS1_2_VERSION || cipher == nullptr ||
      SSL_CIPHER_get_bits(cipher, nullptr) < 112 ||
      SSL_CIPHER_get_auth_nid(cipher) == NID_auth_null ||
      SSL_get_current_compression(ssl) != nullptr) {
    return Error{Reason::kTlsHandshakeFailed,
                 "the protocol or cipher is below our floor"};
  }
  // TLS 1.3 has its equivalent built in.
  if (limits.require_extended_master_secret &&
      SSL_version(ssl) == TLS1_2_VERSION &&
      SSL_get_extms_support(const_cast<SSL*>(ssl)) != 1) {  // NOLINT
    return Error{Reason::kTlsHandshakeFailed,
                 "the server lacks the extended master secret"};
  }
  return {};
}

}  // namespace

TlsConnection::TlsConnection(std::unique_ptr<TlsState> state)
    : state_(std::move(state)) {}

TlsConnection::~TlsConnection() = default;

const TlsEvidence& TlsConnection::evidence() const { return state_->evidence; }

Result<std::size_t> TlsConnection::Read(std::span<char> into, Deadline deadline,
                                        const Cancellation& cancellation) {
  for (;;) {
    const Result<std::optional<std::size_t>> got = TryRead(into);
    if (!got.ok()) return got.error();
    if (got->has_value()) return **got;
    const Status ready =
        WaitForSocket(state_->fd, SocketReady::kToRead, deadline, cancellation);
    if (!ready.ok()) return ready.error();
  }
}

Result<std::optional<std::size_t>> TlsConnection::TryRead(
    std::span<char> into) {
  if (state_->failed) {
    return Error{Reason::kConnectionLost, "the connection has failed before"};
  }
  ERR_clear_error();
  std::size_t count = 0;
  const int done =
      SSL_read_ex(state_->ssl.get(), into.data(), into.size(), &count);
  if (done == 1) return std::optional(count);
  const int error = SSL_get_error(state_->ssl.get(), done);
  if (error == SSL_ERROR_ZERO_RETURN) return std::optional<std::size_t>(0);
  if (WantsSocket(error)) return std::optional<std::size_t>();
  state_->failed = true;
  return ConnectionFailure(*state_);
}

Status TlsConnection::Write(std::span<const char> octets, Deadline deadline,
                            const Cancellation& cancellation) {
  while (!octets.empty()) {
    if (state_->failed) {
      return Error{Reason::kConnectionLost, "the connection has failed before"};
    }
    ERR_clear_error();
    std::size_t count = 0;
    const int done =
        SSL_write_ex(state_->ssl.get(), octets.data(), octets.size(), &count);
    if (done == 1) {
      octets = octets.subspan(count);
      continue;
    }
    const int error = SSL_get_error(state_->ssl.get(), done);
    if (!WantsSocket(error)) {
      state_->failed = true;
      return ConnectionFailure(*state_);
    }
    const Status ready = WaitAsWanted(*state_, error, deadline, cancellation);
    if (!ready.ok()) return ready;
  }
  return {};
}

void TlsConnection::CloseNotify() noexcept {
  if (state_->failed || std::exchange(state_->close_notify_sent, true)) return;
  ERR_clear_error();
  SSL_shutdown(state_->ssl.get());
  ERR_clear_error();
}

TlsClient::TlsClient(TlsLimits limits)
    : limits_(limits), contexts_(std::make_unique<Contexts>(limits)) {}

TlsClient::~TlsClient() = default;

Status TlsClient::Check(const TlsParameters& parameters) const {
  const Result<SslContext> context = contexts_->Get(parameters);
  if (!context.ok()) return context.error();
  return {};
}

Result<std::unique_ptr<TlsConnection>> TlsClient::Connect(
    int socket, const TlsParameters& parameters, Deadline deadline,
    const Cancellation& cancellation) const {
  const Result<SslContext> context = contexts_->Get(parameters);
  if (!context.ok()) return context.error();

  auto state = std::make_unique<TlsState>();
  state->fd = socket;
  state->budget = limits_.max_handshake_octets;
  state->ssl.reset(SSL_new(context->get()));
  SSL* const ssl = state->ssl.get();
  BIO* const bio = SocketMethod() ? BIO_new(SocketMethod()) : nullptr;
  if (ssl == nullptr || bio == nullptr) {
    BIO_free(bio);
    return Error{Reason::kInternal, "cannot start TLS: " + TakeTlsErrors()};
  }
  BIO_set_data(bio, state.get());
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl, bio, bio);  // owns it from here
  SSL_set_connect_state(ssl);
  SSL_set_msg_callback(ssl, OnMessage);
  SSL_set_msg_callback_arg(ssl, state.get());
  if (parameters.server_name) {
    const std::string& name = parameters.server_name->str();
    // What the macro SSL_set_tlsext_host_name() does, without its cast.
    if (SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 const_cast<char*>(name.c_str())) != 1) {  // NOLINT
      return Error{Reason::kInternal, "cannot set SNI: " + TakeTlsErrors()};
    }
  }

  for (;;) {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl);
    if (done == 1) break;
    const int error = SSL_get_error(ssl, done);
    if (!WantsSocket(error)) return HandshakeFailure(*state);
    const Status ready = WaitAsWanted(*state, error, deadline, cancellation);
    if (!ready.ok()) return ready.error();
  }
  state->budget = SIZE_MAX;
  const Status floor = CheckFloor(ssl, limits_);
  if (!floor.ok()) return floor.error();
  if (!state->chain.ok()) return state->chain.error();

  state->evidence = TlsEvidence(std::move(state->chain).value());
  state->evidence.protocol = SSL_get_version(ssl);
  state->evidence.cipher = SSL_get_cipher_name(ssl);
  if (parameters.server_name) {
    state->evidence.server_name = parameters.server_name->str();
  }
  return std::unique_ptr<TlsConnection>(new TlsConnection(std::move(state)));
}

}  // namespace postern
