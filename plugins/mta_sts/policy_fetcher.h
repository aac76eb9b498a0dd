// plugins/mta_sts/policy_fetcher.h
//
// PolicyFetcher: gets https://mta-sts.DOMAIN/.well-known/mta-sts.txt, and
// nothing that is not exactly that. What proves the text is the certificate of
// the policy host, so it is judged twice: by libcurl during the handshake, and
// by our own rules for paths and names on the chain that was presented. No
// redirect is followed, no proxy asked, no cache consulted, no resolver but
// ours (RFC 8461 section 3.3).
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

#include "core/clock/clock.h"
#include "core/dns/resolver.h"
#include "core/names/domain.h"
#include "core/outcome/result.h"
#include "core/route/address_filter.h"

namespace postern {

// Thread-safe.
class PolicyFetcher {
 public:
  virtual ~PolicyFetcher() = default;
  // The body of the policy of `domain`. Blocks until the deadline at most, and
  // not much longer than a second once `stop` is set. Errors:
  // kStsPolicyFetchError, kStsWebpkiInvalid (the host's certificate); and what
  // says nothing about the host: kTrustStoreUnavailable, kServiceStopping,
  // kInternal.
  virtual Result<std::string> Fetch(const Domain& domain, Deadline deadline,
                                    const std::atomic<bool>& stop) = 0;

 protected:
  PolicyFetcher() = default;
};

struct HttpsOptions {
  std::string trust;  // a hashed directory, or a file
  AddressFilter addresses;
  Port port{443};
  std::chrono::milliseconds connect_timeout{15'000};
};

// RFC 8461 section 3.3 suggests both.
inline constexpr std::chrono::seconds kLongestFetch{60};
inline constexpr std::size_t kLongestPolicy = 65'536;

// "mta-sts.DOMAIN". Error: it would be too long for a name.
Result<Domain> PolicyHost(const Domain& domain);

// Borrows resolver and clock.
std::unique_ptr<PolicyFetcher> MakeHttpsFetcher(HttpsOptions options,
                                                Resolver& resolver,
                                                const Clock& clock);

}  // namespace postern
