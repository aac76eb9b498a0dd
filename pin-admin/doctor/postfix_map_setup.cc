#include "pin-admin/doctor/postfix_map_setup.h"

#include <algorithm>

#include "pin-admin/doctor/service_findings.h"
#include "pin-admin/postfix_map_lines.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

constexpr std::string_view kSocketMap = "socketmap:";
constexpr std::string_view kMapName = ":policy";

// "socketmap:unix:…:policy": meant for us, wherever it leads.
bool IsMeantForUs(std::string_view table) {
  return table.starts_with(kSocketMap) && table.ends_with(kMapName);
}

// The socket as that service finds it; empty for no unix socket.
std::string SocketSeen(const PostfixConfig& config,
                       const MasterService& service, std::string_view table) {
  table.remove_prefix(kSocketMap.size());
  table.remove_suffix(kMapName.size());
  constexpr std::string_view kUnix = "unix:";
  if (!table.starts_with(kUnix)) return "";
  const std::string path(table.substr(kUnix.size()));
  const std::string queue = config.Get("queue_directory");
  if (!path.starts_with('/')) return queue + "/" + path;
  return config.Chrooted(service) ? queue + path : path;
}

bool LeadsToUs(const PostfixConfig& config, const Settings& settings,
               const MasterService& service, const std::string& table) {
  if (!IsMeantForUs(table)) return false;
  const DoorSettings* door = settings.door("postfix-map");
  const std::string seen = SocketSeen(config, service, table);
  if (!seen.empty()) return door != nullptr && seen == door->path;
  Settings inet_only;
  inet_only.postfix_map = settings.postfix_map;
  return settings.postfix_map.inet && PostfixMap(inet_only, "").table == table;
}

std::vector<std::string> TablesOf(const PostfixConfig& config,
                                  const MasterService& service) {
  if (service.command != "smtp" || service.type != "unix") return {};
  return SplitPostfixList(config.Get(service.key(), "smtp_tls_policy_maps"));
}

class Map : ServiceFindings {
 public:
  Map(const PostfixConfig& config, const OwnSetup& own,
      const MasterService& service, std::vector<std::string> tables)
      : ServiceFindings(config, service),
        settings_(own.settings),
        tables_(std::move(tables)) {}

  std::vector<Diagnosis> All() {
    Reach();
    Order();
    Digest();
    Level();
    Fallback();
    KeptConnections();
    Owner();
    AnswersAsTheyAre("smtp_delivery_status_filter");
    AnswersAsTheyAre("smtp_reply_filter");
    return std::move(found_);
  }

 private:
  std::string Wanted() const {
    return PostfixMap(settings_, config_.Get("queue_directory")).table;
  }

  void Reach() {
    for (const std::string& table : tables_) {
      if (!IsMeantForUs(table)) continue;
      if (LeadsToUs(config_, settings_, service_, table)) return;
      const std::string seen = SocketSeen(config_, service_, table);
      Tell(Weight::kNo, "map-unreachable",
           table + (seen.empty() ? "" : " is " + seen) +
               (config_.Chrooted(service_) ? " in its chroot" : "") +
               ", and nobody listens there",
           "smtp(8) defers all mail", "smtp_tls_policy_maps = " + Wanted());
      return;
    }
  }

  void Order() {
    if (IsMeantForUs(tables_.front())) return;
    Tell(Weight::kNo, "map-order",
         tables_.front() + " comes before the policy map",
         "what it answers, Postern is not asked about",
         "smtp_tls_policy_maps = " + Wanted());
  }

  void Digest() {
    const std::string digest = Value("smtp_tls_fingerprint_digest");
    const std::string& ours = settings_.postfix_map.digest;
    if (digest == ours) return;
    Tell(Weight::kNo, "map-digest", "smtp_tls_fingerprint_digest = " + digest,
         "pins are told as " + ours +
             ": no server matches, and with a digest that smtp(8) does not "
             "know it sends without TLS",
         "smtp_tls_fingerprint_digest = " + ours);
  }

  void Level() {
    const std::string level = Value("smtp_tls_security_level");
    if (!level.empty() && level != "none" && level != "may") return;
    Tell(Weight::kWarning, "map-level", "smtp_tls_security_level = " + level,
         "it holds wherever the map is not asked; while the map is down, mail "
         "waits all the same",
         "smtp_tls_security_level = encrypt");
  }

  // smtp(8) goes on to it also from a destination whose policy it was not told.
  void Fallback() {
    const std::string relay = Value("smtp_fallback_relay");
    if (relay.empty()) return;
    Tell(Weight::kNo, "map-fallback-relay", "smtp_fallback_relay = " + relay,
         "mail that a destination's line keeps back goes there, by the line of "
         "the relay",
         "smtp_fallback_relay =");
  }

  // TLS connections are not kept: the map says connection_reuse=no.
  void KeptConnections() {
    const std::string on_demand = Value("smtp_connection_cache_on_demand");
    const std::string always = Value("smtp_connection_cache_destinations");
    if (!IsYes(on_demand) && always.empty()) return;
    Tell(Weight::kNo, "map-connection-cache",
         IsYes(on_demand) ? "smtp_connection_cache_on_demand = yes"
                          : "smtp_connection_cache_destinations = " + always,
         "a cleartext connection that is used again takes mail whose line has "
         "come to ask for TLS: the map is not asked",
         "smtp_connection_cache_on_demand = no, "
         "smtp_connection_cache_destinations =");
  }

  // smtp(8) connects as Postfix's own user.
  void Owner() {
    const DoorSettings* door = settings_.door("postfix-map");
    const std::string owner = config_.Get("mail_owner");
    const Result<uid_t> uid = ResolveUser(owner);
    if (door == nullptr || !uid) return;
    const Result<std::vector<uid_t>> allowed = ResolveUsers(door->users);
    if (allowed &&
        std::find(allowed->begin(), allowed->end(), *uid) != allowed->end()) {
      return;
    }
    Tell(Weight::kNo, "map-users",
         "postfix-map-users of postern.conf doesn't name " + owner +
             ", as whom smtp(8) connects",
         "the service answers nobody else: all mail is deferred",
         "postern.conf: postfix-map-users = " + owner + " root");
  }

  const Settings& settings_;
  const std::vector<std::string> tables_;
};

}  // namespace

bool AsksPolicyMap(const PostfixConfig& config, const Settings& settings,
                   const MasterService& service) {
  const std::vector<std::string> tables = TablesOf(config, service);
  return !tables.empty() &&
         LeadsToUs(config, settings, service, tables.front());
}

std::vector<Diagnosis> PostfixMapSetup(const PostfixConfig& config,
                                       const OwnSetup& own) {
  std::vector<Diagnosis> found;
  for (const MasterService& service : config.services()) {
    std::vector<std::string> tables = TablesOf(config, service);
    if (std::none_of(tables.begin(), tables.end(), IsMeantForUs)) continue;
    for (Diagnosis& diagnosis :
         Map(config, own, service, std::move(tables)).All()) {
      found.push_back(std::move(diagnosis));
    }
  }
  return found;
}

}  // namespace postern
