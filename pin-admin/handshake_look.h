// pin-admin/handshake_look.h
//
// One connection made only to see what a server shows: greeting, EHLO,
// STARTTLS, handshake, QUIT. No verdict and no mail; whatever certificate there
// is, is taken down. Never as root.
#pragma once

#include <optional>
#include <string>

#include "core/clock/clock.h"
#include "core/names/domain.h"
#include "core/names/ip_address.h"
#include "core/outcome/result.h"
#include "core/tls/tls_client.h"
#include "core/tls/tls_evidence.h"

namespace postern {

struct LookRequest {
  IpAddress address;
  Port port;
  bool wrapper = false;  // TLS from the first octet
  std::optional<Domain> server_name;
  std::string helo;
};

struct HandshakeLook {
  std::optional<Error> failure;
  std::string reply;  // the server's words, where it refused
  bool starttls_offered = false;
  TlsEvidence evidence;
};

HandshakeLook LookAt(const LookRequest& request, const TlsClient& tls,
                     Deadline deadline);

}  // namespace postern
