// core/tls/tls_client.h
//
// TlsClient: makes TLS connections as a client and collects the evidence. It
// accepts every certificate: judging is Judge()'s business, on the evidence, so
// a handshake that succeeds proves only that the server holds the private key
// of the leaf it sent.
//
// What no parameter can weaken (RFC 9325 sections 3 and 4, RFC 8996): TLS 1.2
// at least; secure renegotiation required; no renegotiation, compression,
// session resumption, tickets or early data; no cipher suite without
// encryption, authentication or 112 bits of strength, no RC4, no 3DES.
// Handshake signatures and ephemeral keys below 112 bits (SHA-1, DH under 2048)
// end the handshake. A weak key or signature *in a certificate* does not: a pin
// may accept it, and the verifiers refuse it where it matters
// (kCertificateWeak).
//
// Errors quote OpenSSL's reason, never the peer's octets.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/clock/clock.h"
#include "core/names/domain.h"
#include "core/outcome/result.h"
#include "core/tls/socket_wait.h"
#include "core/tls/tls_evidence.h"

namespace postern {

// What one destination asks of its connections, in Postfix's syntax.
struct TlsParameters {
  std::optional<Domain> server_name;  // SNI; nothing: not sent
  // ">=TLSv1.2", "<=TLSv1.2", "TLSv1.3", "!TLSv1.3", several separated by
  // spaces, commas or colons. Empty: 1.2 and 1.3.
  std::string protocols;
  // A grade ("high", "medium"; lower ones mean "medium") or an OpenSSL cipher
  // list, for TLS 1.2. TLS 1.3 has its three suites. Empty: "high".
  std::string ciphers;
  // OpenSSL cipher types to leave out, or names of TLS 1.3 suites, separated by
  // spaces, commas or colons.
  std::string exclude;
  std::string client_cert, client_key;  // PEM files; both or none
};

struct TlsLimits {
  // Of the server's certificate message.
  std::size_t max_certificate_octets = 100 * 1024;
  // Received until the handshake is done, records and all.
  std::size_t max_handshake_octets = 256 * 1024;
  // Offered always (RFC 9325 section 3.5); with this, a server that can't do it
  // is refused. Nothing that Postern does leans on it (no resumption, no
  // renegotiation, no channel binding), and refusing would send mail to an old
  // server in cleartext at `may`.
  bool require_extended_master_secret = false;
};

struct TlsState;  // OpenSSL's side of a connection

// One established connection over a socket that it borrows and that must
// outlive it. Not thread-safe. Never raises SIGPIPE.
class TlsConnection {
 public:
  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;
  // Sends nothing; call CloseNotify() first where the end is an orderly one.
  ~TlsConnection();

  // Protocol, cipher, SNI and the chain, octet for octet as the server sent it.
  // The peer's address is the caller's to add.
  const TlsEvidence& evidence() const;

  // At least one octet, or 0 once the server has said close_notify. An end
  // without it is kConnectionLost ("truncated"): whoever cut the connection,
  // it wasn't the server (SMTP over TLS, RFC 8314 section 3.4).
  Result<std::size_t> Read(std::span<char> into, Deadline deadline,
                           const Cancellation& cancellation);
  // As Read(), but takes only what has already arrived: nothing if none has.
  Result<std::optional<std::size_t>> TryRead(std::span<char> into);
  // All of it or an Error.
  Status Write(std::span<const char> octets, Deadline deadline,
               const Cancellation& cancellation);
  // Sends close_notify if that doesn't have to wait. Once is enough.
  void CloseNotify() noexcept;

 private:
  friend class TlsClient;
  explicit TlsConnection(std::unique_ptr<TlsState> state);
  std::unique_ptr<TlsState> state_;
};

// Thread-safe. Keeps one OpenSSL context per distinct set of parameters, of the
// most recently used ones; a changed client certificate file makes a new one.
class TlsClient {
 public:
  explicit TlsClient(TlsLimits limits = {});
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  ~TlsClient();

  // Whether `parameters` can be used at all: kPolicyInvalid names the word that
  // is wrong or the file that can't be read. No network.
  Status Check(const TlsParameters& parameters) const;

  // Handshakes on a connected, nonblocking socket. kPolicyInvalid as Check();
  // kTlsHandshakeFailed for whatever the server does wrong, hanging up
  // included; kConnectionTimeout; kClientGone. After an Error the socket is of
  // no use any more. Nothing but the handshake has left.
  Result<std::unique_ptr<TlsConnection>> Connect(
      int socket, const TlsParameters& parameters, Deadline deadline,
      const Cancellation& cancellation) const;

 private:
  class Contexts;
  TlsLimits limits_;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace postern
