// core/names/ip_address.h
//
// An IPv4 or IPv6 address, a port, and networks of addresses.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/outcome/result.h"

namespace postern {

struct Port {
  std::uint16_t value = 25;
  auto operator<=>(const Port&) const = default;
  // 1 to 65535, digits only.
  static Result<Port> Parse(std::string_view text);
};

class IpAddress {
 public:
  // "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1" (kept as IPv4); no brackets,
  // no scope identifiers. `IPv6:` prefixes are AddressLiteral's business.
  static Result<IpAddress> Parse(std::string_view text);
  static IpAddress V4(const std::array<std::uint8_t, 4>& bytes);
  static IpAddress V6(const std::array<std::uint8_t, 16>& bytes);

  bool is_v6() const { return v6_; }
  // 4 or 16 octets, in network order.
  std::string_view bytes() const;
  // RFC 5952 form.
  std::string str() const;
  bool is_loopback() const;
  // RFC 1918, RFC 4193, link-local, loopback, unspecified, multicast, and the
  // other ranges that no public mail server has.
  bool is_private() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  IpAddress() = default;
  bool v6_ = false;
  std::array<std::uint8_t, 16> bytes_{};
};

}  // namespace postern
