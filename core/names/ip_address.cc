#include "core/names/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>

#include "core/names/quoted.h"

namespace postern {
namespace {

// The range that `prefix` and `bits` name, in network order.
struct Range {
  std::array<std::uint8_t, 4> prefix;
  int bits;
};

bool SamePrefix(const std::uint8_t* a, const std::uint8_t* b, int bits) {
  const auto whole = static_cast<std::size_t>(bits / 8);
  if (std::memcmp(a, b, whole) != 0) return false;
  const int rest = bits % 8;
  if (rest == 0) return true;
  const int mask = 0xff << (8 - rest) & 0xff;
  return (a[whole] & mask) == (b[whole] & mask);
}

// IANA's special-purpose registries; nothing in them is a public mail server.
constexpr std::array kPrivateV4{
    Range{{0, 0, 0, 0}, 8},      Range{{10, 0, 0, 0}, 8},
    Range{{100, 64, 0, 0}, 10},  Range{{127, 0, 0, 0}, 8},
    Range{{169, 254, 0, 0}, 16}, Range{{172, 16, 0, 0}, 12},
    Range{{192, 0, 0, 0}, 24},   Range{{192, 0, 2, 0}, 24},
    Range{{192, 88, 99, 0}, 24}, Range{{192, 168, 0, 0}, 16},
    Range{{198, 18, 0, 0}, 15},  Range{{198, 51, 100, 0}, 24},
    Range{{203, 0, 113, 0}, 24}, Range{{224, 0, 0, 0}, 4},
    Range{{240, 0, 0, 0}, 4},
};

// Inside 2000::/3, the part of IPv6 that is public at all.
constexpr std::array kPrivateV6{
    Range{{0x20, 0x01, 0x00, 0x00},
          23},  // protocol assignments, Teredo, ORCHID
    Range{{0x20, 0x01, 0x0d, 0xb8}, 32},  // documentation
    Range{{0x3f, 0xff, 0x00, 0x00}, 20},  // documentation
};

template <std::size_t N>
bool InAny(const std::array<Range, N>& ranges, const std::uint8_t* bytes) {
  return std::any_of(ranges.begin(), ranges.end(), [bytes](const Range& r) {
    return SamePrefix(r.prefix.data(), bytes, r.bits);
  });
}

// The IPv4 address inside NAT64's well-known prefix (RFC 6052) and 6to4.
const std::uint8_t* EmbeddedV4(const std::array<std::uint8_t, 16>& bytes) {
  static constexpr std::array<std::uint8_t, 12> kNat64{0x00, 0x64, 0xff, 0x9b};
  if (std::equal(kNat64.begin(), kNat64.end(), bytes.begin())) {
    return bytes.data() + 12;
  }
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return bytes.data() + 2;
  return nullptr;
}

bool IsPrivateV6(const std::array<std::uint8_t, 16>& bytes) {
  if (const std::uint8_t* v4 = EmbeddedV4(bytes)) return InAny(kPrivateV4, v4);
  if ((bytes[0] & 0xe0) != 0x20) return true;
  return InAny(kPrivateV6, bytes.data());
}

// At most five digits, and nothing else.
std::optional<int> ParseNumber(std::string_view text, int most) {
  if (text.empty() || text.size() > 5) return std::nullopt;
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (value > most) return std::nullopt;
  return value;
}

}  // namespace

Result<Port> Port::Parse(std::string_view text) {
  const auto value = ParseNumber(text, 65535);
  if (!value || *value == 0) {
    return Error{Reason::kRequestInvalid,
                 Quoted(text) + " is no port: a number from 1 to 65535 is"};
  }
  return Port{static_cast<std::uint16_t>(*value)};
}

Result<IpAddress> IpAddress::Parse(std::string_view text) {
  const std::string copy(text);
  if (text.find('\0') == std::string_view::npos) {
    std::array<std::uint8_t, 4> v4{};
    if (inet_pton(AF_INET, copy.c_str(), v4.data()) == 1) return V4(v4);
    std::array<std::uint8_t, 16> v6{};
    if (inet_pton(AF_INET6, copy.c_str(), v6.data()) == 1) return V6(v6);
  }
  return Error{Reason::kRequestInvalid, Quoted(text) + " is no IP address"};
}

IpAddress IpAddress::V4(const std::array<std::uint8_t, 4>& bytes) {
  IpAddress address;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::V6(const std::array<std::uint8_t, 16>& bytes) {
  static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0,    0,
                                                        0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(kMapped.begin(), kMapped.end(), bytes.begin())) {
    return V4({bytes[12], bytes[13], bytes[14], bytes[15]});
  }
  IpAddress address;
  address.v6_ = true;
  address.bytes_ = bytes;
  return address;
}

std::string_view IpAddress::bytes() const {
  return {reinterpret_cast<const char*>(bytes_.data()), v6_ ? 16U : 4U};
}

std::string IpAddress::str() const {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(v6_ ? AF_INET6 : AF_INET, bytes_.data(), text, sizeof text);
  return text;
}

bool IpAddress::is_loopback() const {
  if (!v6_) return bytes_[0] == 127;
  static constexpr std::array<std::uint8_t, 16> kLoopback{
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return bytes_ == kLoopback;
}

bool IpAddress::is_private() const {
  return v6_ ? IsPrivateV6(bytes_) : InAny(kPrivateV4, bytes_.data());
}

Result<IpNetwork> IpNetwork::Parse(std::string_view text) {
  const auto refuse = [text](std::string_view why) {
    return Error{Reason::kRequestInvalid,
                 Quoted(text) + " is no network: " + std::string(why)};
  };
  const std::size_t slash = text.find('/');
  const Result<IpAddress> address = IpAddress::Parse(text.substr(0, slash));
  if (!address) return refuse("192.0.2.0/24 and 2001:db8::/32 are");
  const int width = address->is_v6() ? 128 : 32;
  if (slash == std::string_view::npos) return IpNetwork(*address, width);
  const auto bits = ParseNumber(text.substr(slash + 1), width);
  if (!bits) {
    return refuse("the prefix has 0 to " + std::to_string(width) + " bits");
  }
  const std::string_view bytes = address->bytes();
  for (int bit = *bits; bit < width; ++bit) {
    const auto octet =
        static_cast<unsigned char>(bytes[static_cast<std::size_t>(bit / 8)]);
    if ((octet >> (7 - bit % 8) & 1) != 0) {
      return refuse("the address has bits behind the prefix");
    }
  }
  return IpNetwork(*address, *bits);
}

bool IpNetwork::Contains(const IpAddress& address) const {
  if (address.is_v6() != address_.is_v6()) return false;
  const auto* a = reinterpret_cast<const std::uint8_t*>(address.bytes().data());
  const auto* b =
      reinterpret_cast<const std::uint8_t*>(address_.bytes().data());
  return SamePrefix(a, b, bits_);
}

std::string IpNetwork::str() const {
  return address_.str() + "/" + std::to_string(bits_);
}

}  // namespace postern
