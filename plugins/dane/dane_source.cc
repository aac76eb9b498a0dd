#include "plugins/dane/dane_source.h"

#include <algorithm>
#include <utility>

#include "core/policy/reference_names.h"
#include "core/policy/silent_source.h"
#include "core/verify/published_text.h"
#include "plugins/dane/dane_verifier.h"
#include "plugins/dane/tlsa_lookup.h"

namespace postern {
namespace {

using State = Contribution::State;

constexpr std::string_view kName = "dane";

bool IsAsked(const PolicyLine& line) {
  return line.level == Level::kDane || line.level == Level::kDaneOnly ||
         line.level == Level::kAuto || line.also_auto;
}

class Bound final : public BoundSource {
 public:
  Bound(Destination destination, Resolver& resolver, TlsaDigests digests)
      : destination_(std::move(destination)),
        resolver_(resolver),
        digests_(std::move(digests)) {}

  Contribution ForHost(const HostFacts& host,
                       Deadline deadline) const override {
    TlsaLookup found = FindTlsa(resolver_, host, deadline);
    Contribution contribution;
    contribution.source = kName;
    contribution.ttl = found.ttl;
    contribution.detail = found.detail;
    if (found.base) {
      contribution.published.emplace();
      contribution.published->domain = found.base->str();
    }
    if (found.failure) {
      contribution.state = State::kHostFailed;
      contribution.reason = found.failure->reason();
      contribution.detail = found.failure->detail();
      contribution.published->result = contribution.reason;
      contribution.published->detail = contribution.detail;
      return contribution;
    }
    if (found.records.empty()) return contribution;
    for (const TlsaRecord& record : found.records) {
      contribution.published->text.push_back(ShortPresentation(record));
    }
    std::sort(contribution.published->text.begin(),
              contribution.published->text.end());
    contribution.published->text =
        BoundedText(std::move(contribution.published->text));
    TakeRecords(host, *found.base, ChooseTlsa(found.records, digests_),
                deadline, contribution);
    return contribution;
  }

 private:
  void TakeRecords(const HostFacts& host, const Domain& base, TlsaChoice choice,
                   Deadline deadline, Contribution& contribution) const {
    if (choice.records.empty()) {
      contribution.state = State::kUnusable;
      // The reason that dane-only gives, and the first of the records' own.
      contribution.reason = Reason::kDaneRequired;
      contribution.detail =
          "no TLSA record can be used: " + choice.unusable.front();
      contribution.published->result = Reason::kTlsaInvalid;
      contribution.published->detail = contribution.detail;
      return;
    }
    DaneRequirement requirement;
    requirement.owner = TlsaOwner(host.port, base);
    const bool authorities = std::any_of(
        choice.records.begin(), choice.records.end(),
        [](const TlsaRecord& record) { return record.usage == kDaneTa; });
    requirement.records = std::move(choice.records);
    if (authorities) {
      requirement.names = NamesFor(host, base, deadline);
    }
    auto verifier =
        std::make_shared<const DaneVerifier>(std::move(requirement));
    contribution.state = State::kApplies;
    contribution.servername = base;  // RFC 7672 section 8.1
    contribution.detail = verifier->Describe();
    contribution.verifier = std::move(verifier);
  }

  // RFC 7672 section 3.2.2: the TLSA base domain, the next hop's domain, and
  // what that one is an alias of.
  std::vector<ReferenceIdentity> NamesFor(const HostFacts& host,
                                          const Domain& base,
                                          Deadline deadline) const {
    std::vector<ReferenceIdentity> names;
    const auto add = [&names](const Domain& domain) {
      auto name = ReferenceIdentity::Exact(domain);
      if (std::find(names.begin(), names.end(), name) == names.end()) {
        names.push_back(std::move(name));
      }
    };
    add(base);
    const PolicyLine& line = destination_.policy.line;
    for (const Domain& hop : NextHopDomains(line, destination_, host)) {
      add(hop);
      if (HostName(hop) == host.host) {
        if (host.expanded && host.address == Security::kSecure) {
          add(*host.expanded);
        }
        continue;
      }
      // The router has asked for it; a name that can't be had is one name less
      // that is accepted.
      const auto mx = resolver_.Mx(hop, deadline);
      if (mx.secure() && mx.canonical) add(*mx.canonical);
    }
    return names;
  }

  const Destination destination_;
  Resolver& resolver_;
  const TlsaDigests digests_;
};

class DaneSource final : public PolicySource {
 public:
  DaneSource(Resolver& resolver, TlsaDigests digests)
      : resolver_(resolver), digests_(std::move(digests)) {}

  std::string_view name() const override { return kName; }

  Result<std::unique_ptr<const BoundSource>> ForDestination(
      const Destination& destination, Deadline /*deadline*/) override {
    std::unique_ptr<const BoundSource> bound;
    if (IsAsked(destination.policy.line)) {
      bound = std::make_unique<Bound>(destination, resolver_, digests_);
    } else {
      bound = std::make_unique<SilentSource>(kName);
    }
    return bound;
  }

 private:
  Resolver& resolver_;
  const TlsaDigests digests_;
};

}  // namespace

std::unique_ptr<PolicySource> MakeDaneSource(Resolver& resolver,
                                             TlsaDigests digests) {
  return std::make_unique<DaneSource>(resolver, std::move(digests));
}

}  // namespace postern
