// core/smtp/smtp_path.h
//
// What may stand between "<" and ">" in MAIL and RCPT. Not whether an address
// is right (the server says that) but that it can't be anything else than one
// address: no line end, no second parameter, no second command.
#pragma once

#include <string_view>

#include "core/outcome/result.h"

namespace postern {

// kRequestInvalid for control characters, spaces and angle brackets outside a
// quoted string, a quoted string without an end, and more than 1000 octets.
// Non-ASCII octets are fine (RFC 6531).
Status CheckPath(std::string_view address);

bool IsAscii(std::string_view text);

}  // namespace postern
