// core/names/ip_address.h
//
// An IPv4 or IPv6 address, a port, and networks of addresses. Values, cheap to
// copy and compare.
//
// Sources: RFC 5952 (text of IPv6 addresses), RFC 6890 (special-purpose
// ranges).
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

// Which addresses may be used.
enum class Family { kAny, kIpv4, kIpv6 };

class IpAddress {
 public:
  // "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1" (kept as IPv4); no brackets,
  // no scope identifiers. `IPv6:` prefixes are AddressLiteral's business.
  static Result<IpAddress> Parse(std::string_view text);
  static IpAddress V4(const std::array<std::uint8_t, 4>& bytes);
  // An IPv4-mapped address (::ffff:0:0/96) becomes the IPv4 address that it
  // stands for.
  static IpAddress V6(const std::array<std::uint8_t, 16>& bytes);

  bool is_v6() const { return v6_; }
  // 4 or 16 octets, in network order.
  std::string_view bytes() const;
  // RFC 5952 form.
  std::string str() const;
  bool is_loopback() const;
  // RFC 1918, RFC 4193, link-local, loopback, unspecified, multicast, and the
  // other ranges that no public mail server has (documentation included). Of an
  // IPv6 address that embeds an IPv4 one (NAT64, 6to4), the latter's answer.
  bool is_private() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  IpAddress() = default;
  bool v6_ = false;
  std::array<std::uint8_t, 16> bytes_{};
};

// "192.0.2.0/24", "2001:db8::/32", or an address alone: that address only.
class IpNetwork {
 public:
  // Refuses a network with bits set behind its prefix: one of the two numbers
  // is a typing error.
  static Result<IpNetwork> Parse(std::string_view text);

  bool Contains(const IpAddress& address) const;
  std::string str() const;

  auto operator<=>(const IpNetwork&) const = default;

 private:
  IpNetwork(IpAddress address, int bits) : address_(address), bits_(bits) {}
  IpAddress address_;
  int bits_;
};

}  // namespace postern
