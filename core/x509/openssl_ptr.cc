#include "core/x509/openssl_ptr.h"

#include <openssl/err.h>

namespace postern {

std::string TakeOpenSslErrors() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    const char* reason = ERR_reason_error_string(code);
    if (!text.empty()) text += "; ";
    text += reason != nullptr ? reason : "unknown reason";
  }
  return text.empty() ? "no reason given" : text;
}

}  // namespace postern
