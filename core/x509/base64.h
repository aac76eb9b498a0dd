// core/x509/base64.h
//
// Base64 (RFC 4648 section 4), in which certificates and digests stand in text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern {

// Octets of base64, padded or not; nothing for anything else.
std::optional<std::string> FromBase64(std::string_view text);
// With padding, on one line.
std::string ToBase64(std::string_view octets);

}  // namespace postern
