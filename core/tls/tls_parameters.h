// core/tls/tls_parameters.h
//
// The words of ciphers= and exclude= (tls_words.h), turned into what OpenSSL is
// told, and cut down to the floor that tls_client.h describes. Words that can't
// be used are an Error (kPolicyInvalid), never a wider choice.
#pragma once

#include <string>
#include <string_view>

#include "core/outcome/result.h"

namespace postern {

struct CipherChoice {
  std::string list;    // for TLS 1.2, with the floor's exclusions at its end
  std::string suites;  // for TLS 1.3; empty if `exclude` names all of them
};

// Empty words mean the defaults: high, and nothing left out.
Result<CipherChoice> ChooseCiphers(std::string_view ciphers,
                                   std::string_view exclude);

}  // namespace postern
