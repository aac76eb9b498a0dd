#include "core/gate/evidence_index.h"

#include <algorithm>
#include <utility>

#include "core/x509/digest.h"

namespace postern {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

template <typename Entries, typename At>
auto Oldest(Entries& entries, At at) {
  return std::min_element(
      entries.begin(), entries.end(),
      [&](const auto& a, const auto& b) { return at(a) < at(b); });
}

std::size_t OctetsOf(const TlsEvidence& evidence) {
  std::size_t octets = 0;
  for (const DerCertificate& one : evidence.chain()) octets += one.size();
  return octets;
}

}  // namespace

// What is dated later than now was seen before the clock was set back: nobody
// knows how long ago.
bool EvidenceIndex::Fresh(TimePoint at) const {
  const TimePoint now = clock_.Now();
  return at <= now && now - at < limits_.age;
}

template <typename Gone>
void EvidenceIndex::DropSeen(Host& host, Gone gone) {
  std::erase_if(host.seen, [&](const Seen& seen) {
    const bool drop = gone(seen);
    if (drop) octets_ -= seen.octets;
    return drop;
  });
}

void EvidenceIndex::DropHost(Key key) {
  const auto found = hosts_.find(key);
  DropSeen(found->second, [](const Seen&) { return true; });
  by_age_.erase({found->second.at, key});
  hosts_.erase(found);
}

EvidenceIndex::Host& EvidenceIndex::Entry(const Key& key, TimePoint now) {
  const auto found = hosts_.find(key);
  if (found != hosts_.end()) {
    by_age_.erase({found->second.at, key});
  } else if (hosts_.size() >= limits_.hosts) {
    DropHost(by_age_.begin()->second);
  }
  Host& host = hosts_[key];
  host.at = now;
  by_age_.emplace(now, key);
  DropSeen(host, [this](const Seen& seen) { return !Fresh(seen.at); });
  std::erase_if(host.addresses,
                [this](const auto& entry) { return !Fresh(entry.second); });
  return host;
}

// `host` is the entry of `key`, and the last one to be dropped.
void EvidenceIndex::MakeRoom(const Key& key, Host& host, std::size_t octets) {
  const auto oldest = [&] {
    return Oldest(host.seen, [](const Seen& seen) { return seen.at; });
  };
  while (octets_ + octets > limits_.octets && octets_ > 0) {
    auto next = by_age_.begin();
    if (next->second == key) ++next;
    if (next != by_age_.end()) {
      DropHost(next->second);
    } else {
      octets_ -= oldest()->octets;
      host.seen.erase(oldest());
    }
  }
  if (host.seen.size() >= limits_.leaves) {
    octets_ -= oldest()->octets;
    host.seen.erase(oldest());
  }
}

const EvidenceIndex::Host* EvidenceIndex::Look(const HostName& host,
                                               Port port) const {
  const auto found = hosts_.find({host, port});
  return found == hosts_.end() ? nullptr : &found->second;
}

void EvidenceIndex::Keep(const HostName& host, Port port,
                         const IpAddress& address,
                         const TlsEvidence& evidence) {
  if (!evidence.has_certificate()) return;
  const DerCertificate& leaf = evidence.leaf();
  const Result<std::string> sha256 =
      Digest(DigestAlgorithm::kSha256,
             {reinterpret_cast<const char*>(leaf.data()), leaf.size()});
  if (!sha256) return;  // not found again: a "no", never a "yes"
  const std::size_t octets = OctetsOf(evidence);
  const Key key(host, port);
  const std::lock_guard lock(mutex_);
  const TimePoint now = clock_.Now();
  Host& entry = Entry(key, now);
  DropSeen(entry, [&](const Seen& old) {
    return old.address == address && old.leaf_sha256 == *sha256;
  });
  if (octets > limits_.octets) return;
  MakeRoom(key, entry, octets);
  entry.seen.push_back({*sha256, address, evidence, now, octets});
  octets_ += octets;
}

void EvidenceIndex::NoteAddresses(const HostName& host, Port port,
                                  std::span<const IpAddress> addresses) {
  const std::lock_guard lock(mutex_);
  const TimePoint now = clock_.Now();
  auto& known = Entry({host, port}, now).addresses;
  for (const IpAddress& address : addresses) {
    if (known.size() >= limits_.addresses && !known.contains(address)) {
      known.erase(
          Oldest(known, [](const auto& entry) { return entry.second; }));
    }
    known.insert_or_assign(address, now);
  }
}

std::optional<TlsEvidence> EvidenceIndex::Find(
    const HostName& host, Port port, std::string_view leaf_sha256) const {
  const std::lock_guard lock(mutex_);
  const Host* const entry = Look(host, port);
  const Seen* newest = nullptr;
  if (entry == nullptr) return std::nullopt;
  for (const Seen& seen : entry->seen) {
    if (seen.leaf_sha256 != leaf_sha256 || !Fresh(seen.at)) continue;
    if (newest == nullptr || seen.at >= newest->at) newest = &seen;
  }
  if (newest == nullptr) return std::nullopt;
  return newest->evidence;
}

std::optional<TlsEvidence> EvidenceIndex::Last(
    const HostName& host, Port port, const IpAddress& address,
    std::chrono::seconds within) const {
  const std::lock_guard lock(mutex_);
  const Host* const entry = Look(host, port);
  const Seen* newest = nullptr;
  if (entry == nullptr) return std::nullopt;
  for (const Seen& seen : entry->seen) {
    if (seen.address != address) continue;
    if (newest == nullptr || seen.at >= newest->at) newest = &seen;
  }
  if (newest == nullptr || !Fresh(newest->at) ||
      clock_.Now() - newest->at >= within) {
    return std::nullopt;
  }
  return newest->evidence;
}

bool EvidenceIndex::WasAt(const HostName& host, Port port,
                          const IpAddress& address) const {
  const std::lock_guard lock(mutex_);
  const Host* const entry = Look(host, port);
  if (entry == nullptr) return false;
  const auto at = entry->addresses.find(address);
  return at != entry->addresses.end() && Fresh(at->second);
}

std::optional<std::string> ParseFingerprint(std::string_view text) {
  constexpr std::size_t kOctets = 32;
  if (text.size() != kOctets * 3 - 1) return std::nullopt;
  std::string octets;
  for (std::size_t i = 0; i < kOctets; ++i) {
    const int high = HexDigit(text[3 * i]), low = HexDigit(text[3 * i + 1]);
    const bool parted = i + 1 == kOctets || text[3 * i + 2] == ':';
    if (high < 0 || low < 0 || !parted) return std::nullopt;
    octets += static_cast<char>(high * 16 + low);
  }
  return octets;
}

}  // namespace postern
