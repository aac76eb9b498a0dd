// posternd/map_doors.h
//
// MapDoors: the socket maps that the service answers (core/service's
// SocketMapServer), from opening their sockets to the last answer. The policy
// map of Postfix's smtp(8) is one.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock/clock.h"
#include "core/config/settings.h"
#include "core/outcome/result.h"
#include "core/service/listening_socket.h"
#include "core/service/service.h"
#include "core/service/socket_map_server.h"

namespace postern {

class Engine;

// Not thread-safe, but for SetUsers() and Doors().
class MapDoors {
 public:
  // What answers, at each question: a reload makes another.
  using EngineNow = std::function<std::shared_ptr<const Engine>()>;
  // systemd's socket at this path, or a new one.
  using Listen = std::function<Result<OwnedFd>(const std::string& path)>;

  MapDoors(EngineNow engine, ServiceLog log)
      : engine_(std::move(engine)), log_(std::move(log)) {}

  // Opens the sockets that the settings ask for and this host has a place for.
  Status Open(const Settings& settings, const Listen& listen);
  // One whose sockets are open. Before Start().
  void Add(SocketMapDoor door);
  Status Start();
  // As SocketMapServer::Stop().
  [[nodiscard]] bool Stop(Deadline deadline);

  void SetUsers(std::string_view door, const std::vector<uid_t>& uids);
  std::vector<DoorStatus> Doors() const;

 private:
  Status OpenPostfixMap(const Settings& settings, const Listen& listen);

  const EngineNow engine_;
  const ServiceLog log_;
  std::vector<std::unique_ptr<SocketMapServer>> servers_;
};

}  // namespace postern
