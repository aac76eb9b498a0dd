// core/dns/unbound_resolver.h
//
// UnboundResolver: the Resolver of the programs, on libunbound. It validates
// DNSSEC itself (RFC 4035) and believes no resolver's AD bit. One thread of its
// own asks and keeps the cache; callers block on their own question only.
//
// An answer that is late, bogus, truncated or malformed is kFailed. A question
// whose caller has given up goes on and warms the cache.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/dns/resolver.h"
#include "core/outcome/result.h"

namespace postern {

struct DnsServer {
  IpAddress address;
  Port port{53};
};

// A zone that is asked of its own servers (a private tree, a lab's root ".").
struct StubZone {
  std::string zone;
  std::vector<DnsServer> servers;
};

struct ResolverOptions {
  // Zone-file form, from Debian's dns-root-data. Empty: nothing is validated
  // and every answer is kInsecure.
  std::string trust_anchor_file = "/usr/share/dns/root.key";

  // Who is asked: these forwarders; if there are none, the name servers in
  // resolv_conf; if that is empty, the root servers and down (recursion).
  std::vector<DnsServer> forwarders;
  std::string resolv_conf = "/etc/resolv.conf";
  std::vector<StubZone> stubs;

  // libunbound answers these itself unless they are removed: "test.",
  // "10.in-addr.arpa." and the other zones of RFC 6303 and RFC 6761.
  std::vector<std::string> removed_local_zones;

  // No question takes longer, whatever its caller's deadline.
  std::chrono::milliseconds question_timeout{20'000};
  std::size_t message_cache_bytes = 16U << 20;
  std::size_t rrset_cache_bytes = 32U << 20;

  // Anything else of unbound.conf's server section, in its own words:
  // {"do-ip6", "no"}, {"local-zone", "\"test.\" nodefault"}. Applied last.
  std::vector<std::pair<std::string, std::string>> unbound;
};

class UnboundResolver final : public Resolver {
 public:
  // Fails (kDnsLookupFailed, with libunbound's own words) on an option that it
  // doesn't take, an unreadable trust anchor or resolv.conf: never at the first
  // question. Sends nothing yet.
  static Result<std::unique_ptr<UnboundResolver>> Start(
      const ResolverOptions& options);

  // Questions that are still open end as kFailed; no call may begin after this
  // has. Waits for the DNS thread.
  ~UnboundResolver() override;
  UnboundResolver(const UnboundResolver&) = delete;
  UnboundResolver& operator=(const UnboundResolver&) = delete;

  DnsAnswer<MxRecord> Mx(const Domain& name, Deadline deadline) override;
  DnsAnswer<IpAddress> A(const Domain& name, Deadline deadline) override;
  DnsAnswer<IpAddress> Aaaa(const Domain& name, Deadline deadline) override;
  DnsAnswer<Domain> Ptr(const IpAddress& address, Deadline deadline) override;
  DnsAnswer<Domain> Cname(const Domain& name, Deadline deadline) override;
  DnsAnswer<std::string> Txt(const Domain& name, Deadline deadline) override;
  DnsAnswer<std::string> TxtAfresh(const Domain& name,
                                   Deadline deadline) override;
  DnsAnswer<TlsaRecord> Tlsa(Port port, const Domain& base,
                             Deadline deadline) override;

 private:
  class Worker;
  UnboundResolver(std::unique_ptr<Worker> worker, ResolverOptions options);

  std::unique_ptr<Worker> worker_;
  const ResolverOptions options_;
  const std::chrono::milliseconds question_timeout_;
};

}  // namespace postern
