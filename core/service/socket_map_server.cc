#include "core/service/socket_map_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <exception>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <utility>  // before Asio: Boost 1.74 uses std::exchange without it

#include "core/service/acceptor.h"
#include "core/service/call_pool.h"
#include "core/service/repeated_lines.h"
#include "core/service/unix_socket.h"

namespace postern {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using MonotonicTime = std::chrono::steady_clock::time_point;

// Read at a time: whoever asks faster waits for the others' turns.
constexpr std::size_t kReadSize = 4096;
// Answers that are ready before they are sent; then nothing more is read until
// the client has taken them.
constexpr std::size_t kSendSize = 64 * 1024;
// An idle connection keeps no more memory than this for answers.
constexpr std::size_t kKeptCapacity = 4096;

// One connection; belongs to the I/O thread.
struct Client {
  Client(asio::io_context& io, int fd) : socket(io, fd) {}

  asio::posix::stream_descriptor socket;
  NetstringBuffer input{kMaxSocketMapQuery};
  std::string output;
  std::size_t sent = 0;  // of output
  // When it was last answered, or began a question.
  MonotonicTime since = std::chrono::steady_clock::now();
  bool waiting = false;  // for a lookup; nothing is read until its answer
  bool broken = false;   // what comes next can't be understood
  bool done = false;
};
using ClientPtr = std::shared_ptr<Client>;

SocketMapReply Failed(std::string_view what) {
  return SocketMapReply::Temp("internal-error: " + OneLine(what, 200));
}

Error Busy() { return {Reason::kServiceBusy, "too many lookups"}; }

SocketMapReply TempFor(const Error& error) {
  return SocketMapReply::Temp(ErrorReply(error).rest);
}

}  // namespace

class SocketMapServer::Loop {
 public:
  Loop(SocketMapDoor door, ServiceLog log);
  ~Loop() { StopAccepting(); }

  void Start();
  void StopAccepting();
  CallPool& lookups() { return lookups_; }
  void SetUsers(std::vector<uid_t> uids);
  DoorStatus status() const;

 private:
  void Run();
  void Admit(const SocketMapListener& listener, OwnedFd fd);
  bool MayUse(const SocketMapListener& listener, int fd);
  void Await(const ClientPtr& client);
  void Read(const ClientPtr& client);
  void Serve(const ClientPtr& client);
  bool AnswerSome(const ClientPtr& client);
  bool Answer(const ClientPtr& client, std::string_view content);
  bool LookUp(const ClientPtr& client, const SocketMapQuery& query);
  bool Send(const ClientPtr& client);
  void Forget(const ClientPtr& client);
  bool ForgetTheMostIdle();
  void AwaitSweep();
  void Sweep();
  Reply Find(const Call& call);
  void Deliver(const SocketMapQuery& query, const SocketMapReply& reply);

  SocketMapDoor door_;
  const ServiceLog log_;
  RepeatedLines refusals_{log_, door_.name}, troubles_{log_, door_.name};
  asio::io_context io_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  asio::steady_timer sweep_;
  std::array<char, kReadSize> read_buffer_;
  std::unordered_set<ClientPtr> clients_;
  // Who waits for each lookup that is under way.
  std::map<SocketMapQuery, std::vector<ClientPtr>> waiting_;
  mutable std::mutex users_mutex_;  // guards the listeners' uids
  std::atomic<std::size_t> connections_{0};
  std::atomic<std::uint64_t> accepted_{0}, refused_{0}, turned_away_{0};
  CallPool lookups_;  // after io_, to which its threads post
  std::thread thread_;
};

SocketMapServer::Loop::Loop(SocketMapDoor door, ServiceLog log)
    : door_(std::move(door)),
      log_(std::move(log)),
      sweep_(io_),
      lookups_(
          door_.workers, door_.queue, [this](Call& call) { return Find(call); },
          [](const Reply&) { return std::string(); }) {
  for (SocketMapListener& listener : door_.listeners) {
    acceptors_.push_back(std::make_unique<Acceptor>(
        io_, std::move(listener.fd),
        [this, &listener](OwnedFd fd) { Admit(listener, std::move(fd)); },
        [this](const std::string& text) { troubles_.Write(text); }));
  }
}

void SocketMapServer::Loop::Start() {
  for (const auto& acceptor : acceptors_) acceptor->Start();
  AwaitSweep();
  thread_ = std::thread([this] { Run(); });
}

void SocketMapServer::Loop::Run() {
  for (;;) {
    try {
      io_.run();
      return;
    } catch (const std::exception& error) {
      // Whoever was being served is swept away in time.
      troubles_.Write(error.what());
    }
  }
}

