// core/service/acceptor.h
//
// Acceptor: takes the clients of one listening socket, on the thread of an
// io_context. Private to this room.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/service/owned_fd.h"

namespace boost::asio {
class io_context;
}  // namespace boost::asio

namespace postern {

// Everything on the io_context's thread, or before that runs.
class Acceptor {
 public:
  // Gets a connected socket, non-blocking and close-on-exec. What it throws is
  // logged and costs that client only.
  using OnClient = std::function<void(OwnedFd)>;
  using Log = std::function<void(const std::string&)>;

  Acceptor(boost::asio::io_context& io, OwnedFd listener, OnClient on_client,
           Log log);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  void Start();
  // Nothing of it is left waiting in Asio.
  void Close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace postern
