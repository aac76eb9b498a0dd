// core/sasl/credentials.h
//
// Credentials: the user and secret for one next hop, and when the relay last
// refused them. The secret leaves only by an exchange (sasl_client.h); nothing
// prints, records or compares it.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "core/sasl/secret.h"

namespace postern {

// Thread-safe.
class Credentials {
 public:
  // A relay that has refused them is not asked again for so long: it may lock
  // the account, and a full queue would see to that.
  static constexpr std::chrono::seconds kRefusalMemory{60};

  Credentials(std::string user, Secret secret);
  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  const std::string& user() const { return user_; }
  const Secret& secret() const { return secret_; }
  // No two in the life of the process have the same: connections that have
  // logged in are told apart by it.
  std::uint64_t id() const { return id_; }

  using Moment = std::chrono::steady_clock::time_point;
  void NoteRefusal(Moment now, const std::string& text) const;
  // What the relay said, if it did lately.
  std::optional<std::string> RefusedLately(Moment now) const;

 private:
  const std::string user_;
  const Secret secret_;
  const std::uint64_t id_;
  mutable std::mutex mutex_;  // guards refusal_
  mutable std::optional<std::pair<Moment, std::string>> refusal_;
};

}  // namespace postern
