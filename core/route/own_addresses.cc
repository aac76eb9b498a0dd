#include "core/route/own_addresses.h"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <system_error>

namespace postern {

Result<std::vector<IpAddress>> InterfaceAddresses() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) {
    return Error{Reason::kInternal, "this machine's addresses: " +
                                        std::system_category().message(errno)};
  }
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list,
                                                               freeifaddrs);
  std::vector<IpAddress> addresses;
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    if (one->ifa_addr->sa_family == AF_INET) {
      sockaddr_in v4{};
      std::memcpy(&v4, one->ifa_addr, sizeof v4);
      std::array<std::uint8_t, 4> bytes{};
      std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
      addresses.push_back(IpAddress::V4(bytes));
    } else if (one->ifa_addr->sa_family == AF_INET6) {
      sockaddr_in6 v6{};
      std::memcpy(&v6, one->ifa_addr, sizeof v6);
      std::array<std::uint8_t, 16> bytes{};
      std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
      addresses.push_back(IpAddress::V6(bytes));
    }
  }
  return addresses;
}

}  // namespace postern
