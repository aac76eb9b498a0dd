#include <algorithm>

#include "pin-admin/doctor/postfix_coverage.h"
#include "pin-admin/doctor/postfix_setup.h"
#include "pin-admin/doctor/service_findings.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

class Lmtp : ServiceFindings {
 public:
  Lmtp(const PostfixConfig& config, const OwnSetup& own,
       const DoorSettings& door, const MasterService& service)
      : ServiceFindings(config, service), own_(own), door_(door) {}

  std::vector<Diagnosis> All() {
    Fallback();
    Command();
    Timeout();
    Cache();
    Limit();
    Owner();
    AnswersAsTheyAre("lmtp_delivery_status_filter");
    AnswersAsTheyAre("lmtp_reply_filter");
    return std::move(found_);
  }

 private:
  void Fallback() {
    const std::string relay = Value("lmtp_fallback_relay");
    if (relay.empty()) return;
    Tell(Weight::kNo, "lmtp-fallback-relay", "lmtp_fallback_relay = " + relay,
         "while the service is down, mail goes there and is not held to any "
         "line",
         "  -o lmtp_fallback_relay=");
  }

  void Command() {
    if (IsYes(Value("lmtp_send_xforward_command"))) return;
    Tell(Weight::kNo, "lmtp-xforward", "lmtp_send_xforward_command is not yes",
         "the service is not told the queue id, and defers the mail",
         "  -o lmtp_send_xforward_command=yes");
  }

  void Timeout() {
    const std::string value = Value("lmtp_data_done_timeout");
    const auto limit = ParsePostfixTime(value, 's');
    const long long total = own_.settings.timeouts.total.count();
    if (limit && *limit > total) return;
    Tell(Weight::kNo, "lmtp-data-done-timeout",
         "lmtp_data_done_timeout = " + value + ", and a delivery may take " +
             std::to_string(total) + "s (total-timeout)",
         "lmtp(8) gives up while the mail is on its way, and sends it a second "
         "time",
         "  -o lmtp_data_done_timeout=" +
             std::to_string(std::max(3600LL, total + 300)) + "s");
  }

  void Cache() {
    if (!IsYes(Value("lmtp_connection_cache_on_demand"))) return;
    Tell(Weight::kWarning, "lmtp-connection-cache",
         "lmtp_connection_cache_on_demand = yes",
         "idle connections hold the service's workers",
         "  -o lmtp_connection_cache_on_demand=no");
  }

  void Limit() {
    const std::string text = service_.limit == "-"
                                 ? config_.Get("default_process_limit")
                                 : service_.limit;
    const auto limit = ParsePostfixTime(text, 's');
    const unsigned ours = own_.settings.lmtp_connections;
    if (!limit || (*limit != 0 && *limit <= ours)) return;
    Tell(Weight::kWarning, "lmtp-process-limit",
         (*limit == 0 ? "any number" : text) +
             " of deliveries at a time, and the service takes " +
             std::to_string(ours) + " connections",
         "those above wait or are deferred",
         "the column 'maxproc' of the transport: " + std::to_string(ours) +
             "\n(or lmtp-connections in postern.conf)");
  }

  // lmtp(8) connects as Postfix's own user.
  void Owner() {
    const std::string owner = config_.Get("mail_owner");
    const Result<uid_t> uid = ResolveUser(owner);
    const Result<std::vector<uid_t>> allowed = ResolveUsers(door_.users);
    if (uid && allowed &&
        std::find(allowed->begin(), allowed->end(), *uid) != allowed->end()) {
      return;
    }
    Tell(Weight::kNo, "lmtp-users",
         "lmtp-users of postern.conf doesn't name " + owner +
             ", as whom lmtp(8) connects" +
             (allowed ? "" : ": " + allowed.error().detail()),
         "the service answers nobody else: every mail is deferred",
         "postern.conf: lmtp-users = " + owner);
  }

  const OwnSetup& own_;
  const DoorSettings& door_;
};

}  // namespace

std::vector<Diagnosis> PostfixLmtpSetup(const PostfixConfig& config,
                                        const OwnSetup& own) {
  const DoorSettings* door = own.settings.door("lmtp");
  std::vector<Diagnosis> found;
  for (const MasterService& service : config.services()) {
    if (door == nullptr || !IsOwnLmtp(config, service)) continue;
    for (Diagnosis& diagnosis : Lmtp(config, own, *door, service).All()) {
      found.push_back(std::move(diagnosis));
    }
  }
  return found;
}

}  // namespace postern
