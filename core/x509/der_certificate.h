// core/x509/der_certificate.h
//
// The octets of one certificate as they came over the wire, unparsed.
#pragma once

#include <cstdint>
#include <vector>

namespace postern {

using DerCertificate = std::vector<std::uint8_t>;

}  // namespace postern
