#include "core/service/service.h"

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <utility>  // before Asio: Boost 1.74 uses std::exchange without it

#include "core/service/acceptor.h"
#include "core/service/repeated_lines.h"

namespace postern {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// Greetings and refusals fit any socket's buffer: never waits.
void SendNow(int fd, std::string_view text) {
  static_cast<void>(SendText(fd, text, -1, Deadline::After({})));
}

Error NotAllowed(const PeerCredentials& peer) {
  return {Reason::kClientNotAllowed, "uid " + std::to_string(peer.uid)};
}

// A client that has not sent its whole request line yet.
struct Visitor {
  Visitor(asio::io_context& io, int fd, const PeerCredentials& who,
          std::size_t max_line)
      : socket(io, fd), timer(io), peer(who), buffer(max_line) {}

  asio::posix::stream_descriptor socket;
  asio::steady_timer timer;
  PeerCredentials peer;
  LineBuffer buffer;
  std::vector<OwnedFd> fds;
  bool done = false;
};
using VisitorPtr = std::shared_ptr<Visitor>;

// One door at work. Everything but users, counters and the pool belongs to the
// I/O thread.
class OpenDoor {
 public:
  OpenDoor(asio::io_context& io, Door door, const ServiceLog& log)
      : io_(io),
        door_(std::move(door)),
        refusals_(log, door_.name),
        troubles_(log, door_.name),
        acceptor_(
            io, std::move(door_.listener),
            [this](OwnedFd fd) { Greet(std::move(fd)); },
            [this](const std::string& text) { troubles_.Write(text); }),
        pool_(door_.workers, door_.queue, door_.handler, door_.format) {}

  const std::string& name() const { return door_.name; }

  void SetUsers(std::vector<uid_t> uids) {
    const std::lock_guard lock(users_mutex_);
    door_.uids = std::move(uids);
  }

  DoorStatus status() const {
    return {door_.name, door_.path, pool_.load(), reading_,
            accepted_,  refused_,   turned_away_};
  }

  CallPool& pool() { return pool_; }

  void AwaitClients() { acceptor_.Start(); }

  // Turns away everybody; nothing of this door is left waiting in Asio.
  void Close() {
    acceptor_.Close();
    const std::set<VisitorPtr> visitors = visitors_;
    for (const VisitorPtr& visitor : visitors) {
      Refuse(visitor, {Reason::kServiceStopping, ""});
    }
  }

 private:
  bool MayUse(uid_t uid) const {
    const std::lock_guard lock(users_mutex_);
    return std::find(door_.uids.begin(), door_.uids.end(), uid) !=
           door_.uids.end();
  }

  void Greet(OwnedFd fd) {
    ++accepted_;
    const Result<PeerCredentials> peer = GetPeerCredentials(fd.get());
    if (!peer || !MayUse(peer->uid)) {
      ++refused_;
      const Error error = peer ? NotAllowed(*peer) : peer.error();
      refusals_.Write("refused: " + error.ToString());
      Say(fd.get(), error);
      return;
    }
    if (!door_.request_first) {
      Call call;
      call.peer = *peer;
      call.socket = std::move(fd);
      Submit(std::move(call));
      return;
    }
    if (visitors_.size() >= door_.max_reading) {
      ++turned_away_;
      Say(fd.get(), {Reason::kServiceBusy, "too many connections"});
      return;
    }
    SendNow(fd.get(), FormatGreeting() + "\n");
    const auto visitor =
        std::make_shared<Visitor>(io_, fd.get(), *peer, door_.max_line);
    static_cast<void>(fd.Release());  // the visitor's now
    visitors_.insert(visitor);
    reading_ = visitors_.size();
    visitor->timer.expires_after(door_.request_budget);
    visitor->timer.async_wait([this, visitor](const error_code& cancelled) {
      if (!cancelled) {
        Refuse(visitor, {Reason::kRequestInvalid, "no request line in time"});
      }
    });
    AwaitLine(visitor);
  }

  void AwaitLine(const VisitorPtr& visitor) {
    visitor->socket.async_wait(asio::posix::stream_descriptor::wait_read,
                               [this, visitor](const error_code& failed) {
                                 if (!failed) ReadLine(visitor);
                               });
  }

  void ReadLine(const VisitorPtr& visitor) {
    if (visitor->done) return;
    Result<Received> received =
        ReceiveNow(visitor->socket.native_handle(),
                   std::min(visitor->buffer.room(), kMaxRequestLine));
    if (!received) return Forget(visitor);
    if (received->would_block) return AwaitLine(visitor);
    for (OwnedFd& fd : received->fds) visitor->fds.push_back(std::move(fd));
    if (received->fds_lost || visitor->fds.size() > 1) {
      return Refuse(visitor, {Reason::kRequestInvalid,
                              "more than one descriptor was passed"});
    }
    if (received->octets.empty()) return Forget(visitor);
    visitor->buffer.Append(received->octets);
    if (const std::optional<std::string> line = visitor->buffer.TakeLine()) {
      return HandOver(visitor, *line);
    }
    if (visitor->buffer.room() == 0) {
      return Refuse(visitor, {Reason::kRequestInvalid, "the line is too long"});
    }
    AwaitLine(visitor);
  }

