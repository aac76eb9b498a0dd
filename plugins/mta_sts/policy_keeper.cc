#include "plugins/mta_sts/policy_keeper.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr seconds kDaily = hours(24);
// A policy that lives shorter is fetched when it is needed again.
constexpr seconds kShortestRefresh = minutes(30);
constexpr seconds kShortestRetry = minutes(5);
constexpr seconds kLongestRetry = hours(1);
// How long a DNS failure is believed, and what was just asked afresh.
constexpr seconds kSilent{60};
constexpr seconds kJustAsked{30};
constexpr std::size_t kMostRemembered = 10'000;
constexpr std::size_t kClaimed = 64;
// Whoever claims an entry and dies leaves it to others after that.
constexpr seconds kClaim = hours(1);

// Five minutes, then ever longer (RFC 8461 section 3.3).
seconds RetryAfter(unsigned failures) {
  seconds wait = kShortestRetry;
  for (unsigned i = 1; i < failures && wait < kLongestRetry; ++i) wait *= 2;
  return std::min(wait, kLongestRetry);
}

template <typename Value>
void Remember(std::map<std::string, std::pair<TimePoint, Value>>& memory,
              const std::string& name, TimePoint until, Value value,
              TimePoint now) {
  if (memory.size() >= kMostRemembered) {
    std::erase_if(memory,
                  [now](const auto& one) { return one.second.first <= now; });
    if (memory.size() >= kMostRemembered) memory.clear();
  }
  memory.insert_or_assign(name, std::pair(until, std::move(value)));
}

StsAnswer Holds(PublishedEntry entry, StsPolicy policy, TimePoint now,
                seconds ttl) {
  StsAnswer answer;
  answer.state = StsAnswer::State::kPolicy;
  answer.policy = std::move(policy);
  answer.ttl = ttl;
  if (entry.expires_at > now) {
    answer.ttl =
        std::min(ttl, std::chrono::floor<seconds>(entry.expires_at - now));
  }
  answer.entry = std::move(entry);
  return answer;
}

StsAnswer NotHad(Reason reason, std::string detail, bool reportable) {
  StsAnswer answer;
  answer.state = StsAnswer::State::kNotHad;
  answer.reason = reason;
  answer.detail = std::move(detail);
  answer.reportable = reportable;
  answer.ttl = kSilent;
  return answer;
}

StsAnswer Unknown(const Error& why) {
  StsAnswer answer = NotHad(why.reason(), why.detail(), /*reportable=*/false);
  answer.state = StsAnswer::State::kUnknown;
  return answer;
}

// Whether it was the destination, or the way to it, that kept a policy from
// being discovered: only that excuses a sender (RFC 8461 section 3.3).
bool IsOfTheDestination(Reason reason) {
  return reason == Reason::kStsPolicyMissing ||
         reason == Reason::kStsPolicyFetchError ||
         reason == Reason::kStsPolicyInvalid ||
         reason == Reason::kStsWebpkiInvalid ||
         reason == Reason::kDnsLookupFailed;
}

Error WhyNotHad(const FetchQueue::Outcome& renewed) {
  if (renewed) return {Reason::kStsPolicyInvalid, "it can't be read again"};
  if (renewed.error().reason() != Reason::kDeadlineExceeded) {
    return renewed.error();
  }
  // The host had its time.
  return {Reason::kStsPolicyFetchError, renewed.error().detail()};
}

std::string Join(const std::vector<std::string>& faults) {
  constexpr std::size_t kMost = 3;
  std::string text;
  for (std::size_t i = 0; i < std::min(kMost, faults.size()); ++i) {
    text += (i == 0 ? "" : "; ") + faults[i];
  }
  if (faults.size() > kMost) text += "; …";
  return text;
}

}  // namespace

PolicyKeeper::PolicyKeeper(KeeperParts parts, KeeperLimits limits)
    : parts_(std::move(parts)),
      limits_(limits),
      kept_(parts_.cache, [this](const std::string& text) { Warn(text); }),
      queue_([this](const Domain& domain) { return Renew(domain); },
             limits.fetches) {}

