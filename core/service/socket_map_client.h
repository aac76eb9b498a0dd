// core/service/socket_map_client.h
//
// SocketMapClient: asks a socket map (socket_map.h) of the service over
// connections that stay. A question costs what the two ends need to wake each
// other, and no connection. Links nothing but the C++ library.
//
//   SocketMapClient client("/run/postern/sendmail", 256);
//   const auto answer = client.Ask({"recipient", "domain=bank.example"},
//                                  Deadline::After(25s));
//   if (!answer) ...                      // service not there or silent
//
// Each connection carries one question at a time. One that was late, said
// anything unasked or ended in the middle is closed and never used again, so
// no answer is ever taken for another question's.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/service/owned_fd.h"
#include "core/service/socket_map.h"

namespace postern {

// A connection to the service. Thread-safe.
class SocketMapLink {
 public:
  explicit SocketMapLink(OwnedFd fd) : fd_(std::move(fd)) {}
  // False once the other end has gone: the kernel says so as soon as the
  // process there has ended, however it ended.
  bool open() const;

 private:
  friend class SocketMapClient;
  const OwnedFd fd_;
};

// Thread-safe: any number of threads may ask at the same time.
class SocketMapClient {
 public:
  // At most `most` connections; who finds them all in use waits for one.
  SocketMapClient(std::string path, std::size_t most);

  struct Answer {
    SocketMapReply reply;
    // How it came. May outlive the client.
    std::shared_ptr<const SocketMapLink> link;
  };
  // A connection that the service has closed since it was last used is made
  // anew, once: the question is then asked again, so it must be one that may
  // be. Errors: kServiceUnavailable (not there, silent, gone in the middle, or
  // no socket map) and kServiceBusy (no connection was free in time).
  Result<Answer> Ask(const SocketMapQuery& query, Deadline deadline);

 private:
  using Link = std::shared_ptr<const SocketMapLink>;
  class Seat;
  struct Exchanged;

  Link TakeKept();
  Exchanged Exchange(const SocketMapLink& link, const std::string& question,
                     Deadline deadline) const;
  Result<Answer> Conclude(Exchanged exchanged, Link link);

  const std::string path_;
  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable left_;
  std::size_t seated_ = 0;  // asking now, at most most_; guarded by mutex_
  std::vector<Link> kept_;  // the last one was used last; guarded by mutex_
};

}  // namespace postern
