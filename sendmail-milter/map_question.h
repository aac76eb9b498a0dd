// sendmail-milter/map_question.h
//
// A key of Sendmail's map (docs/protocol.md, "Sendmail's map"): what the TLS
// rulesets tell of the connection that Sendmail has made. Pure. What is not
// exactly a key is an Error; a macro that a peer or a sender can fill must not
// turn into another field.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/names/next_hop.h"
#include "core/outcome/result.h"

namespace postern {

struct MapQuestion {
  // kConnection: before MAIL ("S"). kRecipient: before RCPT ("R").
  enum class Asks { kConnection, kRecipient };
  Asks asks = Asks::kRecipient;
  // Whose mail it is. Nothing only for kConnection, where it is not known.
  std::optional<HostName> destination;
  HostName server;
  IpAddress address;
  // A version, and a handshake that went well: one alone is left over from
  // another connection.
  bool encrypted = false;
  std::string verify{};       // "OK", "NONE", "SOFTWARE"
  std::string protocol{};     // "TLSv1.3"; what is told, encrypted or not
  std::string cipher{};       // OpenSSL's name; empty: not told
  std::string leaf_sha256{};  // 32 octets; empty: not told
  std::string queue_id{};     // empty: not told
  std::optional<NextHop> hop{};
};

// Sendmail cuts longer ones off.
inline constexpr std::size_t kMaxMapKey = 1023;

// Error: kRequestInvalid.
Result<MapQuestion> ParseMapQuestion(std::string_view key);

}  // namespace postern
