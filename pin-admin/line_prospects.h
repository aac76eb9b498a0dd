// pin-admin/line_prospects.h
//
// What an administrator should hear when a line is written: is it one that no
// server can satisfy here, today? Such a line is good and is kept (a verifier
// or a file may be on its way); until then mail under it waits.
#pragma once

#include <string>
#include <vector>

#include "core/config/settings.h"
#include "core/policy/policy_line.h"
#include "pin-admin/exit_status.h"
#include "pin-admin/output.h"

namespace postern {

// A sentence for each reason why mail under `line` would wait whatever the
// server does: a verifier that is not built in or not switched on, a next hop
// without any name to compare, a file that the service can't read. Files are
// looked for by a child without privileges.
std::vector<std::string> WhyMailWaits(const PolicyLine& line,
                                      const Settings& settings);

// Warns of them; kWarning if there were any.
ExitStatus WarnOfWaiting(Output& out, const PolicyLine& line,
                         const Settings& settings);

}  // namespace postern
