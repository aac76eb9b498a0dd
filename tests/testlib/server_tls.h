// tests/testlib/server_tls.h
//
// The server's end of TLS for tests, good or broken on purpose. It runs over
// octets rather than a socket, so that a test can cut, count and change what
// the client sees.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/x509/der_certificate.h"
#include "tests/testlib/certificates.h"

namespace postern {

// What the server presents and speaks. Defaults: TLS 1.2 and 1.3, every cipher
// that OpenSSL still has, keys of any strength, no session tickets.
struct ServerTls {
  // Leaf first; empty: no certificate at all.
  std::vector<DerCertificate> chain;
  std::optional<TestKey> key;
  // Presented instead where the client's SNI is this name.
  std::string sni;
  std::vector<DerCertificate> sni_chain;
  std::optional<TestKey> sni_key;

  int min_protocol = TLS1_2_VERSION;
  int max_protocol = TLS1_3_VERSION;
  std::string ciphers = "ALL:COMPLEMENTOFALL:@SECLEVEL=0";
  std::string groups;  // empty: OpenSSL's
  bool extended_master_secret = true;
  std::size_t tickets = 0;           // TLS 1.3
  bool ask_for_certificate = false;  // of the client

  // Sees and may change each piece of what the server sends.
  std::function<void(std::string&)> tamper;
  // Octets that the server gets out before the connection is cut.
  std::optional<std::size_t> cut_after;
};

// `certificate` and then `more`.
ServerTls Presenting(const TestCertificate& certificate,
                     const std::vector<DerCertificate>& more = {});

// What the client asked for.
struct ClientHelloRecord {
  std::string sni;
  std::vector<int> extensions;
  std::vector<int> ciphers;  // "\xc0\x2f" is 0xc02f
  std::string compression;   // octets
};

// One connection's TLS, server side. Feed it what arrived, send what Take()
// gives. Not thread-safe.
class ServerTlsEngine {
 public:
  explicit ServerTlsEngine(const ServerTls& settings);

  void Feed(std::string_view octets);
  // What the server wants to send.
  std::string Take();

  enum class Progress { kWantsMore, kDone, kFailed };
  Progress Accept();
  // Appends decrypted octets; kDone at close_notify.
  Progress Read(std::string& into);
  void Write(std::string_view octets);
  void CloseNotify() { SSL_shutdown(ssl_.get()); }
  // A KeyUpdate message (TLS 1.3): a record without data.
  void KeyUpdate();

  const ClientHelloRecord& hello() const { return hello_; }
  std::string protocol() const { return SSL_get_version(ssl_.get()); }
  bool client_sent_certificate() const;

 private:
  static int OnClientHello(SSL* ssl, int* alert, void* self);
  void Present(const std::vector<DerCertificate>& chain, const TestKey& key);

  const ServerTls settings_;
  ClientHelloRecord hello_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

}  // namespace postern