PolicyKeeper::~PolicyKeeper() {
  {
    const std::lock_guard lock(refresher_mutex_);
    stopping_ = true;
  }
  refresher_wakes_.notify_all();
  if (refresher_.joinable()) refresher_.join();
}

void PolicyKeeper::Warn(const std::string& text) const {
  if (parts_.warn) parts_.warn("mta-sts: " + text);
}

// A tenth more or less, so that what was fetched together parts ways.
seconds PolicyKeeper::Vary(seconds about) {
  const auto tenth = static_cast<std::uint64_t>(about.count() / 10);
  const auto more =
      static_cast<std::int64_t>(parts_.random.Below(2 * tenth + 1));
  return about - seconds(static_cast<std::int64_t>(tenth)) + seconds(more);
}

PolicyKeeper::Look PolicyKeeper::LookUp(const Domain& domain, bool afresh,
                                        Deadline deadline) {
  Look look;
  const Result<Domain> name = Domain::Parse("_mta-sts." + domain.str());
  if (!name) return look;  // too long to have one
  const TimePoint now = parts_.clock.Now();
  if (!afresh) {
    const std::lock_guard lock(mutex_);
    const auto silent = silent_.find(domain.str());
    if (silent != silent_.end() && now < silent->second.first) {
      look.failed = true;
      look.why = silent->second.second;
      return look;
    }
  }
  deadline = deadline.Within(limits_.lookup);
  const DnsAnswer<std::string> answer =
      afresh ? parts_.resolver.TxtAfresh(*name, deadline)
             : parts_.resolver.Txt(*name, deadline);
  look.ttl = answer.ttl;
  look.failed = answer.failed();
  const std::lock_guard lock(mutex_);
  if (look.failed) {
    look.why = name->str() + ": " + answer.why;
    Remember(silent_, domain.str(), now + kSilent, look.why, now);
    return look;
  }
  silent_.erase(domain.str());
  look.record = ReadStsRecord(answer.records);
  look.why = name->str() + ": " +
             (look.record.why.empty() ? "no MTA-STS record" : look.record.why);
  return look;
}

bool PolicyKeeper::IsLeftAlone(const PublishedEntry& entry,
                               const std::string& id, TimePoint now) const {
  return entry.failures > 0 && entry.failed_id == id &&
         now < entry.failed_at + RetryAfter(entry.failures) &&
         entry.failed_at <= now;
}

bool PolicyKeeper::IsLeftAloneUnread(const Domain& domain,
                                     const std::string& id, TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto failed = unread_.find(domain.str());
  return failed != unread_.end() && now < failed->second.first &&
         failed->second.second == id;
}

StsAnswer PolicyKeeper::Find(const Domain& domain, Deadline deadline) {
  const TimePoint now = parts_.clock.Now();
  const Look look = LookUp(domain, /*afresh=*/false, deadline);
  Result<std::optional<PublishedEntry>> held = kept_.Find(domain.str());
  PublishedEntry entry;
  if (held && *held) entry = **held;
  const bool live = entry.LiveAt(now);
  const seconds ttl = look.failed ? kSilent : look.ttl;
  const bool valid =
      !look.failed && look.record.state == StsRecord::State::kValid;

  Reason reason = entry.failure;
  std::string detail = entry.detail;
  const bool wanted = valid && !(live && entry.id == look.record.id);
  const bool left_alone = held ? IsLeftAlone(entry, look.record.id, now)
                               : IsLeftAloneUnread(domain, look.record.id, now);
  if (wanted && !left_alone) {
    const FetchQueue::Outcome renewed =
        queue_.Renew(domain, deadline.Within(live ? limits_.wait_for_newer
                                                  : limits_.wait_for_first));
    if (renewed) {
      ReadPolicy read = ReadStsPolicy(renewed->text);
      if (read.policy) {
        return Holds(*renewed, *std::move(read.policy), now, ttl);
      }
    }
    const Error why = WhyNotHad(renewed);
    reason = why.reason();
    detail = why.detail();
  }
  if (live) {
    ReadPolicy read = ReadStsPolicy(entry.text);
    if (read.policy) return Holds(entry, *std::move(read.policy), now, ttl);
    held = Error{Reason::kPolicyStoreUnavailable,
                 "the policy of " + domain.str() + " is damaged in the cache"};
  }
  if (!held) return Unknown(held.error());
  if (valid && !IsOfTheDestination(reason)) return Unknown({reason, detail});
  if (valid) return NotHad(reason, detail, /*reportable=*/true);
  if (look.failed) {
    return NotHad(Reason::kDnsLookupFailed, look.why, /*reportable=*/false);
  }
  StsAnswer none;
  none.detail = look.why;
  none.ttl = ttl;
  return none;
}

