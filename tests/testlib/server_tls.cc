#include "tests/testlib/server_tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <array>
#include <cstdlib>
#include <iostream>

namespace postern {

namespace {

// A test must not go on with half a server.
void Require(bool good, const char* what) {
  if (good) return;
  std::cerr << "server_tls: " << what << '\n';
  ERR_print_errors_fp(stderr);
  std::abort();
}

using X509Handle = std::unique_ptr<X509, decltype(&X509_free)>;

X509Handle Parse(const DerCertificate& der) {
  const unsigned char* cursor = der.data();
  X509Handle made(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())),
                  X509_free);
  Require(made != nullptr, "a certificate does not parse");
  return made;
}

}  // namespace

ServerTls Presenting(const TestCertificate& certificate,
                     const std::vector<DerCertificate>& more) {
  ServerTls tls;
  tls.chain = {certificate.der};
  tls.chain.insert(tls.chain.end(), more.begin(), more.end());
  tls.key = certificate.key;
  return tls;
}

ServerTlsEngine::ServerTlsEngine(const ServerTls& settings)
    : settings_(settings),
      context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free),
      ssl_(nullptr, SSL_free) {
  SSL_CTX* const context = context_.get();
  Require(context != nullptr, "no context");
  Require(SSL_CTX_set_cipher_list(context, settings_.ciphers.c_str()) == 1 &&
              SSL_CTX_set_min_proto_version(context, settings_.min_protocol) &&
              SSL_CTX_set_max_proto_version(context, settings_.max_protocol),
          "protocols or ciphers");
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_dh_auto(context, 1);
  SSL_CTX_set_num_tickets(context, settings_.tickets);
  if (settings_.tickets == 0) SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  if (!settings_.extended_master_secret) {
    SSL_CTX_set_options(context, SSL_OP_NO_EXTENDED_MASTER_SECRET);
  }
  if (settings_.ask_for_certificate) {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER,
                       [](int, X509_STORE_CTX*) { return 1; });
  }
  SSL_CTX_set_client_hello_cb(context, OnClientHello, this);
  ssl_.reset(SSL_new(context));
  Require(ssl_ != nullptr, "no connection");
  if (!settings_.groups.empty()) {
    // NOLINTNEXTLINE: the macro SSL_set1_groups_list() without its old cast.
    SSL_ctrl(ssl_.get(), SSL_CTRL_SET_GROUPS_LIST, 0,
             const_cast<char*>(settings_.groups.c_str()));
  }
  SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_accept_state(ssl_.get());
  if (!settings_.chain.empty()) Present(settings_.chain, settings_.key.value());
}

void ServerTlsEngine::Present(const std::vector<DerCertificate>& chain,
                              const TestKey& key) {
  SSL* const ssl = ssl_.get();
  Require(SSL_use_certificate(ssl, Parse(chain.front()).get()) == 1 &&
              SSL_use_PrivateKey(ssl, key.get()) == 1,
          "certificate or key");
  SSL_clear_chain_certs(ssl);
  for (std::size_t i = 1; i < chain.size(); ++i) {
    const X509Handle more = Parse(chain[i]);
    Require(SSL_add1_chain_cert(ssl, more.get()) == 1, "chain");
  }
}

int ServerTlsEngine::OnClientHello(SSL* ssl, int*, void* arg) {
  auto* const self = static_cast<ServerTlsEngine*>(arg);
  ClientHelloRecord& hello = self->hello_;
  const unsigned char* octets = nullptr;
  std::size_t size = 0;
  // RFC 6066 section 3: list length, type, name length, name.
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &octets, &size) &&
      size > 5) {
    hello.sni.assign(octets + 5, octets + size);
  }
  int* extensions = nullptr;
  if (SSL_client_hello_get1_extensions_present(ssl, &extensions, &size)) {
    hello.extensions.assign(extensions, extensions + size);
    OPENSSL_free(extensions);
  }
  size = SSL_client_hello_get0_ciphers(ssl, &octets);
  for (std::size_t i = 0; i + 1 < size; i += 2) {
    hello.ciphers.push_back(octets[i] << 8 | octets[i + 1]);
  }
  size = SSL_client_hello_get0_compression_methods(ssl, &octets);
  hello.compression.assign(octets, octets + size);
  if (!self->settings_.sni.empty() && hello.sni == self->settings_.sni) {
    self->Present(self->settings_.sni_chain, self->settings_.sni_key.value());
  }
  return SSL_CLIENT_HELLO_SUCCESS;
}

void ServerTlsEngine::Feed(std::string_view octets) {
  BIO_write(SSL_get_rbio(ssl_.get()), octets.data(),
            static_cast<int>(octets.size()));
}

std::string ServerTlsEngine::Take() {
  std::string out;
  std::array<char, 4096> block;
  for (;;) {
    const int count = BIO_read(SSL_get_wbio(ssl_.get()), block.data(),
                               static_cast<int>(block.size()));
    if (count <= 0) break;
    out.append(block.data(), static_cast<std::size_t>(count));
  }
  if (settings_.tamper) settings_.tamper(out);
  return out;
}

ServerTlsEngine::Progress ServerTlsEngine::Accept() {
  ERR_clear_error();
  const int done = SSL_do_handshake(ssl_.get());
  if (done == 1) return Progress::kDone;
  const int error = SSL_get_error(ssl_.get(), done);
  ERR_clear_error();
  return error == SSL_ERROR_WANT_READ ? Progress::kWantsMore
                                      : Progress::kFailed;
}

ServerTlsEngine::Progress ServerTlsEngine::Read(std::string& into) {
  std::array<char, 16384> block;
  for (;;) {
    ERR_clear_error();
    const int count =
        SSL_read(ssl_.get(), block.data(), static_cast<int>(block.size()));
    if (count > 0) {
      into.append(block.data(), static_cast<std::size_t>(count));
      continue;
    }
    const int error = SSL_get_error(ssl_.get(), count);
    ERR_clear_error();
    if (error == SSL_ERROR_WANT_READ) return Progress::kWantsMore;
    return error == SSL_ERROR_ZERO_RETURN ? Progress::kDone : Progress::kFailed;
  }
}

void ServerTlsEngine::Write(std::string_view octets) {
  if (octets.empty()) return;
  Require(
      SSL_write(ssl_.get(), octets.data(), static_cast<int>(octets.size())) > 0,
      "write");
}

void ServerTlsEngine::KeyUpdate() {
  Require(SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
              SSL_do_handshake(ssl_.get()) == 1,
          "key update");
}

bool ServerTlsEngine::client_sent_certificate() const {
  return SSL_get0_peer_certificate(ssl_.get()) != nullptr;
}

}  // namespace postern