void SocketMapServer::Loop::StopAccepting() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] {
    for (const auto& acceptor : acceptors_) acceptor->Close();
    sweep_.cancel();
    waiting_.clear();
    const std::unordered_set<ClientPtr> clients = clients_;
    for (const ClientPtr& client : clients) Forget(client);
    // Handlers that are due find nothing left to do.
    io_.stop();
  });
  thread_.join();
}

void SocketMapServer::Loop::SetUsers(std::vector<uid_t> uids) {
  const std::lock_guard lock(users_mutex_);
  for (SocketMapListener& listener : door_.listeners) {
    if (listener.uids) listener.uids = uids;
  }
}

DoorStatus SocketMapServer::Loop::status() const {
  std::string places;
  for (const SocketMapListener& listener : door_.listeners) {
    if (!places.empty()) places += ", ";
    places += listener.place;
  }
  return {door_.name, places,   lookups_.load(), connections_,
          accepted_,  refused_, turned_away_};
}

// --- connections -----------------------------------------------------------

bool SocketMapServer::Loop::MayUse(const SocketMapListener& listener, int fd) {
  const std::lock_guard lock(users_mutex_);
  if (!listener.uids) return true;
  const Result<PeerCredentials> peer = GetPeerCredentials(fd);
  const std::vector<uid_t>& uids = *listener.uids;
  if (peer && std::count(uids.begin(), uids.end(), peer->uid) > 0) return true;
  const Error error = peer ? Error{Reason::kClientNotAllowed,
                                   "uid " + std::to_string(peer->uid)}
                           : peer.error();
  refusals_.Write("refused: " + error.ToString());
  return false;
}

