// core/route/own_addresses.h
//
// The addresses of this machine's interfaces, for the router's loop guard.
#pragma once

#include <vector>

#include "core/names/ip_address.h"
#include "core/outcome/result.h"

namespace postern {

// As they are now (getifaddrs(3)), loopback included.
Result<std::vector<IpAddress>> InterfaceAddresses();

}  // namespace postern