// In a thread of the queue.
Result<PublishedEntry> PolicyKeeper::Renew(const Domain& domain) {
  const Deadline deadline = Deadline::After(kLongestFetch);
  const Look look = LookUp(domain, /*afresh=*/false, deadline);
  const auto fail = [&](const Error& why) {
    // A stop is nobody's fault.
    if (!stopping_) NoteFailure(domain, look.record.id, why);
    return why;
  };
  if (look.failed) return fail({Reason::kDnsLookupFailed, look.why});
  if (look.record.state != StsRecord::State::kValid) {
    return fail({Reason::kStsPolicyMissing, look.why});
  }
  Result<std::string> text = parts_.fetcher.Fetch(domain, deadline, stopping_);
  if (!text) return fail(text.error());
  const ReadPolicy read = ReadStsPolicy(*text);
  if (!read.policy) {
    return fail({Reason::kStsPolicyInvalid, Join(read.faults)});
  }
  const PublishedEntry fresh =
      Fetched(domain, look.record.id, *std::move(text), *read.policy);
  const auto held = kept_.Find(domain.str());
  if (held && *held && (*held)->failures > 0 && !(*held)->text.empty()) {
    Warn(domain.str() + ": the policy could be fetched again");
  }
  kept_.Keep(fresh);
  return fresh;
}

PublishedEntry PolicyKeeper::Fetched(const Domain& domain,
                                     const std::string& id, std::string text,
                                     const StsPolicy& policy) {
  PublishedEntry entry;
  entry.source = kSource;
  entry.domain = domain.str();
  entry.id = id;
  entry.text = std::move(text);
  entry.fetched_at = parts_.clock.Now();
  entry.expires_at = entry.fetched_at + policy.max_age;
  const seconds wait = std::min(Vary(kDaily), policy.max_age / 2);
  entry.refresh_at =
      wait < kShortestRefresh ? kNeverRefresh : entry.fetched_at + wait;
  return entry;
}

// Upon what is held by now, which may have been purged meanwhile.
void PolicyKeeper::NoteFailure(const Domain& domain, const std::string& id,
                               const Error& why) {
  const TimePoint now = parts_.clock.Now();
  // Our own trouble is no reason to leave a host alone.
  const bool ours = !IsOfTheDestination(why.reason());
  std::string warning;
  const auto note = [&](PublishedEntry& entry) {
    // Once: when a policy that asks for something can't be renewed any more.
    const bool first = entry.failures == 0 || entry.failed_id != id;
    if (first && entry.LiveAt(now)) {
      const ReadPolicy read = ReadStsPolicy(entry.text);
      if (read.policy && read.policy->mode != StsMode::kNone) {
        warning = entry.domain + ": the policy can't be renewed (" +
                  why.ToString() + "); the one that is held holds until " +
                  FormatTime(entry.expires_at);
      }
    }
    entry.failures = entry.failed_id == id ? entry.failures + 1 : 1;
    entry.failed_at = now;
    entry.failed_id = id;
    entry.failure = why.reason();
    entry.detail = why.detail();
    entry.refresh_at = entry.LiveAt(now)
                           ? now + Vary(RetryAfter(entry.failures))
                           : kNeverRefresh;
  };
  if (ours) {
    const auto held = kept_.Find(domain.str());
    if (!held || !*held || !(*held)->LiveAt(now)) return;
  }
  if (!kept_.Change(domain.str(), note)) {
    const std::lock_guard lock(mutex_);
    Remember(unread_, domain.str(), now + kShortestRetry, id, now);
  }
  if (!warning.empty()) Warn(warning);
}

