#include <algorithm>

#include "pin-admin/doctor/mta_inspection.h"

namespace postern {
namespace {

bool Asks(const PolicyLine& line) {
  return line.level != Level::kNone && line.level != Level::kMay &&
         !(line.level == Level::kAuto && LocalLevel(line) == Level::kMay);
}

bool Authenticates(const PolicyLine& line) {
  return IsAuthenticating(line.level) || IsAuthenticating(LocalLevel(line));
}

void AddProvenHops(const PolicyKey& key, const PolicyLine& line,
                   std::set<std::string>& hops) {
  if (!IsAuthenticating(line.level)) return;
  if (key.kind() == PolicyKey::Kind::kNextHop) hops.insert(key.str());
  for (const NextHop& hop : line.route) hops.insert(hop.str());
}

}  // namespace

std::string WatchedPolicy::HoldingKey(const std::string& domain) const {
  const auto has = [this](const std::string& key) {
    return std::binary_search(keys.begin(), keys.end(), key);
  };
  if (has(domain)) return domain;
  std::size_t dot = domain.find('.', 1);
  while (dot != std::string::npos) {
    if (has(domain.substr(dot))) return domain.substr(dot);
    dot = domain.find('.', dot + 1);
  }
  return "*";
}

void AddRow(const PolicyRow& row, WatchedPolicy& policy) {
  if (const auto& kept = row.line ? row.line : row.exception) {
    AddProvenHops(row.key, *kept, policy.proven_hops);
  }
  // A next hop's line holds wherever mail goes to that hop; it has no mail of
  // its own to be routed.
  if (row.key.kind() == PolicyKey::Kind::kNextHop) return;
  if (!row.line && !row.exception) return;  // pins only
  policy.keys.push_back(row.key.str());
  // An exception ends: the line beneath it is what must be kept.
  const PolicyLine& line = row.line ? *row.line : *row.exception;
  const bool must = Authenticates(line);
  const bool own = row.key.kind() != PolicyKey::Kind::kDefault;
  if (must || (own && Asks(line))) policy.lines.push_back({line, must});
}

void SortKeys(WatchedPolicy& policy) {
  std::sort(policy.keys.begin(), policy.keys.end());
}

}  // namespace postern
