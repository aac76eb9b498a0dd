// core/delivery/host_loop.h
//
// HostLoop: follows one plan for one message. First pass: every host in order,
// every address of it, until no recipient is left open. Then, and only if the
// line's on-fail= says so, the second pass of a dry run.
//
// It never sends to a connection that Judge() did not pass, except in that
// second pass, and there the record says so.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/audit/session_record.h"
#include "core/delivery/connections.h"
#include "core/delivery/delivery.h"
#include "core/delivery/message_journal.h"
#include "core/delivery/report.h"
#include "core/gate/gate.h"

namespace postern {

// Lives for one delivery, in one thread. Borrows everything.
class HostLoop {
 public:
  HostLoop(Gate& gate, Connections& connections, SessionSink& sink,
           const Clock& clock, const Plan& plan, const DeliveryRequest& request,
           const Message& message, MessageJournal& journal, Deadline deadline);

  std::vector<RecipientResult> Run();

 private:
  // An address that gave a "no" which on-fail= may pass over.
  struct Candidate {
    const HostPlan* host;
    IpAddress address;
    bool without_tls;
  };

  void NoteFailedHops();
  void FirstPass();
  void DryRunPass();
  bool EveryHostSaidNo() const;
  bool IsStillSo();
  // A host that is refused by its plan, or has no address.
  Verdict RefusedUnasked(const HostPlan& host) const;
  void TryAddress(const HostPlan& host, const IpAddress& address);
  // False: the connection was a kept one and had ended before the server took
  // MAIL. That says nothing about the host and settles nothing.
  bool SendThrough(Connections::Lease& lease, const HostPlan& host);
  // Ends the whole delivery before MAIL.
  void GiveUp(Connection& connection, const HostPlan& host, const Error& why);
  // Settles what the server's replies settle.
  void Settle(const SendResult& sent, const std::vector<std::size_t>& whom,
              const std::string& where);
  void SettleAll(const RecipientResult& result);
  // Notes a "no" or a failure for the final text, and whether it may be passed
  // over or bounced.
  void Note(const HostPlan& host, const Verdict& verdict);
  void Record(const HostPlan& host, const Connection& connection,
              std::string_view outcome, const std::string& reply);

  bool open() const { return !stopped_ && open_ > 0; }
  OnFail on_fail() const { return plan_.on_fail; }

  Gate& gate_;
  Connections& connections_;
  SessionSink& sink_;
  const Clock& clock_;
  const Plan& plan_;
  std::string plan_json_;  // made with the first record
  const DeliveryRequest& request_;
  const Message& message_;
  MessageJournal& journal_;
  Deadline deadline_;

  std::vector<std::optional<RecipientResult>> results_;
  std::size_t open_;
  // Nothing more may be tried: the MTA hung up, time is over, or a server may
  // have the message already.
  bool stopped_ = false;
  // No address of the plan has answered lately: one delivery may still try.
  bool all_dead_ = false;
  // Every address that the plan has was asked: only then may a "no" bounce.
  bool all_asked_ = true;
  int connections_left_;
  std::vector<Attempt> attempts_;
  std::vector<Candidate> candidates_;
};

}  // namespace postern
