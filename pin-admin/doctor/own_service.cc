#include "core/service/client.h"
#include "core/store/snapshot.h"
#include "pin-admin/doctor/own_setup.h"

namespace postern {
namespace {

using Weight = Remark::Weight;
using std::chrono::milliseconds;

constexpr milliseconds kPatience{1000};

Result<Json> Ask(const std::string& path, const std::string& verb) {
  const Deadline deadline = Deadline::After(kPatience);
  Result<ServiceClient> client = ServiceClient::Connect(path, deadline);
  if (!client) return client.error();
  const Result<Reply> reply = client->Ask({verb, {}}, deadline);
  if (!reply) return reply.error();
  if (reply->word != "ok") {
    return Error(Reason::kServiceUnavailable,
                 "the service says: " + reply->rest);
  }
  return Json::Parse(reply->rest);
}

// It serves somebody, and not us: what holds for mail is not to be seen.
Diagnosis Refused(const std::string& path, const Error& error) {
  return CouldNotFindOut(
      "service-refuses", path, error,
      "the service runs and does not talk to this user (query-users): whether "
      "it serves mail as it should is for another one to ask",
      "sudo pin-admin doctor\nif root is refused: name in query-users whom "
      "'user' names in postern.conf");
}

Diagnosis Silent(const std::string& path, const Error& error) {
  if (error.detail().find(Describe(Reason::kClientNotAllowed).token) !=
      std::string::npos) {
    return Refused(path, error);
  }
  return {Weight::kNo,
          "service-silent",
          path,
          "the service doesn't answer within a second: " + error.detail(),
          "all mail is deferred",
          "systemctl restart postern\njournalctl -u postern"};
}

}  // namespace

std::vector<Diagnosis> InspectService(const Settings& settings) {
  const DoorSettings* door = settings.door("query");
  if (door == nullptr) return {};
  const Result<Json> version = Ask(door->path, "version");
  if (!version) return {Silent(door->path, version.error())};
  const Result<Json> status = Ask(door->path, "status");
  if (!status) return {Silent(door->path, status.error())};

  std::vector<Diagnosis> found;
  const std::string_view running = (*version)["version"].text();
  if (running != POSTERN_VERSION) {
    found.push_back({Weight::kWarning, "service-version", door->path,
                     "the service is version " + std::string(running) +
                         ", pin-admin is " POSTERN_VERSION,
                     "an upgrade is installed and not running",
                     "systemctl restart postern"});
  }
  const Result<SnapshotInfo> info = ReadSnapshotInfo(settings.snapshot);
  const std::string_view holds = (*status)["policy_generation"].text();
  const std::string published =
      info ? std::to_string(info->version.commit) + ":" + info->version.head
           : "";
  if (holds != published) {
    found.push_back(
        {Weight::kNo, "service-policy", door->path,
         "the service holds another policy than " + settings.snapshot + " has",
         "what was written is not what holds", "systemctl restart postern"});
  }
  const bool* keeps = (*status)["state_store"].boolean();
  if (keeps == nullptr || !*keeps) {
    found.push_back({Weight::kWarning, "state-store", settings.state_store,
                     "the service could not open its state store",
                     "observations and verdicts are not kept: 'explain "
                     "QUEUE-ID' and 'audit' have nothing to show",
                     "mend it, then: systemctl restart postern"});
  }
  return found;
}

}  // namespace postern
