// postfix-transport/envelope_checks.h
//
// What both doors ask of an envelope before it is believed, and what both make
// of a recipient's result. Pure. Errors are kRequestInvalid and name the field.
#pragma once

#include <string>
#include <string_view>

#include "core/delivery/delivery.h"
#include "core/names/next_hop.h"
#include "core/outcome/result.h"

namespace postern {

// Octets of a result's text: Postfix logs about a thousand.
inline constexpr std::size_t kMaxReplyText = 950;

Error InvalidField(std::string_view field, std::string_view value,
                   const std::string& why);

bool IsQueueId(std::string_view text);

// An address that can't be anything else than one address, or empty.
Status CheckSender(std::string_view sender);

// The recipient's domain for the policy; the envelope keeps it as it was given.
Result<HostName> RecipientDomain(std::string_view recipient);

// The result's status where it is a whole one of class `wanted`.
std::string StatusOfClass(const RecipientResult& result, char wanted,
                          const char* otherwise);

}  // namespace postern
