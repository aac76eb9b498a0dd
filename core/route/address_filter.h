// core/route/address_filter.h
//
// AddressFilter: where we may be sent by a name that a stranger chose (a probed
// host, the host of a published policy). Never to ourselves; into private
// networks only where configuration says so.
#pragma once

#include <utility>
#include <vector>

#include "core/names/ip_address.h"

namespace postern {

// Immutable, thread-safe.
class AddressFilter {
 public:
  AddressFilter(std::vector<IpAddress> own, bool private_too)
      : own_(std::move(own)), private_too_(private_too) {}

  bool Allows(const IpAddress& address) const;
  bool IsOwn(const IpAddress& address) const;

 private:
  std::vector<IpAddress> own_;
  bool private_too_;
};

}  // namespace postern
