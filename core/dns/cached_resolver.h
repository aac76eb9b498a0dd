// core/dns/cached_resolver.h
//
// CachedResolver: answers again what was answered within its TTL, in the
// caller's own thread. The resolver behind it has a cache too, but each
// question to it is two changes of thread, which under load cost more than all
// the rest of a plan.
//
// A failure is never kept: "could not find out" is asked again by the next one
// who needs it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/dns/resolver.h"

namespace postern {

// Thread-safe. Borrows the resolver that it asks.
class CachedResolver final : public Resolver {
 public:
  using Monotonic = Deadline::MonotonicClock;
  // Answers of each kind that are kept at most, and what they take: strangers
  // choose how large theirs are.
  static constexpr std::size_t kMostAnswers = 4096;
  static constexpr std::size_t kMostOctets = std::size_t{4} << 20;
  // A larger answer is not kept: it would push out many.
  static constexpr std::size_t kMostOctetsOfOne = std::size_t{64} << 10;

  explicit CachedResolver(
      Resolver& behind,
      std::function<Monotonic::time_point()> now = &Monotonic::now);

  DnsAnswer<MxRecord> Mx(const Domain& name, Deadline deadline) override;
  DnsAnswer<IpAddress> A(const Domain& name, Deadline deadline) override;
  DnsAnswer<IpAddress> Aaaa(const Domain& name, Deadline deadline) override;
  DnsAnswer<Domain> Ptr(const IpAddress& address, Deadline deadline) override;
  DnsAnswer<Domain> Cname(const Domain& name, Deadline deadline) override;
  DnsAnswer<std::string> Txt(const Domain& name, Deadline deadline) override;
  DnsAnswer<std::string> TxtAfresh(const Domain& name,
                                   Deadline deadline) override;
  DnsAnswer<TlsaRecord> Tlsa(Port port, const Domain& base,
                             Deadline deadline) override;

 private:
  template <typename Record>
  struct Kept {
    DnsAnswer<Record> answer;
    Monotonic::time_point until;
    std::size_t octets;
  };
  template <typename Record>
  struct Answers {
    std::unordered_map<std::string, Kept<Record>> kept;
    std::size_t octets = 0;  // of all of them
  };

  template <typename Record, typename Ask>
  DnsAnswer<Record> Look(Answers<Record>& answers, const std::string& name,
                         Ask ask);
  template <typename Record>
  void Keep(Answers<Record>& answers, const std::string& name,
            const DnsAnswer<Record>& answer, Monotonic::time_point now);
  template <typename Record, typename Gone>
  static void Drop(Answers<Record>& answers, Gone gone);

  Resolver& behind_;
  const std::function<Monotonic::time_point()> now_;
  std::mutex mutex_;  // of what follows
  Answers<MxRecord> mx_;
  Answers<IpAddress> a_, aaaa_;
  Answers<Domain> ptr_, cname_;
  Answers<std::string> txt_;
  Answers<TlsaRecord> tlsa_;
};

}  // namespace postern
