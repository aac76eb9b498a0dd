// sendmail-milter/milter_door.h
//
// MilterDoor: what the service answers postern-milter about a recipient
// (docs/protocol.md, "The door sendmail"). Nothing is let out by it: the
// connection that carries the mail is judged later, when there is one.
//
// A "pass" that rests on nothing but the policy comes with terms under which
// the milter may give it again (PassTerms).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/audit/session_record.h"
#include "core/delivery/report.h"
#include "core/gate/evidence_index.h"
#include "core/gate/gate.h"
#include "core/gate/prober.h"
#include "core/service/socket_map_server.h"
#include "sendmail-milter/live_judge.h"
#include "sendmail-milter/recent_plans.h"
#include "sendmail-milter/recipient_words.h"

namespace postern {

// Thread-safe; borrows its parts.
class MilterDoor {
 public:
  // Below postern-milter's own patience, which lies below the MTA's (R:30s).
  static constexpr std::chrono::seconds kBudget{20};
  // What a look that is no older has shown may pass, and tells why not where
  // there were too many looks.
  static constexpr std::chrono::seconds kRecent{60};
  // A look that is no older is not repeated: a message's recipients come one
  // after the other.
  static constexpr std::chrono::seconds kAgain{10};
  static constexpr std::size_t kMostLooks = 8;  // for one question
  // What was found in DNS, and the configuration, may be as old as this in a
  // "pass" that is given again; the policy never is.
  static constexpr std::chrono::seconds kHold{5};

  struct Parts {
    Gate& gate;
    EvidenceIndex& index;
    Prober& prober;
    RecentPlans& plans;
    SessionSink& sink;
    const Clock& clock;
    std::string policy_file;  // the snapshot; empty: passes have no terms
  };
  explicit MilterDoor(Parts parts) : parts_(std::move(parts)) {}

  // As SocketMapHandler's.
  std::optional<SocketMapReply> Known(const SocketMapQuery& query);
  SocketMapReply Find(const SocketMapQuery& query, Deadline deadline,
                      int stop_fd);
  // The destination; empty for what is no question. Pure.
  static std::string OwnerOf(const SocketMapQuery& query);

  using Patience = LiveJudge::Patience;
  // recipient; see docs/protocol.md. Nothing: it can't be said without waiting,
  // and there is no `patience`.
  std::optional<Reply> Answer(const Request& request,
                              const std::optional<Patience>& patience);

 private:
  struct Survey;  // what the hosts of a destination said

  std::optional<Reply> Recipient(const Request& request,
                                 const std::optional<Patience>& patience);
  Reply PassOn(const Plan& plan, PublishedFile policy) const;
  Reply Planless(const HostName& domain, const NextHop& hop,
                 const std::string& queue_id, const Verdict& verdict);
  // True: one of them passes. Without `patience`, of those that need no DNS.
  bool Remembered(const Plan& plan, const std::optional<Patience>& patience);
  bool Look(const Plan& plan, const std::string& queue_id,
            const Patience& patience, Survey& survey);
  Verdict LookAt(const Plan& plan, const HostPlan& host,
                 const IpAddress& address, const std::string& queue_id,
                 const Patience& patience, Survey& survey);
  void Note(const Plan& plan, const HostPlan& host, const Verdict& verdict,
            Survey& survey);
  Reply Refuse(const Plan& plan, const Survey& survey, Deadline deadline);

  const Parts parts_;
};

}  // namespace postern
