// postfix-transport/postern_transport.cc
//
// postern-transport: what Postfix's pipe(8) runs for each message. It hands the
// message on its standard input to posternd and tells pipe(8) the answer. It
// resolves, parses and decides nothing; it is static, because a missing shared
// library would make pipe(8) bounce every message (exit 127).
//
//   flags=q. eol=\r\n null_sender= user=postern-client
//   argv=postern-transport -- ${nexthop} ${queue_id} ${sender} ${recipient}
//
// Whatever goes wrong is a defer. Once the message is handed over, only the
// service's own words make it "delivered" or "bounced".
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <exception>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/clock/budgets.h"
#include "core/clock/clock.h"
#include "core/service/client.h"
#include "postfix-transport/outcome_line.h"

namespace postern {
namespace {

constexpr std::chrono::milliseconds kBudget = kTransportBudget;
constexpr std::chrono::seconds kSendBudget{10};

constexpr std::string_view kUsage =
    "usage: postern-transport [--socket PATH] -- NEXTHOP QUEUE-ID SENDER "
    "RECIPIENT\n"
    "Run by Postfix's pipe(8), with the message on standard input; "
    "'pin-admin config postfix' prints the lines for master.cf.\n"
    "  --socket PATH    posternd's door (" POSTERN_PIPE_SOCKET
    ")\n"
    "  --budget-ms N    longest time for all of it\n";

struct Arguments {
  std::string socket = POSTERN_PIPE_SOCKET;
  std::chrono::milliseconds budget = kBudget;
  std::string next_hop, queue_id, sender, recipient;
};

// Typed by a person or left behind in master.cf: explained, and still a defer,
// because pipe(8) would take exit 0 as "sent".
struct HelpWanted {};

Error Misused(std::string what) {
  return Error{Reason::kRequestInvalid, std::move(what)};
}

Status SetOption(Arguments& arguments, std::string_view name,
                 std::string_view value) {
  if (name == "--socket") {
    arguments.socket = value;
    return {};
  }
  if (name != "--budget-ms") {
    return Misused("unknown option '" + std::string(name) + "'");
  }
  long long milliseconds = 0;
  const auto [end, failed] =
      std::from_chars(value.data(), value.data() + value.size(), milliseconds);
  if (failed != std::errc{} || end != value.data() + value.size() ||
      milliseconds < 1 || milliseconds > kBudget.count()) {
    return Misused("--budget-ms wants a number up to " +
                   std::to_string(kBudget.count()));
  }
  arguments.budget = std::chrono::milliseconds(milliseconds);
  return {};
}

// Options end at the first "--"; what follows is never one: a sender may be
// called -h@example.org.
std::variant<Arguments, HelpWanted, Error> ParseArguments(
    const std::vector<std::string_view>& words) {
  Arguments arguments;
  std::size_t i = 0;
  while (i < words.size() && words[i] != "--") {
    if (words[i] == "--help" || words[i] == "-h") return HelpWanted{};
    if (i + 1 == words.size() || words[i + 1] == "--") {
      return Misused("'" + std::string(words[i]) + "' is not expected there");
    }
    const Status set = SetOption(arguments, words[i], words[i + 1]);
    if (!set) return set.error();
    i += 2;
  }
  if (i == words.size()) {
    return Misused("'--' is missing before the next hop");
  }
  const std::size_t given = words.size() - i - 1;
  if (given > 4) {
    return Error{Reason::kTooManyRecipients,
                 std::to_string(given - 3) + " recipients"};
  }
  if (given < 4) {
    return Misused("next hop, queue id, sender and recipient are expected");
  }
  arguments.next_hop = words[i + 1];
  arguments.queue_id = words[i + 2];
  arguments.sender = words[i + 3];
  arguments.recipient = words[i + 4];
  return arguments;
}

// pipe(8) holds the other end of standard output and is our parent. One that
// dies while it writes the message ends it like one that is complete, so the
// service asks before the final dot: nothing half must go out as whole.
bool PipeIsThere(pid_t parent) {
  pollfd out{STDOUT_FILENO, 0, 0};
  return getppid() == parent && poll(&out, 1, 0) == 0;
}

Outcome Deliver(const Arguments& arguments, pid_t parent) {
  const Deadline deadline = Deadline::After(arguments.budget);
  auto client = ServiceClient::Connect(arguments.socket, deadline);
  if (!client) return OutcomeOf(client.error());

  const Request request{"deliver",
                        {{"nexthop", arguments.next_hop},
                         {"queue-id", arguments.queue_id},
                         {"sender", arguments.sender},
                         {"recipient", arguments.recipient}}};
  const Status sent =
      client->Send(request, STDIN_FILENO, deadline.Within(kSendBudget));
  // pipe(8) holds the other end of standard output: when that goes, Postfix has
  // stopped and will send the message again. Our exit then tells the service.
  const Result<Reply> reply =
      client->Receive(sent.ok() ? deadline : deadline.Within(kSendBudget),
                      STDOUT_FILENO, [parent] { return PipeIsThere(parent); });
  if (reply) return OutcomeOf(*reply);
  return OutcomeOf(sent.ok() ? reply.error() : sent.error());
}

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

// A socket of ours must never take the number of a standard stream.
Status CheckStreams() {
  if (!IsOpen(STDIN_FILENO)) return Misused("standard input is closed");
  if (!IsOpen(STDOUT_FILENO)) return Misused("standard output is closed");
  if (!IsOpen(STDERR_FILENO) && open("/dev/null", O_WRONLY) < 0) {
    return Misused("standard error is closed");
  }
  return {};
}

void Say(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody listens; the exit status still speaks
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

int Run(const std::vector<std::string_view>& words, pid_t parent) {
  const Status streams = CheckStreams();
  if (!streams) {
    Say(OutcomeOf(streams.error()).line + "\n");
    return Outcome::kDeferred;
  }
  const auto parsed = ParseArguments(words);
  if (std::holds_alternative<HelpWanted>(parsed)) {
    Say(OutcomeOf(Misused("help was asked for")).line + "\n");
    Say(kUsage);
    return Outcome::kDeferred;
  }
  const Error* misused = std::get_if<Error>(&parsed);
  const Outcome outcome = misused != nullptr
                              ? OutcomeOf(*misused)
                              : Deliver(std::get<Arguments>(parsed), parent);
  Say(outcome.line + "\n");
  return outcome.exit;
}

}  // namespace
}  // namespace postern

int main(int argc, char** argv) {
  const pid_t parent = getppid();
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return postern::Run({argv + (argc > 0 ? 1 : 0), argv + argc}, parent);
  } catch (...) {
    // Out of memory, most likely: nothing that needs any.
    constexpr std::string_view kLine =
        "4.3.0 internal-error: postern-transport failed\n";
    if (write(STDOUT_FILENO, kLine.data(), kLine.size()) < 0) return 75;
    return 75;
  }
}
