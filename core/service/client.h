// core/service/client.h
//
// ServiceClient: the client's end of the line protocol. Links nothing but the
// C++ library, because the Postfix transport is a static program.
//
//   auto client = ServiceClient::Connect(path, Deadline::After(5s));
//   if (!client) ...                      // service not there or silent
//   auto reply = client->Ask({"explain", {{"domain", "bank.example"}}},
//   deadline);
//
// Not thread-safe; one request a connection.
#pragma once

#include <functional>
#include <string>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/service/line_protocol.h"
#include "core/service/owned_fd.h"
#include "core/service/unix_socket.h"

namespace postern {

class ServiceClient {
 public:
  // Connects and checks the greeting: within a second and the deadline, so that
  // a dead or hung service is noticed before anything is handed to it. Error:
  // kServiceUnavailable, saying what the socket did.
  static Result<ServiceClient> Connect(const std::string& path,
                                       Deadline deadline);

  // Sends the request line; `pass_fd` (unless -1) goes with it and stays the
  // caller's. After an error Receive() may still have a reply that says why.
  // `limit`: what the door allows for a request line.
  Status Send(const Request& request, int pass_fd, Deadline deadline,
              std::size_t limit = kMaxRequestLine);

  // Waits for the reply line. Errors: kServiceUnavailable (closed without a
  // whole line, or no reply line), kDeadlineExceeded, and kClientGone where the
  // reader of `watched` (a pipe's writing end, unless -1) went away meanwhile.
  // When the service asks whether the message is still wanted, `wanted`
  // answers; "no", or a question without it, ends in kClientGone.
  Result<Reply> Receive(Deadline deadline, int watched = -1,
                        const std::function<bool()>& wanted = {});

  // Send() and Receive().
  Result<Reply> Ask(const Request& request, Deadline deadline,
                    std::size_t limit = kMaxRequestLine);

 private:
  ServiceClient(OwnedFd fd, std::string path)
      : fd_(std::move(fd)), path_(std::move(path)) {}
  Result<std::string> ReadLine(Deadline deadline, int watched);

  OwnedFd fd_;
  LineBuffer buffer_{kMaxReplyLine};
  std::string path_;
};

}  // namespace postern
