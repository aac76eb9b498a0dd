// Whatever a server asks in a login, the answer is bounded, the exchange ends,
// and a SCRAM server that does not know the secret is never believed.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/sasl/credentials_file.h"
#include "core/sasl/sasl_client.h"

namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

void LogIn(const postern::SaslClient& client, std::string_view mechanism,
           std::string_view script) {
  static const postern::Credentials who("alice", postern::Secret("s3cret"));
  const auto exchange = client.Begin(mechanism, who);
  Require(exchange.ok() && (*exchange)->Initial().ok());
  int answered = 0;
  for (bool more = true; more;) {
    const std::size_t end = std::min(script.find('\n'), script.size());
    const auto answer = (*exchange)->Answer(script.substr(0, end));
    if (!answer.ok()) break;
    Require(++answered <= postern::SaslExchange::kMaxChallenges);
    more = end < script.size();
    script.remove_prefix(more ? end + 1 : end);
  }
  // A signature can't be guessed.
  if (mechanism == "SCRAM-SHA-256") Require(!(*exchange)->Finish().ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  static const postern::SaslClient client;
  const std::string text(data, data + size);
  // A high iteration count is allowed, and would only make the fuzzer slow.
  if (text.size() < 4096) {
    for (const std::string_view mechanism : postern::SaslClient::Mechanisms()) {
      LogIn(client, mechanism, text);
    }
  }
  const auto parsed = postern::ParseCredentials(text);
  if (parsed.ok()) {
    for (const auto& [hop, credentials] : *parsed) {
      Require(hop.starts_with('[') && !credentials->user().empty() &&
              !credentials->secret().empty());
    }
  }
  return 0;
}
