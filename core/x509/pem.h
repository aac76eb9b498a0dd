// core/x509/pem.h
//
// PEM text, block by block (RFC 7468, with what OpenSSL tolerates between the
// blocks). Only for core/x509.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/outcome/result.h"
#include "core/x509/openssl_ptr.h"

namespace postern {

struct PemBlock {
  std::string name;    // "CERTIFICATE", "X509 CRL"
  std::string octets;  // decoded
};

// Borrows the text for its lifetime.
class PemText {
 public:
  explicit PemText(std::string_view text);
  // The next block; nothing at the end. Error (kCertificateMalformed): a block
  // that begins and does not decode.
  Result<std::optional<PemBlock>> Next();

 private:
  BioPtr bio_;
};

}  // namespace postern
