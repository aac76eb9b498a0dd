// core/gate/prober.h
//
// Prober: looks at one address of a planned host, up to the end of the
// handshake, and keeps what was shown (EvidenceIndex). No mail is sent.
//
// Strangers choose where it looks, by the recipients that they name, so it is
// bounded: one look at a time at one place, for all who ask; so many at once in
// all; so many at one address in a minute; and never at this host or, but for
// next hops that were configured, into private networks (AddressFilter). Looks
// for destinations that only "*" covers are counted apart: a stranger whose MX
// record names a partner's server uses up nothing of the partner's.
//
// What a look has shown can be recalled; it is judged on the plan of whoever
// recalls it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include "core/gate/evidence_index.h"
#include "core/gate/gate.h"
#include "core/route/address_filter.h"

namespace postern {

// Thread-safe; borrows its parts.
class Prober {
 public:
  struct Limits {
    std::size_t at_once = 64;
    unsigned per_minute = 12;  // at one address and port, of either kind
    std::chrono::milliseconds each{15'000};
  };
  struct Parts {
    Gate& gate;
    EvidenceIndex& index;
    AddressFilter addresses;
    const Clock& clock;
  };
  explicit Prober(Parts parts) : Prober(std::move(parts), Limits{}) {}
  Prober(Parts parts, Limits limits)
      : parts_(std::move(parts)), limits_(limits) {}

  // What is there: the connection, closed, with a verdict on `plan`. Waits for
  // a look that another call has begun. Errors: the address is not one to look
  // at (kAddressNotAllowed), there were too many (kHostBusy, kServiceBusy), or
  // nothing came back in time (kDeadlineExceeded). `stop` ends a look for all
  // who wait for it: the service's stop, not a client's.
  Result<std::shared_ptr<const Connection>> Look(const Plan& plan,
                                                 const HostPlan& host,
                                                 const IpAddress& address,
                                                 const Cancellation& stop,
                                                 Deadline deadline);

  // What the newest look there has shown, if that is no older than `within`,
  // with a verdict on `plan`; null: look. Asks no network but for a PTR name
  // that the plan compares.
  std::shared_ptr<const Connection> Recall(const Plan& plan,
                                           const HostPlan& host,
                                           const IpAddress& address,
                                           std::chrono::seconds within,
                                           Deadline deadline);

 private:
  struct Flight {
    std::shared_ptr<const Connection> found;  // null while it lasts
  };
  struct Count {
    TimePoint since{};
    unsigned looks = 0;
  };
  // A look that came to no TLS, and why, as one plan has it. What others have
  // shown is in the index.
  struct Bare {
    std::shared_ptr<const Connection> found;
    std::string plan_digest;
    TimePoint at{};
  };

  bool MayLook(const Plan& plan, const HostPlan& host,
               const IpAddress& address) const;
  // Counts it; an Error where it is one too many.
  Status Admit(const Plan& plan, const HostPlan& host,
               const IpAddress& address);
  void NoteBare(const std::string& place, Bare bare);

  const Parts parts_;
  const Limits limits_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable landed_;
  std::map<std::string, std::shared_ptr<Flight>> flights_;
  std::map<std::string, Bare> bare_;  // by place
  // Whether the destination has a line of its own or a parent's.
  using Spot = std::tuple<IpAddress, Port, bool>;
  std::map<Spot, Count> counts_;
};

}  // namespace postern
