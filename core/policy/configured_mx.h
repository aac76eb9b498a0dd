// core/policy/configured_mx.h
//
// What mx= of a line says of a host: which MX hosts the destination may have, a
// secure MX lookup fixed in configuration (design §3). Pure.
#pragma once

#include "core/policy/policy_line.h"
#include "core/route/host_facts.h"

namespace postern {

// Any host where the line has no mx=.
bool AllowsMxHost(const PolicyLine& line, const HostName& host);

// The facts as they hold under the line: an allowed host of mx= counts as
// securely found, whatever DNS says of the MX records. The sources of
// requirements are asked with these.
HostFacts UnderLine(const PolicyLine& line, HostFacts host);

}  // namespace postern
