#include "core/tls/certificate_message.h"

#include <optional>

namespace postern {

namespace {

using Octets = std::span<const std::uint8_t>;

constexpr std::uint8_t kCertificate = 11;

// Takes a vector that begins with its length in `width` octets; nothing, and
// `from` unchanged, if it is longer than what is there.
std::optional<Octets> Take(Octets& from, std::size_t width) {
  if (from.size() < width) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < width; ++i) length = length << 8 | from[i];
  if (from.size() - width < length) return std::nullopt;
  const Octets taken = from.subspan(width, length);
  from = from.subspan(width + length);
  return taken;
}

}  // namespace

bool IsCertificateMessage(Octets message) {
  return message.size() >= 4 && message.front() == kCertificate;
}

Result<std::vector<DerCertificate>> ParseCertificateMessage(Octets message,
                                                            bool tls13) {
  const Error malformed{Reason::kTlsHandshakeFailed,
                        "the server's certificate message is malformed"};
  if (!IsCertificateMessage(message)) return malformed;
  message = message.subspan(1);
  std::optional<Octets> body = Take(message, 3);
  if (!body || !message.empty()) return malformed;
  if (tls13 && !Take(*body, 1))
    return malformed;  // certificate_request_context
  std::optional<Octets> list = Take(*body, 3);
  if (!list || !body->empty()) return malformed;

  std::vector<DerCertificate> chain;
  while (!list->empty()) {
    const std::optional<Octets> certificate = Take(*list, 3);
    if (!certificate || certificate->empty()) return malformed;
    if (tls13 && !Take(*list, 2)) return malformed;  // its extensions
    chain.emplace_back(certificate->begin(), certificate->end());
  }
  return chain;
}

}  // namespace postern
