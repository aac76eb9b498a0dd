// core/tls/negotiated.h
//
// What a handshake of ours is told beforehand (protocols=, ciphers=, exclude=
// and the floor of TLS 1.2), asked afterwards of a handshake that an MTA made.
#pragma once

#include <string_view>

#include "core/outcome/result.h"
#include "core/tls/tls_evidence.h"

namespace postern {

// Error (kTlsHandshakeFailed): `evidence`, which has TLS, would not have come
// about in a handshake of ours. `cipher` is compared only where `ciphers` or
// `exclude` say something; IANA's name ("TLS_AES_256_GCM_SHA384") or OpenSSL's.
Status CheckNegotiated(const TlsEvidence& evidence, std::string_view protocols,
                       std::string_view ciphers, std::string_view exclude);

}  // namespace postern
