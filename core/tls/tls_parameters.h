// core/tls/tls_parameters.h
//
// Postfix's words for protocols and ciphers, turned into what OpenSSL is told.
// Pure text work. What the words allow is cut down to the floor that
// tls_client.h describes; a choice that leaves nothing is an Error
// (kPolicyInvalid), never a wider choice.
#pragma once

#include <string>
#include <string_view>

#include "core/outcome/result.h"

namespace postern {

struct ProtocolChoice {
  bool tls12 = true;
  bool tls13 = true;  // one of the two at least
};

// Postfix's smtp_tls_protocols: names to allow, "!NAME" to leave out,
// ">=NAME" and "<=NAME" for bounds. Protocols below 1.2 may be named and are
// never allowed.
Result<ProtocolChoice> ChooseProtocols(std::string_view words);

struct CipherChoice {
  std::string list;    // for TLS 1.2, with the floor's exclusions at its end
  std::string suites;  // for TLS 1.3; empty if `exclude` names all of them
};

Result<CipherChoice> ChooseCiphers(std::string_view ciphers,
                                   std::string_view exclude);

}  // namespace postern
