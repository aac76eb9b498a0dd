#include "core/service/acceptor.h"

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <exception>
#include <utility>  // before Asio: Boost 1.74 uses std::exchange without it

#include "core/service/unix_socket.h"

namespace postern {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// Connections taken in one go before other doors and clients get a turn.
constexpr int kAcceptBatch = 32;
// Without descriptors accept(2) fails at once for ever: breathe in between.
constexpr std::chrono::milliseconds kAcceptPause{100};

}  // namespace

class Acceptor::Impl {
 public:
  Impl(asio::io_context& io, OwnedFd listener, OnClient on_client, Log log)
      : socket_(io),
        pause_(io),
        on_client_(std::move(on_client)),
        log_(std::move(log)) {
    socket_.assign(listener.get());
    static_cast<void>(listener.Release());  // the socket's now
  }

  void AwaitClients() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [this](const error_code& failed) {
                         if (!failed) AcceptClients();
                       });
  }

  void Close() {
    error_code ignored;
    socket_.close(ignored);
    pause_.cancel();
  }

 private:
  void AcceptClients() {
    for (int i = 0; i < kAcceptBatch; ++i) {
      OwnedFd fd(accept4(socket_.native_handle(), nullptr, nullptr,
                         SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (fd) {
        Admit(std::move(fd));
        continue;
      }
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      if (errno == EINTR || errno == ECONNABORTED) continue;
      log_("accept: " + ErrnoText(errno));
      pause_.expires_after(kAcceptPause);
      pause_.async_wait([this](const error_code& cancelled) {
        if (!cancelled) AwaitClients();
      });
      return;
    }
    AwaitClients();
  }

  // One client that can't be served must not close the door for all.
  void Admit(OwnedFd fd) {
    try {
      on_client_(std::move(fd));
    } catch (const std::exception& error) {
      log_(std::string("a client is turned away: ") + error.what());
    }
  }

  asio::posix::stream_descriptor socket_;
  asio::steady_timer pause_;
  const OnClient on_client_;
  const Log log_;
};

Acceptor::Acceptor(asio::io_context& io, OwnedFd listener, OnClient on_client,
                   Log log)
    : impl_(std::make_unique<Impl>(io, std::move(listener),
                                   std::move(on_client), std::move(log))) {}

Acceptor::~Acceptor() = default;

void Acceptor::Start() { impl_->AwaitClients(); }

void Acceptor::Close() { impl_->Close(); }

}  // namespace postern
