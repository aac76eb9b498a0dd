// core/tls/tls_client.h
//
// TlsClient: makes TLS connections as a client and collects the evidence. It
// accepts every certificate: verifying is Judge()'s business, on the evidence.
// TLS 1.2 at least, no session resumption, no compression, no renegotiation, no
// early data (RFC 9325 section 3).
#pragma once

#include <optional>
#include <string>

#include "core/names/domain.h"

namespace postern {

struct TlsParameters {
  std::optional<Domain> server_name;  // SNI; nothing: not sent
  std::string protocols;              // policy attributes of these names
  std::string ciphers, exclude;
  std::string client_cert, client_key;  // PEM files; both or none
};

class TlsClient;  // completed with the handshake

}  // namespace postern
