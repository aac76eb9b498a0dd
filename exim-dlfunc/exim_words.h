// exim-dlfunc/exim_words.h
//
// The fields of the Exim door's requests, read once: which there are, and
// Exim's notation for hosts and TLS versions. Pure.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "core/gate/plan.h"
#include "core/outcome/result.h"
#include "core/service/line_protocol.h"

namespace postern {

// Error (kRequestInvalid): one of `needed` is absent or empty, or there is a
// field that is in neither list.
Status CheckFields(const Request& request,
                   std::initializer_list<std::string_view> needed,
                   std::initializer_list<std::string_view> others);
// Empty where it is absent.
std::string Field(const Request& request, std::string_view key);

// The next hop; without one, the recipient's own hosts.
Result<NextHop> HopOf(const HostName& recipient, std::string_view hop);

// The plan's host of that name (or address) and port; null for any other. Exim
// calls a host whose name is an alias by the name that it stands for: that one
// will do if it is of one host only.
const HostPlan* FindHost(const Plan& plan, std::string_view host,
                         std::string_view port);
// The name as the plan writes it; as it is given where it is none.
std::string HostText(std::string_view host);

// "TLS1.3", "TLSv1.3" -> "TLSv1.3"; empty stays empty.
std::string ProtocolName(std::string_view version);

}  // namespace postern
