#include "posternd/daemon.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>

#include "posternd/needs_restart.h"

namespace postern {
namespace {

// After the reply to the last final dot could have come.
constexpr std::chrono::seconds kStopSlack{10};

sigset_t HandledSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  return set;
}

// The next signal, or 0 once `timeout` has passed.
int AwaitSignal(std::chrono::milliseconds timeout) {
  const sigset_t set = HandledSignals();
  timespec wait{};
  wait.tv_sec = timeout.count() / 1000;
  wait.tv_nsec = static_cast<long>(timeout.count() % 1000) * 1'000'000;
  const int number = sigtimedwait(&set, nullptr, &wait);
  return number > 0 ? number : 0;
}

}  // namespace

Daemon::Daemon(DaemonOptions options, const Syslog& log)
    : options_(std::move(options)),
      log_(log),
      started_(clock_.Now()),
      controls_{
          [this] { return StatusJson(); }, [this] { return Reload(); },
          [this](const PeerCredentials& peer) { return MayControl(peer); }},
      syslog_sink_(log),
      maps_([this] { return engine(); },
            [this](std::string_view text) { log_.Warning(text); }) {}

Daemon::~Daemon() {
  service_.reset();
  static_cast<void>(maps_.Stop(Deadline::After({})));
  for (const std::string& path : own_sockets_) unlink(path.c_str());
}

void Daemon::BlockSignals() {
  const sigset_t set = HandledSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

Status Daemon::Start() {
  const Result<Settings> settings =
      LoadSettings(options_.config, options_.missing, options_.overrides);
  if (!settings) return settings.error();
  at_start_ = *settings;
  Result<InstanceLock> lock =
      InstanceLock::Take(settings->socket_directory + "/posternd.lock");
  if (!lock) return lock.error();
  lock_ = *std::move(lock);

  CheckDescriptors(*settings);
  OpenStateStore(*settings);
  OpenJournal(*settings);
  OpenPublished(*settings);
  auto engine = MakeEngine(*settings);
  if (!engine) return engine.error();
  engine_ = *std::move(engine);
  if (engine_->store().Generation().empty()) {
    log_.Warning("no published policy at " + settings->snapshot +
                 ": mail is deferred until 'pin-admin publish' has run");
  }

  try {
    Result<std::vector<Door>> doors = OpenDoors(*settings);
    if (!doors) return doors.error();
    service_ = std::make_unique<Service>(
        *std::move(doors),
        [this](std::string_view text) { log_.Warning(text); });
  } catch (const std::exception& error) {
    return Error{Reason::kInternal, std::string("workers: ") + error.what()};
  }
  for (const Status& started : {service_->Start(), maps_.Start()}) {
    if (!started) return started.error();
  }
  log_.Info(std::string("posternd " POSTERN_VERSION " ready"));
  NotifyServiceManager("READY=1\nSTATUS=ready");
  return {};
}

// A delivery has a client's socket, the message's pipe, a spool file and a
// connection at a time, and others are kept; without descriptors it is
// deferred.
void Daemon::CheckDescriptors(const Settings& settings) const {
  rlimit files{};
  const std::size_t hands =
      std::size_t{settings.worker_threads} + settings.lmtp_connections;
  const std::size_t wanted = 8 * hands + settings.connections.kept + 200;
  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= wanted) return;
  log_.Warning("only " + std::to_string(files.rlim_cur) +
               " file descriptors (LimitNOFILE=); worker-threads and "
               "lmtp-connections would need " +
               std::to_string(wanted));
}

// Records only: without them enforcement goes on.
void Daemon::OpenStateStore(const Settings& settings) {
  StateStore::Options options;
  options.path = settings.state_store;
  options.verdict_retention = settings.verdict_retention;
  options.observation_retention = settings.observation_retention;
  options.warn = [this](std::string_view text) { log_.Warning(text); };
  auto opened = StateStore::Open(std::move(options), clock_);
  std::vector<SessionSink*> sinks{&syslog_sink_};
  if (opened) {
    state_ = *std::move(opened);
    sinks.push_back(state_.get());
  } else {
    log_.Error("observations and verdicts are not kept: " +
               opened.error().ToString());
  }
  sink_ = std::make_unique<FanOutSink>(std::move(sinks));
}

// Without it mail is deferred: it starts all the same, and each delivery tries
// again.
void Daemon::OpenJournal(const Settings& settings) {
  JournalStore::Options options;
  options.path = settings.journal;
  options.retention = settings.journal_retention;
  options.limit = settings.journal_limit;
  options.warn = [this](std::string_view text) { log_.Error(text); };
  journal_ = std::make_unique<JournalStore>(std::move(options), clock_);
  (void)journal_->Check();  // it says by itself what is wrong
}

// Without it no published policy can be told from none: what asks for one
// waits.
void Daemon::OpenPublished(const Settings& settings) {
  published_ = std::make_shared<PublishedStore>(
      settings.published, [this](std::string_view text) { log_.Error(text); });
  (void)published_->Check();  // it says by itself what is wrong
}

Result<std::shared_ptr<const Engine>> Daemon::MakeEngine(
    const Settings& settings) {
  return Engine::Make(
      settings, {*sink_, *journal_, clock_, controls_, evidence_, published_,
                 [this](std::string_view text) { log_.Warning(text); }});
}

std::vector<DoorStatus> Daemon::AllDoors() const {
  std::vector<DoorStatus> open = service_->Doors();
  for (DoorStatus& map : maps_.Doors()) open.push_back(std::move(map));
  return open;
}

