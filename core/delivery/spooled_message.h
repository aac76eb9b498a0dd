// core/delivery/spooled_message.h
//
// Spool: room for messages on their way. A message is read from the MTA's
// descriptor, or handed over piece by piece, into an unnamed temporary file, so
// nothing is left behind however the process ends; each message and all of them
// together are bounded, and full means defer.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock/clock.h"
#include "core/delivery/wire_form.h"
#include "core/delivery/wire_scan.h"
#include "core/outcome/result.h"
#include "core/smtp/message.h"
#include "core/tls/socket_wait.h"

namespace postern {

class SpooledMessage;

// Thread-safe; outlives its messages.
class Spool {
 public:
  struct Limits {
    std::uint64_t message = 0;  // octets of one message
    std::uint64_t total = 0;    // of all that are spooled now
    std::size_t line = 0;       // of one line, see WireForm
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

  // An empty message, to be filled by Append(). Error: kSpoolFull.
  Result<std::unique_ptr<SpooledMessage>> Begin();

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

// A message in the spool. One thread fills it; once it is handed on as a const
// Message, any number may read.
class SpooledMessage final : public Message {
 public:
  ~SpooledMessage() override;

  // Octets in wire form; what WireForm makes of them is kept. After an Error
  // nothing more may be added.
  // Errors: kRequestInvalid, kMessageTooBig, kSpoolFull.
  Status Append(std::string_view octets);
  // The message is whole. Errors as of Append().
  Status Complete();

  std::uint64_t size() const override { return size_; }
  bool has_8bit() const override { return scan_.has_8bit(); }
  bool has_utf8_header() const override { return scan_.has_utf8_header(); }
  bool ends_with_crlf() const override { return scan_.ends_with_crlf(); }
  Result<std::size_t> Read(std::uint64_t offset,
                           std::span<char> into) const override;

 private:
  friend class Spool;
  SpooledMessage(Spool& spool, int fd)
      : spool_(spool), fd_(fd), form_(spool.limits_.line) {}

  Status Keep(std::string_view wire);

  Spool& spool_;
  const int fd_;
  std::uint64_t size_ = 0;  // reserved in the spool
  WireForm form_;
  WireScan scan_;
};

}  // namespace postern
