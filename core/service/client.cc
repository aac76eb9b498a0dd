#include "core/service/client.h"

#include <algorithm>

namespace postern {
namespace {

constexpr std::chrono::seconds kGreetingBudget{1};
constexpr std::chrono::seconds kAnswerBudget{5};
constexpr std::size_t kReadSize = 16 * 1024;

}  // namespace

Result<ServiceClient> ServiceClient::Connect(const std::string& path,
                                             Deadline deadline) {
  const Deadline greeting = deadline.Within(kGreetingBudget);
  Result<OwnedFd> fd = ConnectUnix(path, greeting);
  if (!fd) return fd.error();
  ServiceClient client(std::move(*fd), path);
  const Result<std::string> line = client.ReadLine(greeting, -1);
  if (!line) {
    const bool silent = line.error().reason() == Reason::kDeadlineExceeded;
    return Error{Reason::kServiceUnavailable,
                 path + ": " +
                     (silent ? "no greeting within a second"
                             : "no greeting: " + line.error().detail())};
  }
  const Status greeted = CheckGreeting(*line);
  if (!greeted) {
    return Error{greeted.error().reason(),
                 path + ": " + greeted.error().detail()};
  }
  return client;
}

Status ServiceClient::Send(const Request& request, int pass_fd,
                           Deadline deadline, std::size_t limit) {
  const Result<std::string> line = FormatRequest(request, limit);
  if (!line) return line.error();
  const Status sent = SendText(fd_.get(), *line, pass_fd, deadline);
  if (sent.ok()) return {};
  return Error{Reason::kServiceUnavailable,
               path_ + ": " + sent.error().detail()};
}

Result<Reply> ServiceClient::Receive(Deadline deadline, int watched,
                                     const std::function<bool()>& wanted) {
  for (;;) {
    const Result<std::string> line = ReadLine(deadline, watched);
    if (!line) return line.error();
    if (*line != kStillWanted) return ParseReply(*line);
    if (!wanted || !wanted()) {
      return Error{Reason::kClientGone, "the message is not wanted any more"};
    }
    const Status answered = SendText(fd_.get(), std::string(kIsWanted) + "\n",
                                     -1, deadline.Within(kAnswerBudget));
    if (!answered) {
      return Error{Reason::kServiceUnavailable, answered.error().detail()};
    }
  }
}

Result<Reply> ServiceClient::Ask(const Request& request, Deadline deadline,
                                 std::size_t limit) {
  const Status sent = Send(request, -1, deadline, limit);
  Result<Reply> reply = Receive(deadline);
  // A service that refuses early has closed before it read the request.
  if (!sent && !reply) return sent.error();
  return reply;
}

Result<std::string> ServiceClient::ReadLine(Deadline deadline, int watched) {
  if (std::optional<std::string> line = buffer_.TakeLine()) return *line;
  for (;;) {
    Result<Received> received =
        ReceiveNow(fd_.get(), std::min(kReadSize, buffer_.room()));
    if (!received) {
      return Error{Reason::kServiceUnavailable, received.error().detail()};
    }
    if (!received->would_block) {
      if (received->octets.empty()) {
        return Error{Reason::kServiceUnavailable,
                     "the service closed the connection without a whole reply"};
      }
      buffer_.Append(received->octets);
      if (std::optional<std::string> line = buffer_.TakeLine()) return *line;
      if (buffer_.room() == 0) {
        return Error{Reason::kServiceUnavailable, "the line is too long"};
      }
      // A peer that never stops talking doesn't outlast the deadline either.
      if (!deadline.expired()) continue;
    }
    switch (WaitFor(fd_.get(), false, watched, deadline)) {
      case Waited::kReadable:
      case Waited::kWritable:
        break;
      case Waited::kWatchedGone:
        return Error{Reason::kClientGone, "nobody reads the answer"};
      case Waited::kTimeout:
        return Error{Reason::kDeadlineExceeded, "the service did not answer"};
    }
  }
}

}  // namespace postern
