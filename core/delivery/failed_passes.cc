#include "core/delivery/failed_passes.h"

#include <algorithm>

#include "core/delivery/on_fail.h"
#include "core/verify/judge.h"

namespace postern {
namespace {

// Longer than an MTA waits between attempts, and room for a long queue.
constexpr std::chrono::hours kKept{24 * 7};
constexpr std::size_t kMost = 20'000;

std::string NameOf(const HostPlan& host, const IpAddress& address) {
  return ToString(host.facts.host) + " " + address.str();
}

}  // namespace

FailedPasses::Said FailedPasses::From(const Plan& plan, const HostPlan& host,
                                      const Verdict& verdict) {
  Said said;
  said.attempt = FromVerdict(verdict);
  said.attempt.policy_no = MayBounce(verdict);
  const PassOver over = MayPassOver(plan.on_fail, host, verdict);
  said.may_pass_tls = over == PassOver::kOverTls;
  said.may_pass_clear = over == PassOver::kInClear;
  return said;
}

void FailedPasses::Note(const std::string& queue_id, const Plan& plan,
                        const HostPlan& host, const IpAddress& address,
                        const Verdict& verdict) {
  if (queue_id.empty() || plan.on_fail == OnFail::kDefer) return;
  const std::lock_guard lock(mutex_);
  Forget();
  Pass& pass = passes_[{queue_id, ToString(plan.destination.recipient)}];
  if (pass.digest != plan.digest) pass = Pass{plan.digest, {}, {}};
  pass.at = clock_.Now();
  pass.by_address[NameOf(host, address)] = From(plan, host, verdict);
}

// A new message when there is no room takes the place of the oldest.
void FailedPasses::Forget() {
  const TimePoint limit = clock_.Now() - kKept;
  std::erase_if(passes_,
                [limit](const auto& entry) { return entry.second.at < limit; });
  if (passes_.size() < kMost) return;
  passes_.erase(std::min_element(
      passes_.begin(), passes_.end(),
      [](const auto& a, const auto& b) { return a.second.at < b.second.at; }));
}

FailedPasses::Next FailedPasses::After(const std::string& queue_id,
                                       const Plan& plan) const {
  Next next;
  if (queue_id.empty() || plan.on_fail == OnFail::kDefer) return next;
  const std::lock_guard lock(mutex_);
  const auto found =
      passes_.find({queue_id, ToString(plan.destination.recipient)});
  static const Pass kNothing;
  const bool same =
      found != passes_.end() && found->second.digest == plan.digest;
  const Pass& pass = same ? found->second : kNothing;

  bool every_no = !plan.incomplete && !plan.hosts.empty();
  for (const HostPlan& host : plan.hosts) {
    std::vector<Said> said;
    if (host.refused) {
      said.push_back(
          From(plan, host, Judge(host, TlsEvidence{}, clock_.Now())));
    } else if (host.facts.ips.empty()) {
      every_no = false;
      continue;
    }
    for (const IpAddress& address : host.facts.ips) {
      if (host.refused) break;
      const auto at = pass.by_address.find(NameOf(host, address));
      if (at != pass.by_address.end()) {
        said.push_back(at->second);
      } else if (complete_ == Complete::kEveryAddress) {
        return Next{};
      }
    }
    if (said.empty()) return Next{};  // not yet complete
    bool passable = false;
    for (const Said& each : said) {
      every_no = every_no && each.attempt.policy_no;
      next.attempts.push_back(each.attempt);
      passable = passable || each.may_pass_tls || each.may_pass_clear;
      next.in_clear = next.in_clear || each.may_pass_clear;
    }
    if (passable) next.hosts.push_back(&host);
  }
  // Before a message has been refused once, nothing is passed over.
  if (!same && std::any_of(plan.hosts.begin(), plan.hosts.end(),
                           [](const HostPlan& host) { return !host.refused; }))
    return Next{};
  if (plan.on_fail == OnFail::kBounce) {
    next.action = every_no ? Next::Action::kBounce : Next::Action::kTry;
  } else if (!next.hosts.empty()) {
    next.action = Next::Action::kDeliver;
  }
  return next;
}

}  // namespace postern
