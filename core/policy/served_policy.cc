#include "core/policy/served_policy.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace postern {
namespace {

// A snapshot may be replaced between two questions; an answer mixed from two of
// them could be one that nobody ever wrote.
constexpr int kAttempts = 3;

bool IsOver(const PolicyLine& line, TimePoint now) {
  return line.until && *line.until <= now;
}

// One walk from the most special key to the most general.
class Walk {
 public:
  Walk(PolicyStore& store, TimePoint now) : store_(store), now_(now) {}

  // Takes the line of `key` if none is held yet, and its pins. Ok also where
  // there is no such row.
  Status Visit(const PolicyKey& key) {
    Result<std::optional<PolicyRow>> found = store_.Find(key);
    if (!found) return found.error();
    if (!found->has_value()) return {};
    PolicyRow& row = **found;
    if (row.key != key) {
      return Error{Reason::kPolicyStoreUnavailable,
                   "the store answered " + key.str() + " with another row"};
    }
    if (Status status = TakeLine(row); !status) return status;
    // "*" has no pins: a key that is right for one destination is wrong for all
    // others.
    if (key.kind() != PolicyKey::Kind::kDefault) {
      std::move(row.pins.begin(), row.pins.end(), std::back_inserter(pins_));
    }
    return {};
  }

  std::optional<ServedPolicy> Take() && {
    if (held_) held_->pins = std::move(pins_);
    return std::move(held_);
  }

 private:
  Status TakeLine(PolicyRow& row) {
    if (held_) return {};
    if (row.exception && !row.exception->until) {
      return Error{Reason::kPolicyInvalid,
                   "the exception of " + row.key.str() + " has no end"};
    }
    if (row.exception && !IsOver(*row.exception, now_)) {
      Hold(*std::move(row.exception), row.key.str() + " exception", row);
    } else if (row.line && !IsOver(*row.line, now_)) {
      Hold(*std::move(row.line), row.key.str(), row);
    }
    return {};
  }

  void Hold(PolicyLine line, std::string origin, PolicyRow& row) {
    held_.emplace();
    held_->line = std::move(line);
    held_->origin = std::move(origin);
    held_->anchors = std::move(row.anchors);
    held_->valid_until = held_->line.until;
  }

  PolicyStore& store_;
  TimePoint now_;
  std::optional<ServedPolicy> held_;
  std::vector<Pin> pins_;
};

// The keys that cover `domain`, most special first.
std::vector<PolicyKey> CoveringKeys(const Domain& domain) {
  std::vector<PolicyKey> keys{PolicyKey::ForDomain(domain)};
  for (auto parent = domain.Parent(); parent; parent = parent->Parent()) {
    keys.push_back(PolicyKey::ForParent(*parent));
  }
  return keys;
}

Result<std::optional<ServedPolicy>> WalkOnce(PolicyStore& store,
                                             const std::vector<PolicyKey>& keys,
                                             TimePoint now) {
  Walk walk(store, now);
  for (const PolicyKey& key : keys) {
    if (Status status = walk.Visit(key); !status) return status.error();
  }
  return std::move(walk).Take();
}

Result<std::optional<ServedPolicy>> WalkKeys(PolicyStore& store,
                                             const std::vector<PolicyKey>& keys,
                                             TimePoint now) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::string before = store.Generation();
    Result<std::optional<ServedPolicy>> policy = WalkOnce(store, keys, now);
    if (!policy || store.Generation() == before) return policy;
  }
  return Error{Reason::kPolicyStoreUnavailable,
               "the store was replaced during each of three lookups"};
}

// The first line on the way along `keys` and then "*".
Result<ServedPolicy> WithDefault(PolicyStore& store,
                                 std::vector<PolicyKey> keys,
                                 std::string_view whose, TimePoint now) {
  keys.push_back(PolicyKey::Default());
  Result<std::optional<ServedPolicy>> policy = WalkKeys(store, keys, now);
  if (!policy) return policy.error();
  if (!policy->has_value()) {
    return Error{Reason::kPolicyMissing,
                 "no line covers " + std::string(whose)};
  }
  return **std::move(policy);
}

}  // namespace

Result<ServedPolicy> LookUpDomain(PolicyStore& store, const Domain& domain,
                                  TimePoint now) {
  return WithDefault(store, CoveringKeys(domain), domain.str(), now);
}

Result<ServedPolicy> LookUpLiteral(PolicyStore& store, const IpAddress& address,
                                   TimePoint now) {
  const NextHop hop = NextHop::ForHost(address);
  return WithDefault(store, {PolicyKey::ForNextHop(hop)}, hop.str(), now);
}

Result<std::optional<ServedPolicy>> LookUpNextHop(PolicyStore& store,
                                                  const NextHop& hop,
                                                  TimePoint now) {
  std::vector<PolicyKey> keys;
  if (hop.bracketed() || hop.port() != Port{}) {
    keys.push_back(PolicyKey::ForNextHop(hop));
  }
  if (!hop.bracketed()) {
    const std::vector<PolicyKey> covering = CoveringKeys(*hop.domain());
    keys.insert(keys.end(), covering.begin(), covering.end());
  }
  return WalkKeys(store, keys, now);
}

}  // namespace postern
