#include "core/tls/negotiated.h"

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "core/names/quoted.h"
#include "core/tls/tls_parameters.h"
#include "core/tls/tls_words.h"

namespace postern {
namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

Error Failed(std::string what) {
  return {Reason::kTlsHandshakeFailed, std::move(what)};
}

bool IsNamed(const SSL_CIPHER* cipher, const std::string& name) {
  const char* standard = SSL_CIPHER_standard_name(cipher);
  return name == SSL_CIPHER_get_name(cipher) ||
         (standard != nullptr && name == standard);
}

Status CheckCipher(const std::string& name, std::string_view ciphers,
                   std::string_view exclude) {
  const Result<CipherChoice> choice = ChooseCiphers(ciphers, exclude);
  if (!choice) return choice.error();
  const std::unique_ptr<SSL_CTX, FreeContext> context(
      SSL_CTX_new(TLS_client_method()));
  if (!context ||
      SSL_CTX_set_cipher_list(context.get(), choice->list.c_str()) != 1 ||
      SSL_CTX_set_ciphersuites(context.get(), choice->suites.c_str()) != 1) {
    return Error{Reason::kInternal, "the list of ciphers can't be made"};
  }
  const STACK_OF(SSL_CIPHER)* const allowed =
      SSL_CTX_get_ciphers(context.get());
  for (int i = 0; i < sk_SSL_CIPHER_num(allowed); ++i) {
    if (IsNamed(sk_SSL_CIPHER_value(allowed, i), name)) return {};
  }
  return Failed("the cipher " + Quoted(name) + " is not one that the line has");
}

}  // namespace

Status CheckNegotiated(const TlsEvidence& evidence, std::string_view protocols,
                       std::string_view ciphers, std::string_view exclude) {
  const Result<ProtocolSet> set = ParseProtocols(protocols);
  if (!set) return set.error();
  const bool fits = (evidence.protocol == "TLSv1.2" && set->tls12) ||
                    (evidence.protocol == "TLSv1.3" && set->tls13);
  if (!fits) return Failed(Quoted(evidence.protocol) + " was negotiated");
  if (ciphers.empty() && exclude.empty()) return {};
  return CheckCipher(evidence.cipher, ciphers, exclude);
}

}  // namespace postern
