// core/dns/unbound_context.h
//
// One libunbound context, configured from ResolverOptions and finalised: what
// libunbound refuses, it refuses here.
#pragma once

#include <event2/event.h>
#include <unbound.h>

#include <memory>

#include "core/dns/unbound_resolver.h"
#include "core/outcome/result.h"

namespace postern {

struct UnboundDeleter {
  void operator()(ub_ctx* context) const { ub_ctx_delete(context); }
};
using UnboundContext = std::unique_ptr<ub_ctx, UnboundDeleter>;

// The context asks on `base`, which must outlive it; from then on one thread
// uses both.
Result<UnboundContext> MakeUnboundContext(event_base* base,
                                          const ResolverOptions& options);

}  // namespace postern
