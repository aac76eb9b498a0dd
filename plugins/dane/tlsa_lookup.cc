#include "plugins/dane/tlsa_lookup.h"

#include <algorithm>
#include <utility>

namespace postern {
namespace {

using std::chrono::seconds;

// As for addresses: one dead name server must not use up what the other hosts
// need.
constexpr seconds kLookupBudget{10};

template <typename Record>
Error WhyFailed(const std::string& what, const DnsAnswer<Record>& answer) {
  return {answer.security == Security::kBogus ? Reason::kDnssecInvalid
                                              : Reason::kDnsLookupFailed,
          what + ": " + answer.why};
}

// One lookup of a host's TLSA records.
class Search {
 public:
  Search(Resolver& resolver, const HostFacts& host, Deadline deadline)
      : resolver_(resolver), host_(host), deadline_(deadline) {}

  TlsaLookup Run() {
    const auto* own = std::get_if<Domain>(&host_.host);
    if (own == nullptr) return Nothing("an address has no TLSA records");
    // Combine() refuses it, whatever is published.
    if (host_.failure) return Nothing("the host has no usable address");
    if (host_.mx != Security::kSecure) {
      return Nothing("no DNSSEC: the MX records that lead to " + own->str() +
                     " are not signed");
    }
    if (host_.address == Security::kSecure) {
      const bool alias = host_.expanded && *host_.expanded != *own;
      if (alias && Settles(*host_.expanded)) return std::move(found_);
      if (Settles(*own)) return std::move(found_);
      return Nothing(std::move(seen_));
    }
    // Section 2.2.2: an alias may be secure although what it leads to is not.
    if (!host_.expanded || !AliasIsSecure(*own)) {
      if (found_.failure) return std::move(found_);
      return Nothing("no DNSSEC: the addresses of " + own->str() +
                     " are not signed");
    }
    if (Settles(*own)) return std::move(found_);
    return Nothing(std::move(seen_));
  }

 private:
  TlsaLookup Nothing(std::string why) {
    found_.detail = std::move(why);
    return std::move(found_);
  }

  // True if the records there, or the failure to get them, are the answer.
  bool Settles(const Domain& base) {
    auto answer =
        resolver_.Tlsa(host_.port, base, deadline_.Within(kLookupBudget));
    if (answer.failed()) {
      found_.base = base;
      found_.failure =
          WhyFailed("TLSA of " + TlsaOwner(host_.port, base), answer);
      return true;
    }
    found_.ttl = std::min(found_.ttl, answer.ttl);
    if (!answer.found() || !answer.secure()) {
      seen_ += seen_.empty() ? "" : "; ";
      seen_ += answer.found() ? "the TLSA records at " : "no TLSA records at ";
      seen_ += TlsaOwner(host_.port, base);
      if (answer.found()) seen_ += " are not signed";
      return false;
    }
    found_.base = base;
    found_.records = std::move(answer.records);
    return true;
  }

  bool AliasIsSecure(const Domain& own) {
    const auto answer = resolver_.Cname(own, deadline_.Within(kLookupBudget));
    if (answer.failed()) {
      found_.base = own;
      found_.failure = WhyFailed("CNAME of " + own.str(), answer);
      return false;
    }
    found_.ttl = std::min(found_.ttl, answer.ttl);
    return answer.found() && answer.secure();
  }

  Resolver& resolver_;
  const HostFacts& host_;
  const Deadline deadline_;
  TlsaLookup found_;
  std::string seen_;  // of each name asked: why it settles nothing
};

}  // namespace

TlsaLookup FindTlsa(Resolver& resolver, const HostFacts& host,
                    Deadline deadline) {
  return Search(resolver, host, deadline).Run();
}

std::string TlsaOwner(Port port, const Domain& base) {
  return '_' + std::to_string(port.value) + "._tcp." + base.str();
}

}  // namespace postern
