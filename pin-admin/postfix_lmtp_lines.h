// pin-admin/postfix_lmtp_lines.h
//
// What Postfix needs to hand mail to the LMTP door, with the reason for each
// line. Pure text; tests/lab runs a real lmtp(8) with these lines.
#pragma once

#include <string>

#include "core/config/settings.h"

namespace postern {

struct PostfixLmtpLines {
  std::string next_hop;  // "unix:postern/lmtp"
  std::string master_cf, main_cf;
};

// `queue_directory`: Postfix's. The door's path must not be empty.
PostfixLmtpLines PostfixLmtp(const Settings& settings,
                             const std::string& queue_directory);

}  // namespace postern
