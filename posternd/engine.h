// posternd/engine.h
//
// Engine: everything that is made from the configuration and answers calls. A
// reload makes a new one beside the old; a call keeps the engine that it began
// with until it is answered.
#pragma once

#include <memory>

#include "core/audit/session_record.h"
#include "core/clock/clock.h"
#include "core/config/settings.h"
#include "core/delivery/delivery.h"
#include "core/delivery/spooled_message.h"
#include "core/outcome/result.h"
#include "exim-dlfunc/exim_door.h"
#include "posternd/assembled_gate.h"
#include "posternd/query_door.h"
#include "postfix-transport/lmtp_door.h"
#include "postfix-transport/pipe_door.h"
#include "sendmail-milter/milter_door.h"
#include "sendmail-milter/sendmail_map.h"

namespace postern {

// Thread-safe once made.
class Engine {
 public:
  // What outlives every engine.
  struct Surroundings {
    SessionSink& sink;
    DeliveryJournal& journal;
    const Clock& clock;
    const ServiceControls& controls;
    EvidenceIndex& evidence;  // what was seen is true whatever is configured
    std::shared_ptr<PublishedCache> published;
    std::function<void(std::string_view)> warn;
  };

  static Result<std::shared_ptr<const Engine>> Make(const Settings& settings,
                                                    Surroundings around);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const Settings& settings() const { return settings_; }
  PolicyStore& store() const { return gate_->store(); }
  PolicyMap& policy_map() const { return gate_->policy_map(); }
  std::uint64_t spool_octets() const { return spool_.used(); }

  Reply Deliver(Call& call) const { return pipe_.Handle(call); }
  Reply ServeLmtp(Call& call, const LmtpDoor::OnResult& on_result) const {
    return lmtp_.Serve(call, on_result);
  }
  Reply Answer(const Call& call) const { return query_.Handle(call); }
  Reply AnswerExim(const Call& call) const { return exim_.Handle(call); }
  MilterDoor& milter() const { return milter_; }
  SendmailMap& sendmail_map() const { return sendmail_map_; }

 private:
  Engine(const Settings& settings, std::unique_ptr<AssembledGate> gate,
         const Domain& own_name, Surroundings around);

  const Settings settings_;
  const std::unique_ptr<AssembledGate> gate_;
  mutable Delivery delivery_;
  mutable Spool spool_;
  mutable SystemRandom random_;
  const PipeDoor pipe_;
  const LmtpDoor lmtp_;
  const QueryDoor query_;
  mutable EximDoor exim_;
  mutable RecentPlans recent_plans_;
  mutable Prober prober_;
  mutable MilterDoor milter_;
  mutable SendmailMap sendmail_map_;
};

}  // namespace postern
