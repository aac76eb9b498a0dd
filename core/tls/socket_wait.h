// core/tls/socket_wait.h
//
// Waiting on a socket, never longer than a Deadline allows and never for a
// caller who is gone. Every wait of a TLS handshake and of an SMTP session
// comes through here. Free functions without state: any thread may call them.
#pragma once

#include <optional>

#include "core/clock/clock.h"
#include "core/outcome/result.h"

namespace postern {

// A question to whoever waits for the result, put by a way of its caller's:
// what a descriptor can't tell.
class LastQuestion {
 public:
  virtual ~LastQuestion() = default;
  // Success: he still waits. Takes seconds at most.
  virtual Status StillWanted() const = 0;

 protected:
  LastQuestion() = default;
};

// Who waits for the result, and who may call it off. When the peer of
// `hangup_fd` is gone, every wait before the final dot ends with kClientGone;
// when that of `stop_fd` is, the service stops, and they end with
// kServiceStopping. `last_question`, where there is one, is asked right before
// the final dot. After the dot nothing ends them. All are borrowed; a
// half-closed peer still waits for its answer.
struct Cancellation {
  int hangup_fd = -1;
  int stop_fd = -1;
  const LastQuestion* last_question = nullptr;
};

// The Error with which waits would end now; nothing while all still want the
// result. Does not wait.
std::optional<Error> WhyCancelled(const Cancellation& cancellation);
bool IsCancelled(const Cancellation& cancellation);

enum class SocketReady { kToRead, kToWrite };

// Success: `fd` may be read or written without waiting (or has failed, which
// the read or write will tell). kConnectionTimeout once the deadline has
// passed, even where the socket is ready: a peer that always has one more octet
// must not keep us. kClientGone as soon as the caller is.
Status WaitForSocket(int fd, SocketReady what, Deadline deadline,
                     const Cancellation& cancellation);

}  // namespace postern
