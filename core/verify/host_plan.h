// core/verify/host_plan.h
//
// HostPlan: everything that must hold on a connection to one host, ready to be
// judged without another question. Combine() (core/policy) makes it; Judge()
// reads it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/names/domain.h"
#include "core/outcome/finding.h"
#include "core/outcome/published_policy.h"
#include "core/route/host_facts.h"
#include "core/sasl/credentials.h"
#include "core/verify/verifier.h"

namespace postern {

enum class TlsUse {
  kNever,          // not tried; an offer is recorded
  kOpportunistic,  // if offered; cleartext on a fresh connection if it fails
  kRequired,
};

struct HostPlan {
  HostFacts facts;
  // Set: the host may not be used, nothing is connected.
  std::optional<Finding> refused{};
  // A plan that nobody filled in asks for TLS and can't pass without verifiers
  // being added on purpose: see Combine().
  TlsUse tls = TlsUse::kRequired;
  bool wrapper = false;  // implicit TLS (RFC 8314 section 3.3)
  // All must be satisfied.
  std::vector<std::shared_ptr<const Verifier>> verifiers{};
  // Evaluated for the record only.
  std::vector<std::shared_ptr<const Verifier>> recorded{};
  // A published policy (DANE, MTA-STS) takes part: on-fail=deliver never
  // passes over it.
  bool published = false;
  // What the destination publishes for this host, as it was found: for explain
  // and for records.
  std::vector<PublishedPolicy> policies{};

  std::optional<Domain> servername{};  // SNI; nothing: none is sent
  std::string protocols{}, ciphers{}, exclude{};
  bool needs_ptr = false;            // the evidence must carry confirmed_ptr
  std::vector<std::string> notes{};  // "weak: …", for explain and the log
  // Set: the line asks for less than the destination publishes, and how. For
  // explain and check; see Gate::Survey().
  std::string weaker{};
  // How long what the sources said may be believed.
  std::chrono::seconds ttl{86'400};
  // What the next hop that led here wants: sent after "pass" on a connection,
  // and nothing of a message without. Null: nobody logs in.
  std::shared_ptr<const Credentials> credentials{};
};

}  // namespace postern
