#include "tests/testlib/scripted_smtp_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <utility>

namespace postern {

namespace {

constexpr int kPatienceSeconds = 20;

[[noreturn]] void Die(const char* what) {
  std::cerr << "scripted_smtp_server: " << what << ": " << std::strerror(errno)
            << '\n';
  std::abort();
}

std::string Upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

int Listen(const IpAddress& address, Port& port) {
  const int family = address.is_v6() ? AF_INET6 : AF_INET;
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 v6{};
  sockaddr_in v4{};
  v6.sin6_family = AF_INET6;
  v4.sin_family = AF_INET;
  std::memcpy(
      address.is_v6() ? static_cast<void*>(&v6.sin6_addr) : &v4.sin_addr,
      address.bytes().data(), address.bytes().size());
  // NOLINTBEGIN: sockaddr has no other way.
  auto* const name = address.is_v6() ? reinterpret_cast<sockaddr*>(&v6)
                                     : reinterpret_cast<sockaddr*>(&v4);
  // NOLINTEND
  socklen_t size = address.is_v6() ? sizeof v6 : sizeof v4;
  if (fd < 0 || bind(fd, name, size) != 0 || listen(fd, 64) != 0 ||
      getsockname(fd, name, &size) != 0) {
    Die("cannot listen");
  }
  port.value = ntohs(address.is_v6() ? v6.sin6_port : v4.sin_port);
  return fd;
}

}  // namespace

bool ConnectionRecord::Saw(std::string_view verb) const {
  for (const std::string& command : commands) {
    if (Upper(command).starts_with(Upper(verb))) return true;
  }
  return false;
}

bool ServerConnection::SayRaw(std::string_view octets) {
  while (!octets.empty()) {
    const ssize_t count = send(fd_, octets.data(), octets.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    octets.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool ServerConnection::ReceiveRaw(std::string& into) {
  std::array<char, 16384> block;
  const ssize_t count = recv(fd_, block.data(), block.size(), 0);
  if (count <= 0) return false;
  into.append(block.data(), static_cast<std::size_t>(count));
  return true;
}

bool ServerConnection::Flush() {
  std::string octets = tls_->Take();
  if (cut_after_ && *cut_after_ < octets.size()) {
    SayRaw(std::string_view(octets).substr(0, *cut_after_));
    HangUp();
    return false;
  }
  if (cut_after_) *cut_after_ -= octets.size();
  if (!record_.encrypted) record_.tls_octets_sent += octets.size();
  return SayRaw(octets);
}

bool ServerConnection::Receive() {
  std::string octets;
  if (!tls_) {
    if (ReceiveRaw(buffer_)) return true;
    record_.hung_up = true;
    return false;
  }
  for (;;) {
    const std::size_t before = buffer_.size();
    const ServerTlsEngine::Progress progress = tls_->Read(buffer_);
    if (progress == ServerTlsEngine::Progress::kDone) {
      record_.close_notify = true;
    }
    if (buffer_.size() > before) return true;
    if (progress != ServerTlsEngine::Progress::kWantsMore ||
        !ReceiveRaw(octets)) {
      record_.hung_up = true;
      return false;
    }
    tls_->Feed(octets);
    octets.clear();
  }
}

void ServerConnection::Say(std::string_view octets) {
  if (tls_) {
    tls_->Write(octets);
    Flush();
  } else {
    SayRaw(octets);
  }
}

std::optional<std::string> ServerConnection::ReadLine() {
  std::size_t end = 0;
  while ((end = buffer_.find('\n')) == std::string::npos) {
    if (!Receive()) return std::nullopt;
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 1);
  if (line.ends_with('\r')) line.pop_back();
  record_.commands.push_back(line);
  return line;
}

bool ServerConnection::ReadMessage() {
  constexpr std::string_view kEnd = "\r\n.\r\n";
  // An empty message is the dot alone.
  std::string message = "\r\n" + std::exchange(buffer_, {});
  std::size_t end = 0;
  std::size_t searched = 0;
  while ((end = message.find(kEnd, searched)) == std::string::npos) {
    searched = message.size() < kEnd.size() ? 0 : message.size() - kEnd.size();
    if (!Receive()) {
      record_.unfinished = message.substr(2);
      return false;
    }
    message += std::exchange(buffer_, {});
  }
  buffer_ = message.substr(end + kEnd.size());
  record_.messages.push_back(message.substr(2, end));
  return true;
}

bool ServerConnection::StartTls(const ServerTls& tls) {
  tls_ = std::make_unique<ServerTlsEngine>(tls);
  cut_after_ = tls.cut_after;
  std::string octets = std::exchange(buffer_, {});
  for (;;) {
    tls_->Feed(octets);
    octets.clear();
    const ServerTlsEngine::Progress progress = tls_->Accept();
    record_.hello = tls_->hello();
    const bool flushed = Flush();
    if (!flushed || progress == ServerTlsEngine::Progress::kFailed) {
      HangUp();
      return false;
    }
    if (progress == ServerTlsEngine::Progress::kDone) break;
    if (!ReceiveRaw(octets)) {
      record_.hung_up = true;
      return false;
    }
  }
  record_.encrypted = true;
  record_.client_certificate = tls_->client_sent_certificate();
  return true;
}

bool ServerConnection::SayKeyUpdate(std::string_view then) {
  tls_->KeyUpdate();
  tls_->Write(then);
  return Flush();
}

void ServerConnection::WaitForHangup() {
  while (Receive()) buffer_.clear();
}

void ServerConnection::SayCloseNotify() {
  tls_->CloseNotify();
  Flush();
}

void ServerConnection::HangUp() { shutdown(fd_, SHUT_RDWR); }

void ServerConnection::ResetConnection() {
  const linger now{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  // The reset leaves when the server closes the descriptor after the script.
}

ScriptedSmtpServer::ScriptedSmtpServer(ServerScript script,
                                       const std::string& address)
    : script_(std::move(script)), address_(IpAddress::Parse(address).value()) {
  listener_ = Listen(address_, port_);
  acceptor_ = std::thread([this] { Accept(); });
}

ScriptedSmtpServer::~ScriptedSmtpServer() {
  stopping_ = true;
  // Wakes accept(2).
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  for (Connection& connection : connections_) {
    if (connection.fd >= 0) shutdown(connection.fd, SHUT_RDWR);
    if (connection.thread.joinable()) connection.thread.join();
    if (connection.fd >= 0) close(connection.fd);
  }
}

void ScriptedSmtpServer::Accept() {
  while (!stopping_) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const timeval patience{kPatienceSeconds, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const std::lock_guard lock(mutex_);
    Connection& connection = connections_.emplace_back(fd);
    connection.thread = std::thread([this, &connection] {
      script_(connection.end);
      // The descriptor stays ours until it is joined; what was sent still goes.
      linger now{};
      socklen_t size = sizeof now;
      getsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &now, &size);
      if (now.l_onoff == 0) {
        connection.end.HangUp();
      } else {
        // Connecting to nothing drops the connection with a reset.
        sockaddr none{};
        none.sa_family = AF_UNSPEC;
        connect(connection.fd, &none, sizeof none);
      }
    });
    came_.notify_all();
  }
}

std::vector<ConnectionRecord> ScriptedSmtpServer::Records(
    std::size_t at_least) {
  std::unique_lock lock(mutex_);
  if (!came_.wait_for(lock, std::chrono::seconds(kPatienceSeconds),
                      [&] { return connections_.size() >= at_least; })) {
    errno = ETIMEDOUT;
    Die("nobody came");
  }
  std::vector<ConnectionRecord> records;
  for (Connection& connection : connections_) {
    if (connection.thread.joinable()) connection.thread.join();
    records.push_back(connection.end.record());
  }
  return records;
}

namespace {

// What an ordinary server remembers of one connection.
class OrdinaryServer {
 public:
  OrdinaryServer(const ServerBehaviour& behaviour, ServerConnection& connection)
      : behaviour_(behaviour), connection_(connection) {}

  void Run() {
    if (behaviour_.wrapper && !connection_.StartTls(*behaviour_.tls)) return;
    encrypted_ = behaviour_.wrapper;
    connection_.Say(behaviour_.greeting + "\r\n");
    while (const std::optional<std::string> line = connection_.ReadLine()) {
      if (!Answer(Upper(*line))) break;
    }
  }

 private:
  std::string Ehlo() const {
    std::vector<std::string> lines = {"mx.test"};
    lines.insert(lines.end(), behaviour_.keywords.begin(),
                 behaviour_.keywords.end());
    if (behaviour_.tls && !encrypted_) lines.emplace_back("STARTTLS");
    std::string reply;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      reply += (i + 1 < lines.size() ? "250-" : "250 ") + lines[i] + "\r\n";
    }
    return reply.substr(0, reply.size() - 2);
  }

  std::string ReplyTo(const std::string& command) const {
    const std::string* best = nullptr;
    std::size_t length = 0;
    for (const auto& [start, reply] : behaviour_.replies) {
      if (!command.starts_with(Upper(start)) || start.size() < length) continue;
      best = &reply;
      length = start.size();
    }
    if (best != nullptr) return *best;
    if (command.starts_with("EHLO")) return Ehlo();
    if (command.starts_with("STARTTLS")) {
      return behaviour_.tls && !encrypted_ ? "220 2.0.0 go ahead"
                                           : "502 5.5.1 no";
    }
    if (command.starts_with("DATA")) {
      return recipients_ > 0 ? "354 go ahead" : "554 5.5.1 no valid recipients";
    }
    if (command.starts_with("RCPT") && !mail_) return "503 5.5.1 MAIL first";
    if (command.starts_with("QUIT")) return "221 2.0.0 bye";
    for (const char* verb : {"HELO", "MAIL", "RCPT", "RSET", "NOOP", "."}) {
      if (command.starts_with(verb)) return "250 2.0.0 ok";
    }
    return "500 5.5.2 what?";
  }

  // False once the connection is over.
  bool Answer(const std::string& command) {
    const std::string reply = ReplyTo(command);
    connection_.Say(reply + "\r\n");
    const bool good = reply.starts_with('2');
    if (command.starts_with("MAIL")) mail_ = good;
    if (command.starts_with("RCPT") && good) ++recipients_;
    if (command.starts_with("RSET")) EndTransaction();
    if (command.starts_with("STARTTLS") && good) {
      if (!behaviour_.tls || !connection_.StartTls(*behaviour_.tls))
        return false;
      encrypted_ = true;
    }
    if (command.starts_with("DATA") && reply.starts_with("354")) {
      if (!connection_.ReadMessage()) return false;
      EndTransaction();
      return Answer(".");
    }
    if (command.starts_with("QUIT")) {
      connection_.WaitForHangup();
      return false;
    }
    return !reply.starts_with("421");
  }

  void EndTransaction() {
    mail_ = false;
    recipients_ = 0;
  }

  const ServerBehaviour& behaviour_;
  ServerConnection& connection_;
  bool encrypted_ = false;
  bool mail_ = false;
  int recipients_ = 0;
};

}  // namespace

ServerScript Ordinary(ServerBehaviour behaviour) {
  return [behaviour = std::move(behaviour)](ServerConnection& connection) {
    OrdinaryServer(behaviour, connection).Run();
  };
}

}  // namespace postern
