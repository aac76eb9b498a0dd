// Daemon's doors: which there are, and how each is opened.
#include <algorithm>
#include <filesystem>
#include <tuple>
#include <utility>

#include "posternd/daemon.h"
#include "posternd/engine_map.h"

namespace postern {
namespace {

// Explaining and probing wait for DNS and silent hosts; `check` asks for many
// destinations at a time.
constexpr std::size_t kQueryWorkers = 16;
constexpr std::size_t kQueryQueue = 64;

}  // namespace

Result<std::vector<Door>> Daemon::OpenDoors(const Settings& settings) {
  Result<std::vector<InheritedSocket>> inherited = TakeInheritedSockets();
  if (!inherited) return inherited.error();

  Result<Door> pipe = OpenDoor(settings, "pipe", *inherited);
  if (!pipe) return pipe.error();
  pipe->takes_fd = true;
  pipe->workers = settings.worker_threads;
  // A burst may wait; a pile behind hosts that hang had better wait in the
  // MTA's queue.
  pipe->queue = settings.worker_threads / 4;
  pipe->max_reading = std::max<std::size_t>(64, settings.worker_threads);
  pipe->handler = [this](Call& call) { return Deliver(call); };

  Result<std::optional<Door>> lmtp = OpenLmtpDoor(settings, *inherited);
  if (!lmtp) return lmtp.error();

  Result<std::optional<Door>> exim = OpenEximDoor(settings, *inherited);
  if (!exim) return exim.error();

  OpenSendmailMaps(settings, *inherited);

  Result<Door> query = OpenDoor(settings, "query", *inherited);
  if (!query) return query.error();
  query->workers = kQueryWorkers;
  query->queue = kQueryQueue;
  query->handler = [this](Call& call) { return engine()->Answer(call); };

  const Status maps =
      maps_.Open(settings, [this, &inherited](const std::string& path) {
        return Listen(path, *inherited);
      });
  if (!maps) return maps.error();

  if (!inherited->empty()) {
    return Error{Reason::kServiceUnavailable,
                 "systemd passed a socket that is no door's: " +
                     inherited->front().path};
  }
  std::vector<Door> doors;
  doors.push_back(*std::move(pipe));
  if (*lmtp) doors.push_back(**std::move(lmtp));
  if (*exim) doors.push_back(**std::move(exim));
  doors.push_back(*std::move(query));
  return doors;
}

Result<std::optional<Door>> Daemon::OpenLmtpDoor(
    const Settings& settings, std::vector<InheritedSocket>& inherited) {
  const DoorSettings* wanted = settings.door("lmtp");
  if (wanted == nullptr || wanted->path.empty()) return std::optional<Door>();
  const std::filesystem::path directory =
      std::filesystem::path(wanted->path).parent_path();
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored)) {
    log_.Warning("no door for lmtp(8): there is no " + directory.string() +
                 " (door-lmtp)");
    return std::optional<Door>();
  }
  Result<Door> door = OpenDoor(settings, "lmtp", inherited);
  if (!door) return door.error();
  door->request_first = false;
  door->format = FormatLmtpReply;
  door->workers = settings.lmtp_connections;
  door->queue = settings.lmtp_connections / 4;
  door->handler = [this](Call& call) { return ServeLmtp(call); };
  return std::optional<Door>(*std::move(door));
}

Result<std::optional<Door>> Daemon::OpenMtaDoor(
    const Settings& settings, const std::string& name, const char* mta,
    std::vector<InheritedSocket>& inherited) {
  const DoorSettings* wanted = settings.door(name);
  if (wanted == nullptr || wanted->path.empty()) return std::optional<Door>();
  // The usual case on a host without that MTA: there is no such user.
  if (const auto users = ResolveUsers(wanted->users); !users) {
    log_.Info("no door for " + std::string(mta) + ": " + name +
              "-users: " + users.error().detail());
    // Nor is it an error that systemd has made its socket.
    std::erase_if(inherited, [&](const InheritedSocket& socket) {
      return socket.path == wanted->path;
    });
    return std::optional<Door>();
  }
  Result<Door> door = OpenDoor(settings, name, inherited);
  if (!door) {
    // This one's mail waits; everybody else's goes on.
    log_.Warning("no door for " + std::string(mta) + ": " +
                 door.error().ToString());
    return std::optional<Door>();
  }
  return std::optional<Door>(*std::move(door));
}

Result<std::optional<Door>> Daemon::OpenEximDoor(
    const Settings& settings, std::vector<InheritedSocket>& inherited) {
  auto door = OpenMtaDoor(settings, "exim", "Exim", inherited);
  if (!door || !*door) return door;
  (*door)->workers = settings.exim_questions;
  // A quarter of it is one destination's, as at Sendmail's doors.
  (*door)->queue = settings.exim_questions * 16;
  (*door)->owner = EximDoor::OwnerOf;
  (*door)->max_reading = std::max<std::size_t>(64, settings.exim_questions);
  (*door)->max_line = kMaxChainLine;
  (*door)->handler = [this](Call& call) {
    Reply reply = engine()->AnswerExim(call);
    exim_counts_.Count(call.request, reply);
    return reply;
  };
  return door;
}

void Daemon::OpenSendmailMaps(const Settings& settings,
                              std::vector<InheritedSocket>& inherited) {
  const auto now = [this] { return engine(); };
  const std::tuple<const char*, const char*, std::shared_ptr<SocketMapHandler>>
      maps[] = {{"sendmail", "postern-milter",
                 std::make_shared<EngineMap<&Engine::milter>>(now)},
                {"sendmail-map", "Sendmail",
                 std::make_shared<EngineMap<&Engine::sendmail_map>>(now)}};
  for (const auto& [name, mta, handler] : maps) {
    auto door = OpenMtaDoor(settings, name, mta, inherited);
    if (!door || !*door) continue;
    SocketMapDoor map;
    map.name = name;
    map.listeners.push_back({std::move((*door)->listener), (*door)->path,
                             std::move((*door)->uids)});
    map.handler = handler;
    map.workers = settings.sendmail_questions;
    // A quarter of it is one destination's, to which many may write at once.
    map.queue = map.workers * 16;
    maps_.Add(std::move(map));
  }
}

Result<Door> Daemon::OpenDoor(const Settings& settings, const std::string& name,
                              std::vector<InheritedSocket>& inherited) {
  const DoorSettings* wanted = settings.door(name);
  if (wanted == nullptr) {
    return Error{Reason::kInternal, "no door '" + name + "' in the settings"};
  }
  const Result<std::vector<uid_t>> uids = ResolveUsers(wanted->users);
  if (!uids) {
    return Error{uids.error().reason(),
                 name + "-users: " + uids.error().detail()};
  }
  Door door;
  door.name = name;
  door.path = wanted->path;
  door.uids = *uids;
  Result<OwnedFd> listener = Listen(door.path, inherited);
  if (!listener) return listener.error();
  door.listener = *std::move(listener);
  return door;
}

Result<OwnedFd> Daemon::Listen(const std::string& path,
                               std::vector<InheritedSocket>& inherited) {
  const auto passed = std::find_if(
      inherited.begin(), inherited.end(),
      [&](const InheritedSocket& socket) { return socket.path == path; });
  if (passed != inherited.end()) {
    OwnedFd listener = std::move(passed->fd);
    inherited.erase(passed);
    return listener;
  }
  // Anybody may connect; who may speak is decided by the peer's uid.
  Result<OwnedFd> listener = ListenUnix({path, 0666, std::nullopt});
  if (listener) own_sockets_.push_back(path);
  return listener;
}

}  // namespace postern
