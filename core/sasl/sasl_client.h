// core/sasl/sasl_client.h
//
// SaslClient and SaslExchange: a login, as octets in and octets out; no
// network. Only here: libgsasl.
//
// What a server says is hostile: challenges are bounded in number and size, and
// a SCRAM server can't make us compute for as long as it likes. A server that
// has not proven to know the secret, where the mechanism has it do so, is
// refused even if it says "welcome".
//
// Sources: RFC 4422 (SASL), RFC 4954 (AUTH), RFC 4616 (PLAIN), RFC 5802 and
// 7677 (SCRAM-SHA-256); LOGIN is no standard, and widespread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/outcome/result.h"
#include "core/sasl/credentials.h"

namespace postern {

// One login. Not thread-safe. Borrows nothing once made.
class SaslExchange {
 public:
  // More than any mechanism of ours has.
  static constexpr int kMaxChallenges = 6;
  // Of SCRAM's hashing: about a second of work. Servers ask for 4096 to some
  // hundred thousand.
  static constexpr unsigned long kMaxIterations = 1'000'000;

  virtual ~SaslExchange() = default;

  // What can go with the AUTH command, in base64; nothing: the server speaks
  // first. Once, before Answer().
  virtual Result<std::optional<Secret>> Initial() = 0;
  // The answer, in base64, to a challenge in base64. Errors: kAuthInvalid;
  // kAuthRefused where the server says within the exchange that the secret is
  // wrong. Then only cancelling is left.
  virtual Result<Secret> Answer(std::string_view challenge) = 0;
  // The server says that we are in: may it? kAuthInvalid.
  virtual Status Finish() = 0;

 protected:
  SaslExchange() = default;
};

// Thread-safe.
class SaslClient {
 public:
  SaslClient();
  SaslClient(const SaslClient&) = delete;
  SaslClient& operator=(const SaslClient&) = delete;
  ~SaslClient();

  // The mechanisms that we speak, best first.
  static std::span<const std::string_view> Mechanisms();
  // The best of those that are offered, in any case; empty: none is known.
  static std::string_view Choose(std::span<const std::string> offered);

  // `mechanism`: one of Mechanisms().
  Result<std::unique_ptr<SaslExchange>> Begin(std::string_view mechanism,
                                              const Credentials& who) const;

 private:
  struct Library;
  std::unique_ptr<Library> library_;  // null: no memory
};

}  // namespace postern
