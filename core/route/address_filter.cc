#include "core/route/address_filter.h"

#include <algorithm>

namespace postern {

bool AddressFilter::Allows(const IpAddress& address) const {
  if (std::find(own_.begin(), own_.end(), address) != own_.end()) return false;
  return private_too_ || !address.is_private();
}

}  // namespace postern
