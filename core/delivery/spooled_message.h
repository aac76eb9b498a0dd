// core/delivery/spooled_message.h
//
// Spool: room for messages on their way. A message is read from the MTA's
// descriptor into an unnamed temporary file, so nothing is left behind however
// the process ends; each message and all of them together are bounded, and full
// means defer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/smtp/message.h"
#include "core/tls/socket_wait.h"

namespace postern {

// Thread-safe; outlives its messages.
class Spool {
 public:
  struct Limits {
    std::uint64_t message = 0;  // octets of one message
    std::uint64_t total = 0;    // of all that are spooled now
  };
  Spool(std::string directory, Limits limits)
      : directory_(std::move(directory)), limits_(limits) {}
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  // Reads `from`, which stays the caller's, from its position to its end. It
  // must be a pipe, a socket or a regular file, and nobody else may read it.
  // Errors: kRequestInvalid (not readable, or nothing in it), kMessageTooBig,
  // kSpoolFull, kDeadlineExceeded, kClientGone, kServiceStopping.
  Result<std::unique_ptr<const Message>> Receive(
      int from, Deadline deadline, const Cancellation& cancellation);

  // Whether a message can be spooled at all: for start-up.
  Status Check() const;

  std::uint64_t used() const { return used_; }

 private:
  friend class SpooledMessage;
  bool Reserve(std::uint64_t octets);

  const std::string directory_;
  const Limits limits_;
  std::atomic<std::uint64_t> used_{0};
};

}  // namespace postern
