#include "core/route/address_filter.h"

#include <algorithm>

namespace postern {

bool AddressFilter::IsOwn(const IpAddress& address) const {
  return std::find(own_.begin(), own_.end(), address) != own_.end();
}

bool AddressFilter::Allows(const IpAddress& address) const {
  return !IsOwn(address) && (private_too_ || !address.is_private());
}

}  // namespace postern