Status PolicyKeeper::AskAfresh(const Domain& domain, Deadline deadline) {
  const TimePoint now = parts_.clock.Now();
  {
    const std::lock_guard lock(mutex_);
    const auto asked = afresh_.find(domain.str());
    if (asked != afresh_.end() && now < asked->second.first) {
      return asked->second.second;
    }
  }
  const Status outcome = [&]() -> Status {
    const Look look = LookUp(domain, /*afresh=*/true, deadline);
    if (look.failed) return Error{Reason::kDnsLookupFailed, look.why};
    if (look.record.state != StsRecord::State::kValid) return {};
    const auto held = kept_.Find(domain.str());
    if (!held) return held.error();
    const PublishedEntry entry = held->value_or(PublishedEntry{});
    const bool known = entry.LiveAt(now) && entry.id == look.record.id;
    if (known && now < entry.fetched_at + kShortestRetry) return {};
    if (IsLeftAlone(entry, look.record.id, now)) {
      return known ? Status{} : Error{entry.failure, entry.detail};
    }
    const auto renewed =
        queue_.Renew(domain, deadline.Within(limits_.wait_for_first));
    // Under the same id the one that is held is as good.
    if (known || renewed) return {};
    return WhyNotHad(renewed);
  }();
  const std::lock_guard lock(mutex_);
  Remember(afresh_, domain.str(), now + kJustAsked, outcome, now);
  return outcome;
}

void PolicyKeeper::Doubt(const Domain& domain) {
  const TimePoint now = parts_.clock.Now();
  const auto held = kept_.Find(domain.str());
  if (!held || !*held) return;
  const PublishedEntry& entry = **held;
  if (now < entry.fetched_at + kShortestRetry) return;
  if (entry.failures > 0 && now < entry.failed_at + kShortestRetry) return;
  queue_.Start(domain, FetchQueue::Urgency::kDue);
}

Status PolicyKeeper::Refresh(const Domain& domain, Deadline deadline) {
  // The queue's own lookup then finds this answer.
  const Look look = LookUp(domain, /*afresh=*/true, deadline);
  if (look.failed) return Error{Reason::kDnsLookupFailed, look.why};
  const auto renewed = queue_.Renew(domain, deadline);
  if (!renewed) return renewed.error();
  return {};
}

Result<bool> PolicyKeeper::Forget(const Domain& domain) {
  {
    const std::lock_guard lock(mutex_);
    silent_.erase(domain.str());
    afresh_.erase(domain.str());
    unread_.erase(domain.str());
  }
  return kept_.Forget(domain.str());
}

void PolicyKeeper::KeepFresh() {
  refresher_ = std::thread([this] { RunRefresher(); });
}

void PolicyKeeper::RunRefresher() {
  bool failing = false;
  while (!stopping_) {
    std::size_t claimed = 0;
    try {
      kept_.KeepAgain();
      const TimePoint now = parts_.clock.Now();
      const auto due = parts_.cache.Claim(kSource, now, now + kClaim, kClaimed);
      if (!due && !std::exchange(failing, true)) {
        Warn("nothing is renewed: " + due.error().detail());
      }
      if (due) {
        failing = false;
        claimed = due->size();
        for (const PublishedEntry& entry : *due) {
          const Result<Domain> domain = Domain::Parse(entry.domain);
          if (domain) queue_.Start(*domain, FetchQueue::Urgency::kDue);
        }
      }
    } catch (const std::exception&) {
      // No memory. What was claimed comes up again.
    }
    std::unique_lock lock(refresher_mutex_);
    if (claimed < kClaimed) {
      refresher_wakes_.wait_for(lock, limits_.pause,
                                [this] { return stopping_.load(); });
      continue;
    }
    // More is due: as soon as these have begun.
    while (!stopping_ && queue_.waiting() > kClaimed / 4) {
      refresher_wakes_.wait_for(lock, std::chrono::milliseconds(20));
    }
  }
}

}  // namespace postern
