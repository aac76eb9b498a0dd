// core/policy/policy_source.h
//
// PolicySource: where requirements come from (pins, the web PKI, DANE,
// MTA-STS). A source is bound once per destination, where it does its DNS,
// HTTPS and file work, and then asked once per MX host with that host's DNSSEC
// states: what do you require of this host?
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock/clock.h"
#include "core/names/domain.h"
#include "core/names/next_hop.h"
#include "core/outcome/finding.h"
#include "core/outcome/published_policy.h"
#include "core/outcome/result.h"
#include "core/policy/served_policy.h"
#include "core/route/host_facts.h"
#include "core/verify/verifier.h"

namespace postern {

// A recipient domain, the next hop that carries its mail, and the line that is
// to hold. The planner makes one for the domain's line and, where both must
// hold, one for the next hop's.
struct Destination {
  HostName recipient;  // the recipient's domain, or an address literal
  NextHop next_hop;
  ServedPolicy policy;
  bool own_mx = true;  // the next hop is the domain's own MX
};

struct Contribution {
  enum class State {
    kAbsent,      // the source has nothing to say on this host
    kApplies,     // `verifier` must be satisfied
    kUnusable,    // published, but nothing in it can be used (RFC 7672 §2.2)
    kHostFailed,  // could not be found out: this host can't be used
    kTesting,     // evaluated and recorded, holds nothing (RFC 8461 §5)
    kLeftOut,     // configuration leaves the source out by name
    kNotBuiltIn,
  };

  std::string_view source;  // "pin", "webpki", "dane", "mta-sts"; static
  State state = State::kAbsent;
  std::shared_ptr<const Verifier> verifier;  // kApplies and kTesting
  Reason reason = Reason::kOk;               // kHostFailed, kUnusable
  std::string detail;                        // for the log and explain
  // What the destination publishes, where this source looked for that.
  std::optional<PublishedPolicy> published;
  // kApplies: what is published rules this host out by itself (its name is in
  // no pattern of the MTA-STS policy). Nothing is connected; `verifier` says
  // the same of any connection.
  std::optional<Finding> refused;
  // The SNI that belongs to the requirement, where it isn't the host's own name
  // (RFC 7672 section 8.1). The line's servername= stands before it.
  std::optional<Domain> servername;
  // How long this answer may be believed.
  std::chrono::seconds ttl{86'400};
};

// Immutable; any number of threads may ask.
class BoundSource {
 public:
  virtual ~BoundSource() = default;
  // May ask DNS (TLSA), so it takes a deadline; never throws.
  virtual Contribution ForHost(const HostFacts& host,
                               Deadline deadline) const = 0;

 protected:
  BoundSource() = default;
};

// Thread-safe.
class PolicySource {
 public:
  virtual ~PolicySource() = default;
  // Static storage; the token used in configuration ("verifiers = …").
  virtual std::string_view name() const = 0;
  virtual Result<std::unique_ptr<const BoundSource>> ForDestination(
      const Destination& destination, Deadline deadline) = 0;

  // Before mail is given up for good: looks past every cache whether what holds
  // for this host has changed. Success: the answer that a new plan gives is as
  // new as can be. Error: it could not be found out. Sources that keep nothing
  // have nothing to do.
  virtual Status AskAfresh(const Destination& /*destination*/,
                           const HostFacts& /*host*/, Deadline /*deadline*/) {
    return {};
  }
  // A host was refused by what this destination publishes, which may have
  // changed unannounced. Returns at once.
  virtual void OnRefused(const Destination& /*destination*/,
                         const HostFacts& /*host*/) {}
  // Gets what `domain` publishes anew, cached or not: an administrator asks.
  // Nothing for a source that fetches nothing.
  virtual std::optional<Status> Refresh(const Domain& /*domain*/,
                                        Deadline /*deadline*/) {
    return std::nullopt;
  }

  // Forgets what it keeps of `domain`, for an administrator. True: there was
  // something. Nothing for a source that keeps nothing.
  virtual std::optional<Result<bool>> Forget(const Domain& /*domain*/) {
    return std::nullopt;
  }

 protected:
  PolicySource() = default;
};

}  // namespace postern
