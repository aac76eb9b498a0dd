#include "posternd/engine.h"

#include <utility>

namespace postern {

Engine::Engine(const Settings& settings, std::unique_ptr<AssembledGate> gate,
               Surroundings around)
    : settings_(settings),
      gate_(std::move(gate)),
      delivery_(gate_->gate(), around.sink, around.clock),
      spool_(settings.spool_directory,
             {settings.max_message_size, settings.spool_limit}),
      pipe_(
          [this](const DeliveryRequest& request, const Message& message,
                 Deadline deadline) {
            return delivery_.Deliver(request, message, deadline);
          },
          spool_, settings.timeouts.total - settings.timeouts.dot_reply),
      query_(gate_->gate(), around.controls, settings.timeouts.probe) {}

Result<std::shared_ptr<const Engine>> Engine::Make(const Settings& settings,
                                                   Surroundings around) {
  auto gate = AssembledGate::Make(settings, around.clock);
  if (!gate) return gate.error();
  std::shared_ptr<const Engine> engine(
      new Engine(settings, *std::move(gate), around));
  // Better an error now than every mail deferred later.
  const Status spool = engine->spool_.Check();
  if (!spool) return spool.error();
  return engine;
}

}  // namespace postern
