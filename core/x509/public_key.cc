#include "core/x509/public_key.h"

#include "core/x509/certificate_parse.h"
#include "core/x509/openssl_ptr.h"

namespace postern {

Result<PublicKey> PublicKey::Parse(std::string_view der) {
  const auto* const begin = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* cursor = begin;
  auto state = std::make_shared<State>();
  state->key.reset(d2i_PUBKEY(nullptr, &cursor, static_cast<long>(der.size())),
                   &EVP_PKEY_free);
  if (state->key == nullptr) {
    return Error(Reason::kCertificateMalformed,
                 "public key does not parse: " + TakeOpenSslErrors());
  }
  if (cursor != begin + der.size()) {
    return Error(Reason::kCertificateMalformed,
                 "public key is followed by stray bytes");
  }
  state->der = std::string(der);
  const KeyFacts facts = ReadKeyFacts(state->key.get());
  state->description = facts.description;
  state->unfit = facts.unfit;
  return PublicKey(std::move(state));
}

}  // namespace postern
