#include "postfix-transport/outcome_line.h"

#include "core/outcome/verdict.h"

namespace postern {
namespace {

// pipe(8) reads 4096 octets; its log line should stay readable.
constexpr std::size_t kMaxLine = 1000;

Outcome Told(Outcome::Exit exit, const StatusText& told) {
  std::string line = told.status;
  if (!told.text.empty()) line += ' ' + told.text;
  return {exit, OneLine(line, kMaxLine)};
}

}  // namespace

Outcome OutcomeOf(const Error& error) {
  return {Outcome::kDeferred, OneLine(ToLogText(DeferFor(error)), kMaxLine)};
}

Outcome OutcomeOf(const Reply& reply) {
  if (reply.word == "delivered") {
    if (const auto told = ParseStatusText(reply.rest, "2")) {
      return Told(Outcome::kDelivered, *told);
    }
  } else if (reply.word == "bounced") {
    if (const auto told = ParseStatusText(reply.rest, "5")) {
      return Told(Outcome::kBounced, *told);
    }
  } else if (reply.word == "deferred" || reply.word == "error") {
    if (const auto told = ParseStatusText(reply.rest, "4")) {
      return Told(Outcome::kDeferred, *told);
    }
  }
  return OutcomeOf(Error{Reason::kServiceUnavailable,
                         "its reply is not one of ours: '" +
                             OneLine(reply.word + " " + reply.rest, 120) +
                             "'"});
}

}  // namespace postern
