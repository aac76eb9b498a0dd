// core/gate/evidence_index.h
//
// EvidenceIndex: the chains that posternd itself was shown, by host and by the
// SHA-256 of their leaf. Where an MTA tells of its connection nothing but that
// digest, the chain comes from here.
//
// Evidence, never verdicts: whoever finds a chain judges it on today's plan.
// That a chain was seen on a host says only that: the host of another
// destination may show it too, and so may somebody else at its address.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock/clock.h"
#include "core/names/next_hop.h"
#include "core/tls/tls_evidence.h"

namespace postern {

// Thread-safe.
class EvidenceIndex {
 public:
  struct Limits {
    std::chrono::seconds age{24 * 3600};
    std::size_t hosts = 20'000;
    std::size_t leaves = 32;     // of one host: a pool has one for each server
    std::size_t addresses = 64;  // of one host
    // Of all certificates as sent; parsed, they take nine times as much. The
    // hosts that nothing was heard of for longest are forgotten first.
    std::size_t octets = std::size_t{16} << 20;
  };
  explicit EvidenceIndex(const Clock& clock) : EvidenceIndex(clock, {}) {}
  EvidenceIndex(const Clock& clock, Limits limits)
      : clock_(clock), limits_(limits) {}

  // A handshake with `host` at `address`. Nothing is kept of one without a
  // certificate.
  void Keep(const HostName& host, Port port, const IpAddress& address,
            const TlsEvidence& evidence);
  // A plan has found the host there.
  void NoteAddresses(const HostName& host, Port port,
                     std::span<const IpAddress> addresses);

  // The newest with a leaf of that SHA-256 (32 octets).
  std::optional<TlsEvidence> Find(const HostName& host, Port port,
                                  std::string_view leaf_sha256) const;
  // The newest that was seen there no longer ago than `within`.
  std::optional<TlsEvidence> Last(const HostName& host, Port port,
                                  const IpAddress& address,
                                  std::chrono::seconds within) const;
  // Whether the host was at that address lately.
  bool WasAt(const HostName& host, Port port, const IpAddress& address) const;

 private:
  struct Seen {
    std::string leaf_sha256;
    IpAddress address;
    TlsEvidence evidence;
    TimePoint at;
    std::size_t octets;  // of the chain
  };
  struct Host {
    std::vector<Seen> seen;  // a leaf once for each address
    std::map<IpAddress, TimePoint> addresses;
    TimePoint at{};
  };
  using Key = std::pair<HostName, Port>;

  Host& Entry(const Key& key, TimePoint now);
  template <typename Gone>
  void DropSeen(Host& host, Gone gone);
  void DropHost(Key key);
  void MakeRoom(const Key& key, Host& host, std::size_t octets);
  const Host* Look(const HostName& host, Port port) const;
  bool Fresh(TimePoint at) const;

  const Clock& clock_;
  const Limits limits_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<Key, Host> hosts_;
  std::set<std::pair<TimePoint, Key>> by_age_;  // of hosts_, by Host::at
  std::size_t octets_ = 0;                      // of all evidence in hosts_
};

// "AB:CD:…": the 32 octets of a SHA-256 as Sendmail and openssl(1) write it.
// Nothing for anything else.
std::optional<std::string> ParseFingerprint(std::string_view text);

}  // namespace postern
