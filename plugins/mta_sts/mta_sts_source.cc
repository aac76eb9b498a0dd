#include "plugins/mta_sts/mta_sts_source.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "core/verify/published_text.h"
#include "core/x509/file_cache.h"
#include "plugins/mta_sts/mta_sts_verifier.h"
#include "plugins/mta_sts/policy_keeper.h"

namespace postern {
namespace {

using State = Contribution::State;

bool AsksForSts(const PolicyLine& line) {
  return line.level == Level::kSts || line.level == Level::kAuto ||
         line.also_auto;
}

PublishedPolicy Published(const Domain& domain, const StsAnswer& answer) {
  PublishedPolicy published;
  published.type = PublishedPolicy::Type::kSts;
  published.domain = domain.str();
  published.id = answer.entry.id;
  published.text = BoundedText(PolicyLines(answer.entry.text));
  if (answer.policy) {
    published.mode = ToString(answer.policy->mode);
    for (const MxPattern& pattern : answer.policy->mx) {
      published.mx_patterns.push_back(pattern.str());
    }
    published.mx_patterns = BoundedText(std::move(published.mx_patterns));
  }
  published.result = answer.reason;
  published.detail = answer.detail;
  if (answer.policy && answer.entry.failures > 0) {
    published.result = answer.entry.failure;
    published.detail = answer.entry.detail;
  }
  return published;
}

class Bound final : public BoundSource {
 public:
  Bound(Destination destination, PolicyKeeper& keeper, FileCache& files,
        std::string trust)
      : destination_(std::move(destination)),
        keeper_(keeper),
        files_(files),
        trust_(std::move(trust)) {}

  Contribution ForHost(const HostFacts& host,
                       Deadline deadline) const override {
    Contribution contribution;
    contribution.source = PolicyKeeper::kSource;
    const PolicyLine& line = destination_.policy.line;
    if (!AsksForSts(line)) return contribution;
    const std::optional<Domain> domain = PolicyDomain(destination_, host);
    if (!domain) {
      contribution.detail = "an address has no MTA-STS policy";
      return contribution;
    }
    const StsAnswer answer = Find(*domain, deadline);
    contribution.ttl = answer.ttl;
    contribution.reason = answer.reason;
    contribution.detail = answer.detail;
    switch (answer.state) {
      case StsAnswer::State::kNone:
        return contribution;
      case StsAnswer::State::kUnknown:
        contribution.state = State::kHostFailed;
        return contribution;
      case StsAnswer::State::kNotHad:
        // Never discovered: at `auto` none (RFC 8461 section 3.3). At `sts`
        // the line asks for what could not be found out.
        contribution.state =
            line.level == Level::kSts ? State::kHostFailed : State::kUnusable;
        if (answer.reportable) {
          contribution.published = Published(*domain, answer);
        }
        return contribution;
      case StsAnswer::State::kPolicy:
        break;
    }
    contribution.published = Published(*domain, answer);
    Require(*domain, host, answer, contribution);
    return contribution;
  }

 private:
  // One answer for all hosts of a plan, even where the policy's max_age ends
  // before the next host is planned.
  StsAnswer Find(const Domain& domain, Deadline deadline) const {
    const std::lock_guard lock(mutex_);
    const auto known = answers_.find(domain.str());
    if (known != answers_.end()) return known->second;
    return answers_.emplace(domain.str(), keeper_.Find(domain, deadline))
        .first->second;
  }

  void Require(const Domain& domain, const HostFacts& host,
               const StsAnswer& answer, Contribution& contribution) const {
    const StsPolicy& policy = *answer.policy;
    if (policy.mode == StsMode::kNone) {
      contribution.detail = "the policy of " + domain.str() + " is mode: none";
      return;
    }
    const auto trust = files_.Trust(trust_);
    if (!trust) {
      contribution.state = policy.mode == StsMode::kEnforce ? State::kHostFailed
                                                            : State::kUnusable;
      contribution.reason = trust.error().reason();
      contribution.detail = trust.error().detail();
      return;
    }
    const auto* name = std::get_if<Domain>(&host.host);
    const bool allowed = name != nullptr && policy.Allows(*name);
    MtaStsRequirement requirement{
        domain.str(), host.host, allowed, contribution.published->mx_patterns,
        *trust,       trust_};
    const auto verifier =
        std::make_shared<const MtaStsVerifier>(std::move(requirement));
    contribution.state =
        policy.mode == StsMode::kEnforce ? State::kApplies : State::kTesting;
    contribution.detail = verifier->Describe();
    if (!allowed && policy.mode == StsMode::kEnforce) {
      contribution.refused = verifier->NotAllowed();
    }
    contribution.verifier = verifier;
  }

  const Destination destination_;
  PolicyKeeper& keeper_;
  FileCache& files_;
  const std::string trust_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, StsAnswer> answers_;  // guarded by mutex_
};

class MtaStsSource final : public PolicySource {
 public:
  explicit MtaStsSource(MtaStsParts parts)
      : trust_(std::move(parts.trust)),
        cache_(std::move(parts.cache)),
        fetcher_(std::move(parts.fetcher)),
        keeper_({parts.resolver, *cache_, *fetcher_, parts.clock, parts.random,
                 std::move(parts.warn)}) {
    if (parts.keep_fresh) keeper_.KeepFresh();
  }

  std::string_view name() const override { return PolicyKeeper::kSource; }

  Result<std::unique_ptr<const BoundSource>> ForDestination(
      const Destination& destination, Deadline /*deadline*/) override {
    return std::unique_ptr<const BoundSource>(
        std::make_unique<Bound>(destination, keeper_, files_, trust_));
  }

  Status AskAfresh(const Destination& destination, const HostFacts& host,
                   Deadline deadline) override {
    if (!AsksForSts(destination.policy.line)) return {};
    const std::optional<Domain> domain = PolicyDomain(destination, host);
    if (!domain) return {};
    return keeper_.AskAfresh(*domain, deadline);
  }

  void OnRefused(const Destination& destination,
                 const HostFacts& host) override {
    if (!AsksForSts(destination.policy.line)) return;
    const std::optional<Domain> domain = PolicyDomain(destination, host);
    if (domain) keeper_.Doubt(*domain);
  }

  std::optional<Status> Refresh(const Domain& domain,
                                Deadline deadline) override {
    return keeper_.Refresh(domain, deadline);
  }

  std::optional<Result<bool>> Forget(const Domain& domain) override {
    return keeper_.Forget(domain);
  }

 private:
  const std::string trust_;
  FileCache files_;
  const std::shared_ptr<PublishedCache> cache_;
  const std::unique_ptr<PolicyFetcher> fetcher_;
  PolicyKeeper keeper_;
};

}  // namespace

std::optional<Domain> PolicyDomain(const Destination& destination,
                                   const HostFacts& host) {
  if (destination.own_mx) {
    const auto* domain = std::get_if<Domain>(&destination.recipient);
    return domain == nullptr ? std::nullopt : std::optional(*domain);
  }
  const NextHop& hop = host.hop ? *host.hop : destination.next_hop;
  return hop.domain() == nullptr ? std::nullopt : std::optional(*hop.domain());
}

std::unique_ptr<PolicySource> MakeMtaStsSource(MtaStsParts parts) {
  return std::make_unique<MtaStsSource>(std::move(parts));
}

}  // namespace postern
