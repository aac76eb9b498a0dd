// core/tls/openssl_support.h
//
// OpenSSL's handles as owned values, and its errors as text. For this room
// only.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

namespace postern {

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslDeleter>;

// Shared: a context lives as long as the last connection made from it.
using SslContext = std::shared_ptr<SSL_CTX>;

// Empties this thread's error queue. The reasons ("wrong version number"),
// joined by ", ", without what the peer may have had a hand in; empty if there
// were none.
std::string TakeTlsErrors();

}  // namespace postern
