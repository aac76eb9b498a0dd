#include "posternd/engine.h"

#include <algorithm>
#include <utility>

namespace postern {
namespace {

ConnectionLimits LimitsFrom(const Settings& settings) {
  const ConnectionSettings& given = settings.connections;
  ConnectionLimits limits;
  limits.kept = given.kept;
  limits.per_host = given.per_host;
  limits.messages = given.messages;
  limits.idle = given.idle;
  limits.life = given.life;
  limits.wait = settings.timeouts.connect;
  return limits;
}

Prober::Limits ProberLimits(const Settings& settings) {
  Prober::Limits limits;
  limits.at_once = std::size_t{2} * settings.sendmail_questions;
  limits.each =
      std::min<std::chrono::milliseconds>(limits.each, settings.timeouts.probe);
  return limits;
}

LmtpDoor::Limits LmtpLimits(const Settings& settings) {
  LmtpDoor::Limits limits;
  limits.until_dot = settings.timeouts.total - settings.timeouts.dot_reply;
  limits.message = settings.max_message_size;
  // Three that are slow at the same time still leave hands to others.
  limits.share = std::max<std::size_t>(1, settings.lmtp_connections / 4);
  return limits;
}

}  // namespace

Engine::Engine(const Settings& settings, std::unique_ptr<AssembledGate> gate,
               const Domain& own_name, Surroundings around)
    : settings_(settings),
      gate_(std::move(gate)),
      delivery_(gate_->gate(), around.sink, around.clock, &around.journal,
                LimitsFrom(settings)),
      spool_(settings.spool_directory,
             {settings.max_message_size, settings.spool_limit,
              settings.line_length_limit}),
      pipe_(
          [this](const DeliveryRequest& request, const Message& message,
                 Deadline deadline) {
            return delivery_.Deliver(request, message, deadline);
          },
          spool_, settings.timeouts.total - settings.timeouts.dot_reply),
      lmtp_(
          [this](const DeliveryRequest& request, const Message& message,
                 Deadline deadline) {
            return delivery_.Deliver(request, message, deadline);
          },
          spool_, random_, own_name.str(), LmtpLimits(settings)),
      query_(gate_->gate(), gate_->served_policy_map(), around.controls,
             settings.timeouts.probe),
      exim_(gate_->gate(), around.sink, around.clock),
      recent_plans_(gate_->gate(), around.evidence, around.clock),
      prober_(Prober::Parts{gate_->gate(), around.evidence, gate_->addresses(),
                            around.clock},
              ProberLimits(settings)),
      milter_({gate_->gate(), around.evidence, prober_, recent_plans_,
               around.sink, around.clock, settings.snapshot}),
      sendmail_map_({gate_->gate(), around.evidence, prober_, recent_plans_},
                    around.sink, around.clock) {}

Result<std::shared_ptr<const Engine>> Engine::Make(const Settings& settings,
                                                   Surroundings around) {
  auto gate = AssembledGate::Make(settings, around.clock,
                                  {around.published, around.warn});
  if (!gate) return gate.error();
  const Result<Domain> own_name = HeloName(settings);
  if (!own_name) return own_name.error();
  std::shared_ptr<const Engine> engine(
      new Engine(settings, *std::move(gate), *own_name, around));
  // Better an error now than every mail deferred later.
  const Status spool = engine->spool_.Check();
  if (!spool) return spool.error();
  return engine;
}

}  // namespace postern