std::shared_ptr<const Engine> Daemon::engine() const {
  const std::lock_guard lock(engine_mutex_);
  return engine_;
}

Reply Daemon::ServeLmtp(Call& call) {
  return engine()->ServeLmtp(call, [this](const RecipientResult& result) {
    switch (result.outcome) {
      case RecipientResult::Outcome::kDelivered:
        ++delivered_;
        break;
      case RecipientResult::Outcome::kBounced:
        ++bounced_;
        break;
      case RecipientResult::Outcome::kDeferred:
        ++deferred_;
        break;
    }
  });
}

Reply Daemon::Deliver(Call& call) {
  Reply reply = engine()->Deliver(call);
  if (reply.word == "delivered") {
    ++delivered_;
  } else if (reply.word == "bounced") {
    ++bounced_;
  } else {
    ++deferred_;
  }
  return reply;
}

bool Daemon::MayControl(const PeerCredentials& peer) const {
  return peer.uid == 0 || peer.uid == geteuid();
}

Result<std::vector<std::string>> Daemon::Reload() {
  const std::lock_guard only(reload_mutex_);
  const Result<Settings> settings =
      LoadSettings(options_.config, options_.missing, options_.overrides);
  if (!settings) return settings.error();
  auto made = MakeEngine(*settings);
  if (!made) return made.error();
  std::vector<std::pair<std::string, std::vector<uid_t>>> users;
  const std::vector<DoorStatus> open = AllDoors();
  for (const DoorSettings& door : settings->doors) {
    const bool is_open = std::any_of(
        open.begin(), open.end(),
        [&](const DoorStatus& status) { return status.name == door.name; });
    if (!is_open) continue;
    Result<std::vector<uid_t>> uids = ResolveUsers(door.users);
    if (!uids) return uids.error();
    users.emplace_back(door.name, *std::move(uids));
  }

  // Nothing fails from here on.
  std::shared_ptr<const Engine> old = *std::move(made);
  {
    const std::lock_guard lock(engine_mutex_);
    engine_.swap(old);
  }
  for (auto& [name, uids] : users) {
    maps_.SetUsers(name, uids);
    service_->SetUsers(name, std::move(uids));
  }
  std::vector<std::string> unchanged = NeedingRestart(*at_start_, *settings);
  log_.Info("configuration reloaded");
  for (const std::string& name : unchanged) log_.Warning(name);
  return unchanged;
}

bool Daemon::Run() {
  for (;;) {
    const int number = AwaitSignal(std::chrono::hours(1));
    if (number == SIGTERM || number == SIGINT) return Stop();
    if (number != SIGHUP) continue;
    NotifyServiceManager("RELOADING=1");
    const auto reloaded = Reload();
    if (!reloaded) {
      log_.Error("the configuration stays as it was: " +
                 reloaded.error().ToString());
    }
    NotifyServiceManager("READY=1");
  }
}

bool Daemon::Stop() {
  const std::chrono::seconds patience =
      engine()->settings().timeouts.dot_reply + kStopSlack;
  // Whatever TimeoutStopSec= says: dot-timeout may be longer than the default.
  const std::chrono::microseconds asked = patience + kStopSlack;
  NotifyServiceManager("STOPPING=1\nEXTEND_TIMEOUT_USEC=" +
                       std::to_string(asked.count()) + "\nSTATUS=stopping");
  log_.Info("stopping");
  const Deadline deadline = Deadline::After(patience);
  // Only deliveries that wait for the reply to their final dot take time here:
  // to cut one off is to send that message twice.
  const auto stopped = [&] {
    const Deadline turn = deadline.Within(std::chrono::milliseconds(200));
    return service_->Stop(turn) && maps_.Stop(turn);
  };
  while (!stopped()) {
    const int number = AwaitSignal(std::chrono::milliseconds(0));
    if (deadline.expired() || number == SIGTERM || number == SIGINT) {
      log_.Error(
          "stopped while deliveries waited for their last reply; their "
          "messages may be delivered twice");
      if (state_) state_->Flush();
      for (const std::string& path : own_sockets_) unlink(path.c_str());
      return false;
    }
  }
  log_.Info("stopped");
  return true;
}

std::string Daemon::StatusJson() const {
  using Json = nlohmann::ordered_json;
  const std::shared_ptr<const Engine> current = engine();
  Json doors = Json::array();
  for (const DoorStatus& door : AllDoors()) {
    doors.push_back({{"name", door.name},
                     {"socket", door.path},
                     {"workers", door.load.workers},
                     {"busy", door.load.busy},
                     {"queued", door.load.queued},
                     {"connections", door.reading},
                     {"accepted", door.accepted},
                     {"refused", door.refused},
                     {"turned_away", door.turned_away}});
    if (door.name != "exim") continue;
    doors.back()["questions"] = exim_counts_.questions();
    doors.back()["passed"] = exim_counts_.passed();
    doors.back()["deferred"] = exim_counts_.deferred();
  }
  const Json json{{"version", POSTERN_VERSION},
                  {"protocol", kProtocolVersion},
                  {"pid", getpid()},
                  {"started", FormatTime(started_)},
                  {"config", options_.config},
                  {"policy_generation", current->store().Generation()},
                  {"state_store", state_ != nullptr},
                  {"spool_octets", current->spool_octets()},
                  {"delivered", delivered_.load()},
                  {"deferred", deferred_.load()},
                  {"bounced", bounced_.load()},
                  {"doors", std::move(doors)}};
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace postern
