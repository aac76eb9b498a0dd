// core/smtp/ehlo.h
//
// What a server says it can do, read from its answer to EHLO. Keywords that we
// have no use for are passed over; one that can't be understood counts as not
// offered.
//
// Sources: RFC 5321 section 4.1.1.1, RFC 1870 (SIZE), 2920 (PIPELINING), 3207
// (STARTTLS), 4954 (AUTH), 6152 (8BITMIME), 6531 (SMTPUTF8).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/smtp/smtp_reply.h"

namespace postern {

struct ServerCapabilities {
  bool starttls = false;
  bool pipelining = false;
  bool eight_bit_mime = false;
  bool smtputf8 = false;
  std::vector<std::string> auth;            // SASL mechanisms, as they stand
  bool size = false;                        // takes SIZE= at MAIL
  std::optional<std::uint64_t> size_limit;  // nothing: none that it names
};

ServerCapabilities ParseEhlo(const SmtpReply& reply);

}  // namespace postern
