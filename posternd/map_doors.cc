#include "posternd/map_doors.h"

#include <exception>
#include <utility>

#include "posternd/engine_map.h"

namespace postern {
namespace {

constexpr const char* kPostfixMap = "postfix-map";

std::string Place(const InetPlace& inet) {
  const std::string host = inet.address.is_v6() ? "[" + inet.address.str() + "]"
                                                : inet.address.str();
  return host + ":" + std::to_string(inet.port.value);
}

}  // namespace

Status MapDoors::Open(const Settings& settings, const Listen& listen) {
  return OpenPostfixMap(settings, listen);
}

Status MapDoors::OpenPostfixMap(const Settings& settings,
                                const Listen& listen) {
  const DoorSettings* wanted = settings.door(kPostfixMap);
  SocketMapDoor door;
  door.name = kPostfixMap;
  if (HasPlace(wanted)) {
    Result<std::vector<uid_t>> uids = ResolveUsers(wanted->users);
    if (!uids) {
      // The usual case on a host without Postfix: there is no such user.
      log_("no policy map for Postfix: postfix-map-users: " +
           uids.error().detail());
    } else {
      Result<OwnedFd> fd = listen(wanted->path);
      if (!fd) return fd.error();
      door.listeners.push_back(
          {*std::move(fd), wanted->path, *std::move(uids)});
    }
  }
  if (const auto& inet = settings.postfix_map.inet) {
    Result<OwnedFd> fd = ListenLoopback(inet->address, inet->port.value);
    if (!fd) return fd.error();
    door.listeners.push_back({*std::move(fd), Place(*inet), std::nullopt});
  }
  if (door.listeners.empty()) return {};
  door.workers = settings.postfix_map.lookups;
  door.queue = 16 * door.workers;
  door.handler = std::make_shared<EngineMap<&Engine::policy_map>>(engine_);
  try {
    Add(std::move(door));
  } catch (const std::exception& error) {
    return Error{Reason::kInternal, std::string("map: ") + error.what()};
  }
  return {};
}

void MapDoors::Add(SocketMapDoor door) {
  servers_.push_back(std::make_unique<SocketMapServer>(std::move(door), log_));
}

Status MapDoors::Start() {
  for (const auto& server : servers_) {
    if (Status started = server->Start(); !started) return started;
  }
  return {};
}

bool MapDoors::Stop(Deadline deadline) {
  bool drained = true;
  for (const auto& server : servers_) {
    drained = server->Stop(deadline) && drained;
  }
  return drained;
}

void MapDoors::SetUsers(std::string_view door, const std::vector<uid_t>& uids) {
  for (const auto& server : servers_) {
    if (server->status().name == door) server->SetUsers(uids);
  }
}

std::vector<DoorStatus> MapDoors::Doors() const {
  std::vector<DoorStatus> statuses;
  for (const auto& server : servers_) statuses.push_back(server->status());
  return statuses;
}

}  // namespace postern
