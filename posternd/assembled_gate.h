// posternd/assembled_gate.h
//
// AssembledGate: the Gate as postern.conf has it, with the resolver, the
// snapshot and the sources that it borrows. The service and pin-admin (where it
// computes by itself) both make theirs here, so both plan alike.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "core/clock/clock.h"
#include "core/config/settings.h"
#include "core/dns/cached_resolver.h"
#include "core/dns/unbound_resolver.h"
#include "core/gate/gate.h"
#include "core/outcome/result.h"
#include "core/policy/policy_source.h"
#include "core/policy/published_cache.h"
#include "core/route/address_filter.h"
#include "core/route/router.h"
#include "core/sasl/credential_store.h"
#include "core/sasl/sasl_client.h"
#include "core/store/snapshot.h"
#include "core/tls/tls_client.h"
#include "postfix-transport/policy_map.h"

namespace postern {

// The resolver as postern.conf has it.
Result<ResolverOptions> ResolverOptionsFrom(const Settings& settings);

// Whether a door's socket is wanted, and its directory is there.
bool HasPlace(const DoorSettings* door);

// What the service has and a program that only asks has not.
struct ResidentParts {
  // Where published policies are kept; null: in memory, for this process.
  std::shared_ptr<PublishedCache> published;
  // Set: policies are renewed in the background, and this hears of trouble.
  std::function<void(std::string_view)> warn;
};

// Thread-safe once made.
class AssembledGate {
 public:
  // `clock` must outlive it. Fails where the configuration names what can't be
  // had: a verifier that is not built in, a resolver that does not start, no
  // name to say in EHLO. A missing snapshot is found at the first question.
  static Result<std::unique_ptr<AssembledGate>> Make(
      const Settings& settings, const Clock& clock,
      ResidentParts resident = {});
  AssembledGate(const AssembledGate&) = delete;
  AssembledGate& operator=(const AssembledGate&) = delete;

  Gate& gate() { return *gate_; }
  Resolver& resolver() { return cached_; }
  SnapshotStore& store() { return store_; }
  const TlsClient& tls() const { return tls_; }
  // Where a name that a stranger chose may lead.
  const AddressFilter& addresses() const { return addresses_; }
  PolicyMap& policy_map() { return *policy_map_; }
  // Null where the service has no door for it.
  PolicyMap* served_policy_map() {
    return serves_policy_map_ ? policy_map_.get() : nullptr;
  }

 private:
  AssembledGate(const Settings& settings,
                std::unique_ptr<UnboundResolver> resolver, OwnIdentity own,
                AddressFilter addresses);

  std::unique_ptr<UnboundResolver> resolver_;
  CachedResolver cached_;
  SystemRandom random_;
  const AddressFilter addresses_;
  SnapshotStore store_;
  TlsClient tls_;
  SaslClient sasl_;
  CredentialStore credentials_;
  Router router_;
  std::vector<std::unique_ptr<PolicySource>> sources_;
  std::vector<PolicySource*> order_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<PolicyMap> policy_map_;
  const bool serves_policy_map_;
};

}  // namespace postern
