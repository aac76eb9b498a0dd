// core/tls/tls_context.h
//
// From TlsParameters to an OpenSSL context, and the cache of those. For this
// room only.
#pragma once

#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <utility>

#include "core/outcome/result.h"
#include "core/tls/openssl_support.h"
#include "core/tls/tls_client.h"

namespace postern {

// kPolicyInvalid where the parameters can't be used, kInternal where OpenSSL
// can't.
Result<SslContext> MakeSslContext(const TlsParameters& parameters,
                                  const TlsLimits& limits);

// Thread-safe. At most kMaxContexts, the least recently used one goes first;
// connections made from it keep it alive.
class TlsClient::Contexts {
 public:
  static constexpr std::size_t kMaxContexts = 64;

  explicit Contexts(const TlsLimits& limits) : limits_(limits) {}
  Result<SslContext> Get(const TlsParameters& parameters);

 private:
  const TlsLimits limits_;
  std::mutex mutex_;
  // Most recently used first.
  std::list<std::pair<std::string, SslContext>> contexts_;
};

}  // namespace postern
