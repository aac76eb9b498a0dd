// core/gate/made_connection.h
//
// What the doors share whose MTA makes its connections itself (Exim, Sendmail):
// which host of a plan a connection leads to, and its record. Pure.
#pragma once

#include <optional>
#include <string>

#include "core/audit/session_record.h"
#include "core/gate/plan.h"

namespace postern {

// A host as an MTA writes it: an address bare or in brackets, a name with or
// without a dot at its end.
std::optional<HostName> ParseMadeHost(std::string_view text);

// The host of `plan` that goes by that name, be it the one that CNAMEs led to;
// at that port, where the MTA tells it. Null: there is none, or there are two,
// so that what is asked of it can't be known.
const HostPlan* FindHost(const Plan& plan, const HostName& name,
                         std::optional<Port> port);

// Why mail can't go to a host that wants a login: these MTAs log in before they
// ask, if at all.
Verdict NoLogin();

// A record with what the plan says of `host` filled in. `door`: "exim".
SessionRecord RecordOf(std::string door, const Plan& plan, const HostPlan& host,
                       const std::string& queue_id, const Verdict& verdict,
                       TimePoint now);

}  // namespace postern
