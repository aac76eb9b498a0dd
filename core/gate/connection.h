// core/gate/connection.h
//
// Connection: one connection to one address of a planned host, as it was found
// and judged. ConnectRequest: what the host loop (or a probe) asks for.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/outcome/verdict.h"
#include "core/smtp/smtp_session.h"
#include "core/tls/tls_evidence.h"

namespace postern {

struct Connection {
  Verdict verdict;
  TlsEvidence evidence;
  bool starttls_offered = false;
  // This side's address on it; empty where it never came about.
  std::string local_address;
  // TLS was tried and failed before anything could be judged.
  bool tls_failed = false;
  // Whether the address answers to TCP at all. Trouble on this side, and a
  // caller who has gone, leave it unknown.
  enum class Reach { kUnknown, kReached, kUnreachable };
  Reach reach = Reach::kUnknown;
  // The SASL mechanism of the login; empty: there was none.
  std::string_view logged_in;
  // Messages that the connection has carried before this one.
  unsigned carried = 0;
  // Ready for Send() where the verdict is "pass", or is "no" and
  // `keep_refused` was asked for; null otherwise (closed with QUIT and
  // close_notify, never MAIL).
  std::unique_ptr<SmtpSession> session;
};

struct ConnectRequest {
  Basis basis = Basis::kLive;
  Cancellation cancellation;
  // Cleartext instead of TLS: only the host loop asks for it, at `may` after
  // TLS failed, or for on-fail=deliver-clear.
  bool without_tls = false;
  // Keep the session although the verdict is "no" (on-fail=deliver).
  bool keep_refused = false;
  // Log in where the host has credentials, once the verdict is "pass". Only
  // for mail: never to look.
  bool log_in = false;
};

}  // namespace postern
