// posternd/daemon.h
//
// Daemon: the service from start to end: configuration, lock, sockets, engine,
// doors; then signals. SIGHUP reloads, SIGTERM and SIGINT stop, a second one
// stops at once.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/audit/audit_log.h"
#include "core/clock/clock.h"
#include "core/config/settings.h"
#include "core/gate/evidence_index.h"
#include "core/service/listening_socket.h"
#include "core/service/service.h"
#include "core/service/socket_map_server.h"
#include "core/store/delivery_journal.h"
#include "core/store/published_store.h"
#include "core/store/state_store.h"
#include "posternd/engine.h"
#include "posternd/map_doors.h"
#include "posternd/query_door.h"
#include "posternd/question_counts.h"

namespace postern {

struct DaemonOptions {
  std::string config;
  MissingFile missing = MissingFile::kIsAnError;
  // "name=value", after the file.
  std::vector<std::string> overrides;
};

// Made, started and run by the main thread, which has blocked the signals
// before (BlockSignals()), so that every thread inherits that.
class Daemon {
 public:
  Daemon(DaemonOptions options, const Syslog& log);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Everything up to accepting clients; an Error says what is wrong and nothing
  // is left running.
  [[nodiscard]] Status Start();

  // Until a signal ends it. False: some deliveries were cut off, and threads
  // may still run; the process must end by _exit(2).
  [[nodiscard]] bool Run();

  static void BlockSignals();

 private:
  // Those of the line protocol and of LMTP; the maps go to maps_.
  Result<std::vector<Door>> OpenDoors(const Settings& settings);
  Result<Door> OpenDoor(const Settings& settings, const std::string& name,
                        std::vector<InheritedSocket>& inherited);
  // Nothing where that MTA's user does not exist, or the door can't be opened.
  Result<std::optional<Door>> OpenMtaDoor(
      const Settings& settings, const std::string& name, const char* mta,
      std::vector<InheritedSocket>& inherited);
  // systemd's socket where it made one at this path, otherwise our own.
  Result<OwnedFd> Listen(const std::string& path,
                         std::vector<InheritedSocket>& inherited);
  Result<std::optional<Door>> OpenEximDoor(
      const Settings& settings, std::vector<InheritedSocket>& inherited);
  // The milter's and the rulesets'.
  void OpenSendmailMaps(const Settings& settings,
                        std::vector<InheritedSocket>& inherited);
  // Nothing where there is no Postfix to serve.
  Result<std::optional<Door>> OpenLmtpDoor(
      const Settings& settings, std::vector<InheritedSocket>& inherited);
  void CheckDescriptors(const Settings& settings) const;
  void OpenStateStore(const Settings& settings);
  void OpenJournal(const Settings& settings);
  void OpenPublished(const Settings& settings);
  Result<std::shared_ptr<const Engine>> MakeEngine(const Settings& settings);
  Result<std::vector<std::string>> Reload();
  bool Stop();

  std::shared_ptr<const Engine> engine() const;
  Reply Deliver(Call& call);
  Reply ServeLmtp(Call& call);
  std::string StatusJson() const;
  std::vector<DoorStatus> AllDoors() const;
  bool MayControl(const PeerCredentials& peer) const;

  const DaemonOptions options_;
  std::optional<Settings> at_start_;  // what only a restart changes
  const Syslog& log_;
  const SystemClock clock_;
  const TimePoint started_;
  ServiceControls controls_;
  std::optional<InstanceLock> lock_;
  std::vector<std::string> own_sockets_;  // to remove at the end

  std::unique_ptr<StateStore> state_;
  std::unique_ptr<JournalStore> journal_;
  std::shared_ptr<PublishedStore> published_;
  SyslogSink syslog_sink_;
  std::unique_ptr<FanOutSink> sink_;
  EvidenceIndex evidence_{clock_};
  std::atomic<std::uint64_t> delivered_{0}, deferred_{0}, bounced_{0};
  QuestionCounts exim_counts_;

  mutable std::mutex engine_mutex_;  // guards engine_
  std::shared_ptr<const Engine> engine_;
  std::mutex reload_mutex_;  // one reload at a time
  // Last: their threads use all the above.
  MapDoors maps_;
  std::unique_ptr<Service> service_;
};

}  // namespace postern