  void HandOver(const VisitorPtr& visitor, const std::string& line) {
    Result<Request> request = ParseRequest(line, door_.max_line);
    if (!request) return Refuse(visitor, request.error());
    if (!visitor->buffer.empty()) {
      return Refuse(visitor, {Reason::kRequestInvalid,
                              "something follows the request line"});
    }
    if (visitor->fds.empty() == door_.takes_fd) {
      return Refuse(visitor,
                    {Reason::kRequestInvalid,
                     door_.takes_fd ? "no descriptor was passed"
                                    : "this door takes no descriptor"});
    }
    Call call;
    call.request = std::move(*request);
    if (door_.owner) call.owner = door_.owner(call.request);
    call.peer = visitor->peer;
    if (door_.takes_fd) call.passed = std::move(visitor->fds.front());
    call.socket.Reset(visitor->socket.release());
    Submit(std::move(call));
    Forget(visitor);
  }

  void Submit(Call call) {
    call.received_at = std::chrono::steady_clock::now();
    if (pool_.Submit(call)) return;
    ++turned_away_;
    Say(call.socket.get(), {Reason::kServiceBusy, door_.name});
  }

  void Say(int fd, const Error& error) const {
    SendNow(fd, door_.format(ErrorReply(error)));
  }

  void Refuse(const VisitorPtr& visitor, const Error& error) {
    if (visitor->done) return;
    Say(visitor->socket.native_handle(), error);
    Forget(visitor);
  }

  // Closes what is still open; its handlers find `done` set.
  void Forget(const VisitorPtr& visitor) {
    visitor->done = true;
    visitor->timer.cancel();
    error_code ignored;
    if (visitor->socket.is_open()) visitor->socket.close(ignored);
    visitors_.erase(visitor);
    reading_ = visitors_.size();
  }

  asio::io_context& io_;
  Door door_;
  RepeatedLines refusals_, troubles_;
  Acceptor acceptor_;
  std::set<VisitorPtr> visitors_;
  mutable std::mutex users_mutex_;  // guards door_.uids
  std::atomic<std::size_t> reading_{0};
  std::atomic<std::uint64_t> accepted_{0}, refused_{0}, turned_away_{0};
  CallPool pool_;
};

}  // namespace

class Service::Loop {
 public:
  Loop(std::vector<Door> doors, ServiceLog log) : log_(std::move(log)) {
    for (Door& door : doors) {
      doors_.push_back(std::make_unique<OpenDoor>(io_, std::move(door), log_));
    }
  }
  ~Loop() { StopAccepting(); }

  void Start() {
    for (const auto& door : doors_) door->AwaitClients();
    thread_ = std::thread([this] { Run(); });
  }

  void StopAccepting() {
    if (!thread_.joinable()) return;
    asio::post(io_, [this] {
      for (const auto& door : doors_) door->Close();
    });
    thread_.join();
  }

  std::vector<std::unique_ptr<OpenDoor>>& doors() { return doors_; }

 private:
  void Run() {
    for (;;) {
      try {
        io_.run();
        return;
      } catch (const std::exception& error) {
        log_(std::string("listener: ") + error.what());
      }
    }
  }

  ServiceLog log_;
  asio::io_context io_;
  std::vector<std::unique_ptr<OpenDoor>> doors_;
  std::thread thread_;
};

Service::Service(std::vector<Door> doors, ServiceLog log)
    : loop_(std::make_unique<Loop>(std::move(doors), std::move(log))) {}

Service::~Service() = default;

Status Service::Start() {
  try {
    loop_->Start();
  } catch (const std::system_error& error) {
    return Error{Reason::kInternal, error.what()};
  }
  return {};
}

bool Service::Stop(Deadline deadline) {
  loop_->StopAccepting();
  bool drained = true;
  for (const auto& door : loop_->doors()) {
    drained = door->pool().Stop(deadline) && drained;
  }
  return drained;
}

void Service::SetUsers(std::string_view door, std::vector<uid_t> uids) {
  for (const auto& open : loop_->doors()) {
    if (open->name() == door) open->SetUsers(uids);
  }
}

std::vector<DoorStatus> Service::Doors() const {
  std::vector<DoorStatus> statuses;
  for (const auto& door : loop_->doors()) statuses.push_back(door->status());
  return statuses;
}

}  // namespace postern
