#include "core/tls/tls_context.h"

#include <openssl/err.h>
#include <sys/stat.h>

#include <cstring>

#include "core/tls/tls_parameters.h"
#include "core/tls/tls_words.h"

namespace postern {

namespace {

// 112 bits (RFC 9325 section 4.1): bounds suites, handshake signatures and
// ephemeral keys. Certificates are not affected, see AcceptEveryChain().
constexpr int kSecurityLevel = 2;

// In place of OpenSSL's path building. The evidence is judged later, under the
// destination's plan, with a bound on the work that a hostile chain can cause;
// here there would be none.
int AcceptEveryChain(X509_STORE_CTX*, void*) { return 1; }

// Never ask for a passphrase on the terminal of a service.
int NoPassphrase(char*, int, int, void*) { return 0; }

Error Unusable(const std::string& what) {
  const std::string why = TakeTlsErrors();
  return Error{Reason::kPolicyInvalid, why.empty() ? what : what + ": " + why};
}

Status ApplyParameters(SSL_CTX* context, const TlsParameters& parameters) {
  const Result<ProtocolSet> protocols = ParseProtocols(parameters.protocols);
  if (!protocols.ok()) return protocols.error();
  const Result<CipherChoice> ciphers =
      ChooseCiphers(parameters.ciphers, parameters.exclude);
  if (!ciphers.ok()) return ciphers.error();

  const bool tls13 = protocols->tls13 && !ciphers->suites.empty();
  if (!tls13 && !protocols->tls12) {
    return Error{Reason::kPolicyInvalid,
                 "exclude=: leaves no cipher suite of TLSv1.3"};
  }
  const int lowest = protocols->tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
  const int highest = tls13 ? TLS1_3_VERSION : TLS1_2_VERSION;
  if (SSL_CTX_set_min_proto_version(context, lowest) != 1 ||
      SSL_CTX_set_max_proto_version(context, highest) != 1) {
    return Error{Reason::kInternal,
                 "cannot set the TLS protocols: " + TakeTlsErrors()};
  }
  if (SSL_CTX_set_cipher_list(context, ciphers->list.c_str()) != 1) {
    return Unusable("ciphers= and exclude= leave no usable cipher");
  }
  if (tls13 &&
      SSL_CTX_set_ciphersuites(context, ciphers->suites.c_str()) != 1) {
    return Unusable("exclude= leaves no usable cipher suite");
  }
  return {};
}

Status LoadClientCertificate(SSL_CTX* context,
                             const TlsParameters& parameters) {
  const std::string& cert = parameters.client_cert;
  const std::string& key = parameters.client_key;
  if (cert.empty() != key.empty()) {
    return Error{Reason::kPolicyInvalid,
                 "client-cert= and client-key= need each other"};
  }
  if (cert.empty()) return {};
  SSL_CTX_set_default_passwd_cb(context, NoPassphrase);
  if (SSL_CTX_use_certificate_chain_file(context, cert.c_str()) != 1) {
    return Unusable("client-cert=" + cert);
  }
  // Checks that key and certificate belong together, too.
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) !=
      1) {
    return Unusable("client-key=" + key);
  }
  return {};
}

// What identifies a file's present content well enough to notice a renewal.
std::string FileStamp(const std::string& path) {
  struct stat info {};
  if (path.empty() || stat(path.c_str(), &info) != 0) return path;
  return path + '\x1f' + std::to_string(info.st_ino) + '\x1f' +
         std::to_string(info.st_size) + '\x1f' +
         std::to_string(info.st_mtim.tv_sec) + '.' +
         std::to_string(info.st_mtim.tv_nsec);
}

}  // namespace

std::string TakeTlsErrors() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    // For a system error the library has no reason text of its own.
    const char* reason = ERR_SYSTEM_ERROR(code)
                             ? std::strerror(ERR_GET_REASON(
                                   code))  // NOLINT(concurrency-mt-unsafe)
                             : ERR_reason_error_string(code);
    if (reason == nullptr) continue;
    if (!text.empty()) text += ", ";
    text += reason;
  }
  return text;
}

Result<SslContext> MakeSslContext(const TlsParameters& parameters,
                                  const TlsLimits& limits) {
  ERR_clear_error();
  SslContext context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!context) {
    return Error{Reason::kInternal,
                 "cannot make a TLS context: " + TakeTlsErrors()};
  }
  SSL_CTX* const raw = context.get();
  const Status applied = ApplyParameters(raw, parameters);
  if (!applied.ok()) return applied.error();
  // After the lists, so that none of them has the last word on it.
  SSL_CTX_set_security_level(raw, kSecurityLevel);
  const Status loaded = LoadClientCertificate(raw, parameters);
  if (!loaded.ok()) return loaded.error();

  SSL_CTX_set_verify(raw, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_cert_verify_callback(raw, AcceptEveryChain, nullptr);
  // openssl.cnf may have switched these on.
  SSL_CTX_clear_options(raw, SSL_OP_LEGACY_SERVER_CONNECT |
                                 SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF |
                                 SSL_OP_NO_EXTENDED_MASTER_SECRET);
  SSL_CTX_set_options(
      raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_cert_list(raw,
                            static_cast<long>(limits.max_certificate_octets));
  // Without it SSL_read() would go on through any number of records that carry
  // no data, and no deadline could end it.
  SSL_CTX_clear_mode(raw, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_mode(
      raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

Result<SslContext> TlsClient::Contexts::Get(const TlsParameters& parameters) {
  std::string key;
  for (const std::string& part :
       {parameters.protocols, parameters.ciphers, parameters.exclude,
        FileStamp(parameters.client_cert), FileStamp(parameters.client_key)}) {
    key += part;
    key += '\x1e';
  }
  const std::lock_guard lock(mutex_);
  for (auto it = contexts_.begin(); it != contexts_.end(); ++it) {
    if (it->first != key) continue;
    contexts_.splice(contexts_.begin(), contexts_, it);
    return contexts_.front().second;
  }
  Result<SslContext> made = MakeSslContext(parameters, limits_);
  if (!made.ok()) return made;
  contexts_.emplace_front(std::move(key), *made);
  if (contexts_.size() > kMaxContexts) contexts_.pop_back();
  return made;
}

}  // namespace postern
