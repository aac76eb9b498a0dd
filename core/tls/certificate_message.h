// core/tls/certificate_message.h
//
// The certificates in a server's Certificate message, octet for octet. OpenSSL
// has accepted the message when this is used; it is hostile input all the same.
//
// Sources: RFC 5246 section 7.4.2 (TLS 1.2), RFC 8446 section 4.4.2 (TLS 1.3).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/outcome/result.h"
#include "core/x509/der_certificate.h"

namespace postern {

// `message` is one handshake message with its four octets of header.
bool IsCertificateMessage(std::span<const std::uint8_t> message);

// In the server's order; empty for an empty list. kTlsHandshakeFailed where a
// length doesn't fit.
Result<std::vector<DerCertificate>> ParseCertificateMessage(
    std::span<const std::uint8_t> message, bool tls13);

}  // namespace postern
