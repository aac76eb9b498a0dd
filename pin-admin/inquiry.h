// pin-admin/inquiry.h
//
// Inquiry: what would hold, and what is found, for mail to a destination. Asks
// the service that serves the mail; where that can't be asked, the same code
// computes it here, and the answer says so. Used without privileges only.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/clock/clock.h"
#include "core/config/settings.h"
#include "core/outcome/result.h"
#include "pin-admin/json.h"
#include "posternd/assembled_gate.h"

namespace postern {

// Where answers may come from.
enum class AskWhom { kServiceFirst, kOnlyHere };

// Thread-safe.
class Inquiry {
 public:
  // `settings` and `clock` must outlive it.
  Inquiry(const Settings& settings, const Clock& clock, AskWhom whom);

  // The documents of docs/protocol.md. `next_hop` may be empty: the domain.
  Result<Json> Explain(const std::string& domain, const std::string& next_hop);
  Result<Json> Probe(const std::string& domain, const std::string& next_hop);

  // Empty: the service answered. Otherwise why it wasn't it that answered.
  std::string why_local() const;

  // The same for people, with what it means for mail; nothing of a peer's.
  std::string LocalNote() const;

 private:
  Result<Json> Ask(const std::string& verb, const std::string& domain,
                   const std::string& next_hop, Deadline deadline);
  Result<Json> AskHere(const std::string& verb, const std::string& domain,
                       const std::string& next_hop, Deadline deadline);
  Result<AssembledGate*> Local();

  const Settings& settings_;
  const Clock& clock_;
  const AskWhom whom_;
  mutable std::mutex mutex_;
  std::string why_local_;
  std::unique_ptr<AssembledGate> local_;
};

}  // namespace postern
