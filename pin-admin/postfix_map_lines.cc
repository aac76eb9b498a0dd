#include "pin-admin/postfix_map_lines.h"

#include <string_view>

namespace postern {
namespace {

constexpr std::string_view kMapHead =
    R"(# --- /etc/postfix/main.cf: smtp(8) itself, by the policy map -------------------
# Postfix goes on sending by itself and asks Postern before each delivery. What
# its words can't hold (docs/policy-map.md) it is told to defer: 'pin-admin
# explain DOMAIN' says which that is; those destinations go by lmtp(8) or pipe(8),
# in transport_maps.
#
# The only table, or the first: what another one answers before, Postern is not
# asked about. While the service is down, mail waits.
)";

constexpr std::string_view kDigest =
    R"(# Pins are told as digests of this kind (postfix-digest in postern.conf). One that
# Postfix does not know switches TLS off.
)";

constexpr std::string_view kLevel =
    R"(# What holds where Postern was not asked, as for mail that a relayhost of another
# name takes: TLS at least.
smtp_tls_security_level = encrypt
# For dane-only; and a resolver in /etc/resolv.conf that validates, on this host.
smtp_dns_support_level = dnssec
# For verify, secure and hosted: which authorities count is Postfix's to know. A
# file, for smtp(8) reads it before it goes into its chroot.
smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt
)";

constexpr std::string_view kRest =
    R"(# A kept session is a verdict of the past, and of a connection that is used again
# the map is not asked: a policy would bite late.
smtp_tls_session_cache_database =
smtp_connection_cache_on_demand = no
smtp_connection_cache_destinations =
# There mail would go by the policy of the fallback relay, whatever its own
# destination asks for.
smtp_fallback_relay =
)";

std::string InetPlaceText(const InetPlace& inet) {
  const std::string address = inet.address.is_v6()
                                  ? "[" + inet.address.str() + "]"
                                  : inet.address.str();
  return "inet:" + address + ":" + std::to_string(inet.port.value);
}

}  // namespace

std::string PlaceFromQueue(const std::string& path,
                           const std::string& queue_directory) {
  const std::string root = queue_directory + "/";
  return "unix:" + (path.starts_with(root) ? path.substr(root.size()) : path);
}

PostfixMapLines PostfixMap(const Settings& settings,
                           const std::string& queue_directory) {
  const DoorSettings* door = settings.door("postfix-map");
  const bool by_unix = door != nullptr && !door->path.empty();
  PostfixMapLines lines;
  lines.table = "socketmap:" +
                (by_unix ? PlaceFromQueue(door->path, queue_directory)
                         : InetPlaceText(*settings.postfix_map.inet)) +
                ":policy";
  lines.main_cf =
      std::string(kMapHead) + "smtp_tls_policy_maps = " + lines.table + "\n" +
      std::string(kDigest) +
      "smtp_tls_fingerprint_digest = " + settings.postfix_map.digest + "\n" +
      std::string(kLevel) + std::string(kRest);
  return lines;
}

}  // namespace postern
