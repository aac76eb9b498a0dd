#include "core/service/socket_map_client.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "core/service/unix_socket.h"

namespace postern {
namespace {

constexpr std::size_t kReadAtOnce = 4096;

// Nothing has come and nobody has hung up: what one may expect of a connection
// on which no question is open.
bool IsQuiet(int fd) {
  char octet;
  ssize_t count = 0;
  do {
    count = recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT);
  } while (count < 0 && errno == EINTR);
  return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace

bool SocketMapLink::open() const {
  pollfd poller{fd_.get(), POLLRDHUP, 0};
  int ready = 0;
  do {
    ready = poll(&poller, 1, 0);
  } while (ready < 0 && errno == EINTR);
  return ready == 0;
}

// One of those who may ask at the same time, until it goes out of scope.
class SocketMapClient::Seat {
 public:
  Seat(SocketMapClient& client, Deadline deadline) : client_(client) {
    std::unique_lock lock(client_.mutex_);
    taken_ = client_.left_.wait_until(lock, deadline.at(), [&client] {
      return client.seated_ < client.most_;
    });
    if (taken_) ++client_.seated_;
  }
  ~Seat() {
    if (!taken_) return;
    {
      const std::lock_guard lock(client_.mutex_);
      --client_.seated_;
    }
    client_.left_.notify_one();
  }
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;
  bool taken() const { return taken_; }

 private:
  SocketMapClient& client_;
  bool taken_ = false;
};

// What became of a question on one connection.
struct SocketMapClient::Exchanged {
  Result<SocketMapReply> reply;
  bool reusable = false;
  // The service went before a word of the answer: the next one, if there is
  // one, can answer it.
  bool unheard = false;
};

SocketMapClient::SocketMapClient(std::string path, std::size_t most)
    : path_(std::move(path)), most_(most) {}

Result<SocketMapClient::Answer> SocketMapClient::Ask(
    const SocketMapQuery& query, Deadline deadline) {
  const std::string question = FormatSocketMapQuery(query);
  const Seat seat(*this, deadline);
  if (!seat.taken()) {
    return Error{Reason::kServiceBusy, path_ + ": all connections are in use"};
  }
  if (Link kept = TakeKept()) {
    Exchanged exchanged = Exchange(*kept, question, deadline);
    if (!exchanged.unheard) {
      return Conclude(std::move(exchanged), std::move(kept));
    }
  }
  Result<OwnedFd> fd = ConnectUnix(path_, deadline);
  if (!fd) return fd.error();
  auto link = std::make_shared<const SocketMapLink>(*std::move(fd));
  Exchanged exchanged = Exchange(*link, question, deadline);
  return Conclude(std::move(exchanged), std::move(link));
}

Result<SocketMapClient::Answer> SocketMapClient::Conclude(Exchanged exchanged,
                                                          Link link) {
  if (exchanged.reusable) {
    const std::lock_guard lock(mutex_);
    kept_.push_back(link);
  }
  if (!exchanged.reply) return exchanged.reply.error();
  return Answer{*std::move(exchanged.reply), std::move(link)};
}

// Null: there is none. Only then is one made, so there are never more of them
// than seats.
SocketMapClient::Link SocketMapClient::TakeKept() {
  const std::lock_guard lock(mutex_);
  while (!kept_.empty()) {
    Link link = std::move(kept_.back());
    kept_.pop_back();
    if (IsQuiet(link->fd_.get())) return link;
  }
  return nullptr;
}

SocketMapClient::Exchanged SocketMapClient::Exchange(
    const SocketMapLink& link, const std::string& question,
    Deadline deadline) const {
  const auto failed = [this](const std::string& what, bool unheard = false) {
    return Exchanged{Error{Reason::kServiceUnavailable, path_ + ": " + what},
                     false, unheard};
  };
  const int fd = link.fd_.get();
  const Status sent = SendText(fd, question, -1, deadline);
  if (!sent) {
    return failed(sent.error().detail(),
                  sent.error().reason() == Reason::kConnectionLost);
  }
  NetstringBuffer buffer(kMaxSocketMapReply);
  for (bool heard = false;;) {
    // A peer that never stops talking doesn't outlast the deadline either.
    if ((heard && deadline.expired()) ||
        WaitFor(fd, false, -1, deadline) != Waited::kReadable) {
      return failed("no answer in time");
    }
    const Result<Received> received = ReceiveNow(fd, kReadAtOnce);
    if (received && received->would_block) continue;
    if (!received || received->octets.empty()) {
      return failed(heard ? "hung up without a whole answer"
                          : "hung up without an answer; its log may say why",
                    !heard);
    }
    heard = true;
    buffer.Append(received->octets);
    const Result<std::optional<std::string>> content = buffer.Take();
    if (!content) return failed(content.error().detail());
    if (!*content) continue;
    if (!buffer.empty()) return failed("more than one answer");
    Result<SocketMapReply> reply = ParseSocketMapReply(**content);
    if (!reply) return failed(reply.error().detail());
    return {std::move(reply), true, false};
  }
}

}  // namespace postern
