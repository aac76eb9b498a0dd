// core/tls/socket_wait.h
//
// Waiting on a socket, never longer than a Deadline allows and never for a
// caller who is gone. Every wait of a TLS handshake and of an SMTP session
// comes through here. Free functions without state: any thread may call them.
#pragma once

#include "core/clock/clock.h"
#include "core/outcome/result.h"

namespace postern {

// Who waits for the result. When the peer of `hangup_fd` is gone, every wait
// before the final dot ends with kClientGone; after it nothing does. The
// descriptor is borrowed; a half-closed peer still waits for its answer.
struct Cancellation {
  int hangup_fd = -1;
};

// True once the peer of `hangup_fd` has closed. Does not wait.
bool IsCancelled(const Cancellation& cancellation);

enum class SocketReady { kToRead, kToWrite };

// Success: `fd` may be read or written without waiting (or has failed, which
// the read or write will tell). kConnectionTimeout once the deadline has
// passed, even where the socket is ready: a peer that always has one more octet
// must not keep us. kClientGone as soon as the caller is.
Status WaitForSocket(int fd, SocketReady what, Deadline deadline,
                     const Cancellation& cancellation);

}  // namespace postern
