#include "pin-admin/postfix_lmtp_lines.h"

#include <string_view>

#include "pin-admin/template_text.h"

namespace postern {
namespace {

constexpr std::string_view kMasterCf =
    R"(# --- /etc/postfix/master.cf: by lmtp(8), recommended -------------------------
# Each recipient gets a status of its own, no program is started for a message,
# and no time limit bounces one: while the service is down, mail waits.
# @N@  deliveries at a time: not above lmtp-connections in postern.conf.
# lmtp_send_xforward_command  tells the queue id, for the log.
# lmtp_data_done_timeout      above total-timeout in postern.conf: who gives up
#                             first would send mail twice.
# no connection cache         a new connection to the door costs nothing.
# no line length limit        long lines are folded once, by Postern.
postern-lmtp unix - - @CHROOT@ - @N@ lmtp
  -o lmtp_send_xforward_command=yes
  -o lmtp_data_done_timeout=3600s
  -o lmtp_connection_cache_on_demand=no
  -o lmtp_line_length_limit=0
)";

constexpr std::string_view kMainCf =
    R"(# --- /etc/postfix/main.cf: by lmtp(8) ----------------------------------------
# The next hop of all this mail is the door, one for all destinations: Postfix's
# limits for a destination are the door's, and all its hands may be busy from the
# first message on. Postern keeps a slow destination to a quarter of them.
postern-lmtp_destination_concurrency_limit = @N@
postern-lmtp_initial_destination_concurrency = @N@
# Recipients of a message in one call, whatever their domains: each domain has
# its own connection, side by side, and each recipient its own answer.
postern-lmtp_destination_recipient_limit = 50

# Which mail goes through Postern. All of it:
#   default_transport = postern-lmtp:@HOP@
# Or what a table names ('bank.example postern-lmtp:@HOP@'):
#   transport_maps = hash:/etc/postfix/transport
# The door is the next hop, so a smarthost is named by the policy: route=.
# Bulk mail that shall not stand in others' way: copy the service in master.cf as
# postern-bulk, with fewer processes, and name that for it.
)";

}  // namespace

PostfixLmtpLines PostfixLmtp(const Settings& settings,
                             const std::string& queue_directory) {
  const std::string& path = settings.door("lmtp")->path;
  // lmtp(8) stands in the queue directory, chrooted or not.
  const std::string root = queue_directory + "/";
  const bool inside = path.starts_with(root);
  PostfixLmtpLines lines;
  lines.next_hop = "unix:" + (inside ? path.substr(root.size()) : path);
  const std::string count = std::to_string(settings.lmtp_connections);
  lines.master_cf =
      Fill(Fill(kMasterCf, "@N@", count), "@CHROOT@", inside ? "y" : "n");
  lines.main_cf = Fill(Fill(kMainCf, "@N@", count), "@HOP@", lines.next_hop);
  return lines;
}

}  // namespace postern