void SocketMapServer::Loop::Admit(const SocketMapListener& listener,
                                  OwnedFd fd) {
  ++accepted_;
  if (!MayUse(listener, fd.get())) {
    ++refused_;
    return;
  }
  if (clients_.size() >= door_.connections && !ForgetTheMostIdle()) {
    ++turned_away_;
    return;
  }
  if (!listener.uids) {
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const auto client = std::make_shared<Client>(io_, fd.get());
  static_cast<void>(fd.Release());  // the client's now
  clients_.insert(client);
  connections_ = clients_.size();
  Await(client);
}

void SocketMapServer::Loop::Await(const ClientPtr& client) {
  client->socket.async_wait(asio::posix::stream_descriptor::wait_read,
                            [this, client](const error_code& failed) {
                              if (!failed) Read(client);
                            });
}

void SocketMapServer::Loop::Read(const ClientPtr& client) {
  if (client->done) return;
  const ssize_t count = recv(client->socket.native_handle(),
                             read_buffer_.data(), read_buffer_.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Await(client);
  if (count <= 0) return Forget(client);
  if (client->input.empty()) client->since = std::chrono::steady_clock::now();
  client->input.Append({read_buffer_.data(), static_cast<std::size_t>(count)});
  Serve(client);
}

// Until there is nothing to answer, somebody to wait for, or nobody to answer.
void SocketMapServer::Loop::Serve(const ClientPtr& client) {
  for (;;) {
    const bool more = AnswerSome(client);
    if (!Send(client)) return;
    if (client->broken) return Forget(client);
    if (client->waiting) return;
    if (!more) return Await(client);
  }
}

// False: there is no whole question left, or one that must be answered first.
bool SocketMapServer::Loop::AnswerSome(const ClientPtr& client) {
  if (client->waiting) return false;
  while (client->output.size() < kSendSize) {
    const auto content = client->input.Take();
    if (!content) {
      troubles_.Write("closed a connection: " + content.error().detail());
      client->broken = true;
      return false;
    }
    if (!*content) return false;
    if (!Answer(client, **content)) return false;
    client->since = std::chrono::steady_clock::now();
  }
  return true;
}

// False: the answer has to be waited for.
bool SocketMapServer::Loop::Answer(const ClientPtr& client,
                                   std::string_view content) {
  const Result<SocketMapQuery> query = ParseSocketMapQuery(content);
  std::optional<SocketMapReply> reply;
  if (!query) {
    reply = TempFor(query.error());
  } else {
    try {
      reply = door_.handler->Known(*query);
    } catch (const std::exception& error) {
      reply = Failed(error.what());
    } catch (...) {
      reply = Failed("unknown exception");
    }
  }
  if (!reply && LookUp(client, *query)) return false;
  client->output += FormatSocketMapReply(reply ? *reply : TempFor(Busy()));
  return true;
}

// False: there are too many already.
bool SocketMapServer::Loop::LookUp(const ClientPtr& client,
                                   const SocketMapQuery& query) {
  auto [found, is_new] = waiting_.try_emplace(query);
  if (is_new) {
    Call call;
    call.request = {query.map, {{"key", query.key}}};
    call.owner = door_.handler->OwnerOf(query);
    call.received_at = std::chrono::steady_clock::now();
    if (!lookups_.Submit(call)) {
      ++turned_away_;
      waiting_.erase(found);
      return false;
    }
  }
  found->second.push_back(client);
  client->waiting = true;
  return true;
}

// True: all is sent. Otherwise it goes on by itself, or the client is gone.
bool SocketMapServer::Loop::Send(const ClientPtr& client) {
  while (client->sent < client->output.size()) {
    const ssize_t count = send(
        client->socket.native_handle(), client->output.data() + client->sent,
        client->output.size() - client->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      client->sent += static_cast<std::size_t>(count);
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) {
      Forget(client);
      return false;
    }
    client->socket.async_wait(asio::posix::stream_descriptor::wait_write,
                              [this, client](const error_code& failed) {
                                if (!failed && !client->done) Serve(client);
                              });
    return false;
  }
  client->output.clear();
  if (client->output.capacity() > kKeptCapacity) client->output.shrink_to_fit();
  client->sent = 0;
  return true;
}

void SocketMapServer::Loop::Forget(const ClientPtr& client) {
  if (client->done) return;
  client->done = true;
  error_code ignored;
  client->socket.close(ignored);
  clients_.erase(client);
  connections_ = clients_.size();
}

// Where there is no room: an MTA that lost its place connects again; one that
// finds none has its mail wait. False: everybody waits for a lookup.
bool SocketMapServer::Loop::ForgetTheMostIdle() {
  const auto rank = [](const ClientPtr& client) {
    return std::pair(client->waiting, client->since);
  };
  const auto found = std::min_element(
      clients_.begin(), clients_.end(),
      [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  if (found == clients_.end() || (*found)->waiting) return false;
  Forget(ClientPtr(*found));
  return true;
}

// A timer for all instead of one for each: thousands that sleep cost nothing.
void SocketMapServer::Loop::AwaitSweep() {
  sweep_.expires_after(
      std::min<std::chrono::milliseconds>(
          {std::chrono::seconds(1), door_.idle / 4, door_.stalled / 4}) +
      std::chrono::milliseconds(1));
  sweep_.async_wait([this](const error_code& cancelled) {
    if (!cancelled) Sweep();
  });
}

void SocketMapServer::Loop::Sweep() {
  const MonotonicTime now = std::chrono::steady_clock::now();
  std::vector<ClientPtr> late;
  for (const ClientPtr& client : clients_) {
    // Lookups have a time of their own.
    if (client->waiting && client->output.empty()) continue;
    const bool idle = client->output.empty() && client->input.empty();
    if (now - client->since > (idle ? door_.idle : door_.stalled)) {
      late.push_back(client);
    }
  }
  for (const ClientPtr& client : late) Forget(client);
  AwaitSweep();
}

// --- lookups ---------------------------------------------------------------

// On a worker thread.
Reply SocketMapServer::Loop::Find(const Call& call) {
  const SocketMapQuery query{call.request.verb,
                             call.request.fields.front().second};
  SocketMapReply reply;
  try {
    const Deadline deadline(call.received_at + door_.lookup_budget);
    reply = deadline.expired()
                ? TempFor(Busy())
                : door_.handler->Find(query, deadline, call.stop_fd);
  } catch (const std::exception& error) {
    reply = Failed(error.what());
  } catch (...) {
    reply = Failed("unknown exception");
  }
  asio::post(
      io_, [this, query, reply = std::move(reply)] { Deliver(query, reply); });
  return {};
}

void SocketMapServer::Loop::Deliver(const SocketMapQuery& query,
                                    const SocketMapReply& reply) {
  const auto found = waiting_.find(query);
  if (found == waiting_.end()) return;
  const std::vector<ClientPtr> clients = std::move(found->second);
  // Whoever asks from now on starts a lookup of their own.
  waiting_.erase(found);
  const std::string text = FormatSocketMapReply(reply);
  for (const ClientPtr& client : clients) {
    if (client->done) continue;
    client->waiting = false;
    client->since = std::chrono::steady_clock::now();
    client->output += text;
    // Earlier answers may still be on their way; then those go on by
    // themselves.
    if (client->output.size() == text.size()) Serve(client);
  }
}

// --- the façade ------------------------------------------------------------

SocketMapServer::SocketMapServer(SocketMapDoor door, ServiceLog log)
    : loop_(std::make_unique<Loop>(std::move(door), std::move(log))) {}

SocketMapServer::~SocketMapServer() = default;

Status SocketMapServer::Start() {
  try {
    loop_->Start();
  } catch (const std::system_error& error) {
    return Error{Reason::kInternal, error.what()};
  }
  return {};
}

bool SocketMapServer::Stop(Deadline deadline) {
  loop_->StopAccepting();
  return loop_->lookups().Stop(deadline);
}

void SocketMapServer::SetUsers(std::vector<uid_t> uids) {
  loop_->SetUsers(std::move(uids));
}

DoorStatus SocketMapServer::status() const { return loop_->status(); }

}  // namespace postern
