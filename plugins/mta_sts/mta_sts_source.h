// plugins/mta_sts/mta_sts_source.h
//
// The source of the level `sts`, and of MTA-STS in `auto` and also=auto: asks
// for the policy of the domain whose hosts carry the mail, and says for each
// host what that policy wants of it.
//
// Source: RFC 8461 sections 3.4, 4 and 5.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock/clock.h"
#include "core/dns/resolver.h"
#include "core/policy/policy_source.h"
#include "core/policy/published_cache.h"
#include "core/route/address_filter.h"
#include "plugins/mta_sts/policy_fetcher.h"

namespace postern {

struct MtaStsParts {
  std::string trust;  // a hashed directory, or a file
  Resolver& resolver;
  const Clock& clock;
  Random& random;
  std::shared_ptr<PublishedCache> cache;
  std::unique_ptr<PolicyFetcher> fetcher;
  std::function<void(std::string_view)> warn;
  // Renew what is held, in a thread of its own.
  bool keep_fresh = false;
};

std::unique_ptr<PolicySource> MakeMtaStsSource(MtaStsParts parts);

// The domain whose policy counts (RFC 8461 section 3.4): the recipient's by its
// own MX hosts, else that of the next hop that led to `host`. Nothing for
// addresses.
std::optional<Domain> PolicyDomain(const Destination& destination,
                                   const HostFacts& host);

}  // namespace postern
