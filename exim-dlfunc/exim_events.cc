#include "exim-dlfunc/exim_events.h"

#include <charconv>
#include <string>

#include "core/names/quoted.h"
#include "core/service/line_protocol.h"

namespace postern {
namespace {

// Exim's own error numbers (macros.h of 4.96); positive ones are errno's.
constexpr int kSmtpClosed = -18;
constexpr int kTlsFailure = -37;
constexpr int kTlsRequired = -38;
constexpr int kAuthFailure = -42;
constexpr int kConnectTimeout = -43;

int Number(std::string_view text) {
  int number = 0;
  const auto [end, failed] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  return failed == std::errc{} && end == text.data() + text.size() ? number : 0;
}

bool Has(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

Reason ReasonOf(int number, std::string_view data) {
  switch (number) {
    case kTlsFailure:
      return Has(data, "synch error") ? Reason::kTlsPlaintextInjected
                                      : Reason::kTlsHandshakeFailed;
    case kTlsRequired:
      return Has(data, "did not offer") ? Reason::kStarttlsNotSupported
                                        : Reason::kStarttlsRefused;
    case kConnectTimeout:
      return Reason::kConnectionTimeout;
    case kSmtpClosed:
      return Reason::kConnectionLost;
    default:
      break;
  }
  if (Has(data, "after initial connection")) return Reason::kGreetingRefused;
  if (Has(data, "after EHLO") || Has(data, "after HELO")) {
    return Reason::kHelloRefused;
  }
  return number > 0 ? Reason::kConnectionFailed : Reason::kSmtpProtocolError;
}

}  // namespace

std::optional<std::string_view> OutcomeOfEvent(std::string_view name) {
  if (name == "msg-delivery") return "delivered";
  if (name == "msg-fail-delivery") return "bounced";
  if (name == "msg-host-defer" || name == "msg-rcpt-host-defer" ||
      name == "msg-defer") {
    return "deferred";
  }
  return std::nullopt;
}

std::optional<Error> FailureOfEvent(std::string_view name,
                                    std::string_view errno_text,
                                    std::string_view data) {
  const std::string words = OneLine(data, 300);
  if (name == "tls-fail-connect") {
    return Error{ReasonOf(kTlsFailure, data), words};
  }
  if (name != "msg-host-defer") return std::nullopt;
  const int number = Number(errno_text);
  // Our own refusal, as Exim has it: it was judged and recorded before.
  if (number == kAuthFailure) return std::nullopt;
  return Error{ReasonOf(number, data), words};
}

}  // namespace postern
