#include "core/route/host_addresses.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/route/mx_list.h"

namespace postern {
namespace {

using std::chrono::seconds;

// One dead name server must not use up what the other hosts need.
constexpr seconds kFamilyBudget{10};
// A server that doesn't answer at so many addresses won't at the next.
constexpr std::size_t kMaxAddresses = 8;

DnsAnswer<IpAddress> NotAsked() {
  DnsAnswer<IpAddress> answer;
  answer.presence = Presence::kNoData;
  answer.ttl = seconds::max();
  return answer;
}

// IPv6 and IPv4 in turn, so that a family which doesn't work from here costs
// one attempt and not all of them.
std::vector<IpAddress> Interleave(const std::vector<IpAddress>& v6,
                                  const std::vector<IpAddress>& v4) {
  std::vector<IpAddress> mixed;
  const auto add = [&mixed](const std::vector<IpAddress>& from, std::size_t i) {
    if (i < from.size() && mixed.size() < kMaxAddresses &&
        std::find(mixed.begin(), mixed.end(), from[i]) == mixed.end()) {
      mixed.push_back(from[i]);
    }
  };
  for (std::size_t i = 0; i < std::max(v6.size(), v4.size()); ++i) {
    add(v6, i);
    add(v4, i);
  }
  return mixed;
}

Security Weaker(Security a, Security b) {
  return a == Security::kSecure && b == Security::kSecure ? Security::kSecure
                                                          : Security::kInsecure;
}

// Neither family has an address. Only if both are known to be absent is that
// what we say; else we don't know.
Error WhyNone(const std::string& host, const DnsAnswer<IpAddress>& v6,
              const DnsAnswer<IpAddress>& v4) {
  std::string why;
  bool bogus = false;
  for (const auto& [type, answer] : {std::pair("AAAA", &v6), {"A", &v4}}) {
    if (!answer->failed()) continue;
    bogus = bogus || answer->security == Security::kBogus;
    why += (why.empty() ? "" : "; ") + std::string(type) + ": " + answer->why;
  }
  if (why.empty()) {
    return {Reason::kNoAddress, "host " + host + " has no address"};
  }
  return {bogus ? Reason::kDnssecInvalid : Reason::kDnsLookupFailed,
          "addresses of " + host + ": " + why};
}

}  // namespace

seconds LookUpAddresses(Resolver& resolver, Random& random, Family family,
                        Deadline deadline, HostFacts& facts) {
  const Domain& name = std::get<Domain>(facts.host);
  DnsAnswer<IpAddress> v6 =
      family == Family::kIpv4
          ? NotAsked()
          : resolver.Aaaa(name, deadline.Within(kFamilyBudget));
  DnsAnswer<IpAddress> v4 =
      family == Family::kIpv6
          ? NotAsked()
          : resolver.A(name, deadline.Within(kFamilyBudget));
  // An IPv4-mapped AAAA record is an IPv4 address all the same.
  if (family == Family::kIpv6) {
    std::erase_if(v6.records, [](const IpAddress& a) { return !a.is_v6(); });
    if (v6.found() && v6.records.empty()) v6.presence = Presence::kNoData;
  }
  if (!v6.found() && !v4.found()) {
    facts.failure = WhyNone(name.str(), v6, v4);
    return std::min(v6.ttl, v4.ttl);
  }

  facts.address = Weaker(v6.found() ? v6.security : Security::kSecure,
                         v4.found() ? v4.security : Security::kSecure);
  // Where the families lead to different names there is no one expanded name,
  // and whoever compares names has to do with the host's own.
  if (!v6.found() || !v4.found()) {
    facts.expanded = v6.found() ? v6.canonical : v4.canonical;
  } else if (v6.canonical == v4.canonical) {
    facts.expanded = v6.canonical;
  }
  Shuffle(std::span(v6.records), random);
  Shuffle(std::span(v4.records), random);
  facts.ips = Interleave(v6.records, v4.records);
  facts.incomplete = v6.failed() || v4.failed() ||
                     v6.records.size() + v4.records.size() > facts.ips.size();
  // The family that failed is no reason to ask for the other one again.
  if (v6.failed()) return v4.ttl;
  if (v4.failed()) return v6.ttl;
  return std::min(v6.ttl, v4.ttl);
}

}  // namespace postern
