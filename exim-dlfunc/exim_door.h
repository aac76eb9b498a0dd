// exim-dlfunc/exim_door.h
//
// EximDoor: what the service answers postern-exim.so and ${readsocket}
// (docs/protocol.md, "The door exim"): the plan of a destination, a verdict on
// a connection that Exim has made, and what became of it. All judging is the
// gate's; what Exim has verified itself counts for nothing.
#pragma once

#include <memory>
#include <string>

#include "core/audit/session_record.h"
#include "core/delivery/failed_passes.h"
#include "core/gate/gate.h"
#include "core/service/call_pool.h"
#include "core/service/line_protocol.h"
#include "exim-dlfunc/exim_kept.h"
#include "exim-dlfunc/exim_plan.h"
#include "exim-dlfunc/exim_sessions.h"

namespace postern {

// Thread-safe; borrows its parts.
class EximDoor {
 public:
  EximDoor(Gate& gate, SessionSink& sink, const Clock& clock)
      : gate_(gate),
        sink_(sink),
        clock_(clock),
        passes_(clock),
        chains_(clock),
        sessions_(sink, clock) {}

  Reply Handle(const Call& call) { return Answer(call.request); }
  // Door::owner: the destination of what may wait for DNS. Events wait for
  // nothing, and each is told once. Pure.
  static std::string OwnerOf(const Request& request);
  // plan, judge, certificate, event; see docs/protocol.md.
  Reply Answer(const Request& request);

 private:
  struct Place;   // which connection
  struct Judged;  // everything a verdict rests on

  Reply PlanFor(const Request& request);
  Reply Offer(const std::string& queue_id, const Plan& plan);
  Attempt RefuseUnasked(const std::string& queue_id, const Plan& plan,
                        const HostPlan& host);
  // Tells sources that keep what is published.
  void NoteRefusal(const Plan& plan, const HostPlan& host,
                   const Verdict& verdict);
  Reply Refuse(const std::string& queue_id, const Plan& plan,
               std::vector<Attempt> attempts);
  Reply Judge(const Request& request);
  Reply Certificate(const Request& request);
  Reply Event(const Request& request);

  Result<Place> PlaceOf(const Request& request);
  Result<std::shared_ptr<const Plan>> PlanOf(const Request& request,
                                             const HostName& domain,
                                             AddressData* data);
  Result<TlsEvidence> EvidenceOf(const Request& request, const Place& place);
  bool MayGoAnyway(const Place& place, const Verdict& verdict,
                   bool encrypted) const;
  // An event that ended an attempt before anything was judged.
  Reply NoteFailure(const Request& request, const Error& why);

  Gate& gate_;
  SessionSink& sink_;
  const Clock& clock_;
  HandedOutPlans plans_;
  FailedPasses passes_;
  ToldChains chains_;
  EximSessions sessions_;
};

}  // namespace postern
