#include "core/policy/configured_mx.h"

#include <algorithm>

namespace postern {

bool AllowsMxHost(const PolicyLine& line, const HostName& host) {
  if (line.mx.empty()) return true;
  const auto* name = std::get_if<Domain>(&host);
  if (name == nullptr) return false;
  return std::any_of(line.mx.begin(), line.mx.end(),
                     [name](const ReferenceIdentity& allowed) {
                       return allowed.below() ? name->IsBelow(allowed.domain())
                                              : *name == allowed.domain();
                     });
}

HostFacts UnderLine(const PolicyLine& line, HostFacts host) {
  if (!line.mx.empty() && AllowsMxHost(line, host.host)) {
    host.mx = Security::kSecure;
  }
  return host;
}

}  // namespace postern
