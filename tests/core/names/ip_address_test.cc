// Addresses have one form each, and those that no public mail server has are
// known as such, however they are wrapped.
#include "core/names/ip_address.h"

#include <gtest/gtest.h>

#include <string>

namespace postern {
namespace {

using std::string_literals::operator""s;

std::string Shown(std::string_view text) {
  const Result<IpAddress> address = IpAddress::Parse(text);
  return address ? address->str() : "error";
}

TEST(IpAddressTest, OneAddressHasOneForm) {
  EXPECT_EQ(Shown("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(Shown("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
  EXPECT_EQ(Shown("2001:db8:0:1:1:1:1:1"), "2001:db8:0:1:1:1:1:1");
  EXPECT_EQ(Shown("::"), "::");
  EXPECT_EQ(Shown("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(Shown("::ffff:c000:201"), "192.0.2.1");
}

// ID-06
TEST(IpAddressTest, OctetsAreInNetworkOrder) {
  EXPECT_EQ(IpAddress::Parse("192.0.2.1")->bytes(), "\xc0\x00\x02\x01"s);
  EXPECT_EQ(IpAddress::Parse("2001:db8::1")->bytes(),
            "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"s);
  EXPECT_NE(*IpAddress::Parse("0.0.0.0"), *IpAddress::Parse("::"));
}

TEST(IpAddressTest, RefusesEverythingElse) {
  for (const std::string& text :
       {""s, "192.0.2"s, "192.0.2.256"s, "192.0.2.01"s, "192.0.2.1 "s,
        "192.0.2.1\0"s, "0x7f.0.0.1"s, "[192.0.2.1]"s, "fe80::1%eth0"s,
        "IPv6:::1"s, "2001:db8::1::2"s, "mx.example"s}) {
    EXPECT_EQ(Shown(text), "error") << text;
  }
}

TEST(IpAddressTest, KnowsWhatNoPublicMailServerHas) {
  for (const char* text : {"0.0.0.0",
                           "10.1.2.3",
                           "100.64.0.1",
                           "100.127.255.255",
                           "127.0.0.1",
                           "127.255.0.1",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "192.0.2.1",
                           "198.18.0.1",
                           "224.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "fc00::1",
                           "fd12::1",
                           "fe80::1",
                           "ff02::1",
                           "2001:db8::1",
                           "2001::1",
                           "::ffff:127.0.0.1",
                           "64:ff9b::7f00:1",
                           "2002:7f00:1::",
                           "2002:a00:1::",
                           "100::1",
                           "::127.0.0.1"}) {
    EXPECT_TRUE(IpAddress::Parse(text)->is_private()) << text;
  }
  for (const char* text :
       {"9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1",
        "172.15.0.1", "172.32.0.1", "8.8.8.8", "2a00:1450::1", "2001:4860::1",
        "64:ff9b::808:808", "2002:808:808::1"}) {
    EXPECT_FALSE(IpAddress::Parse(text)->is_private()) << text;
  }
}

TEST(IpAddressTest, KnowsLoopback) {
  EXPECT_TRUE(IpAddress::Parse("127.8.9.1")->is_loopback());
  EXPECT_TRUE(IpAddress::Parse("::1")->is_loopback());
  EXPECT_TRUE(IpAddress::Parse("::ffff:127.0.0.1")->is_loopback());
  EXPECT_FALSE(IpAddress::Parse("::")->is_loopback());
  EXPECT_FALSE(IpAddress::Parse("128.0.0.1")->is_loopback());
}

TEST(PortTest, IsANumberFrom1To65535) {
  EXPECT_EQ(Port::Parse("25")->value, 25);
  EXPECT_EQ(Port::Parse("65535")->value, 65535);
  for (const char* text : {"", "0", "65536", "99999", "100025", "-1", "+25",
                           " 25", "2x", "smtp"}) {
    EXPECT_FALSE(Port::Parse(text)) << text;
  }
}

TEST(IpNetworkTest, ContainsItsAddressesAndNoOthers) {
  const IpNetwork net = *IpNetwork::Parse("198.51.100.128/25");
  EXPECT_TRUE(net.Contains(*IpAddress::Parse("198.51.100.128")));
  EXPECT_TRUE(net.Contains(*IpAddress::Parse("198.51.100.255")));
  EXPECT_FALSE(net.Contains(*IpAddress::Parse("198.51.100.127")));
  EXPECT_FALSE(net.Contains(*IpAddress::Parse("198.51.101.128")));
  EXPECT_FALSE(net.Contains(*IpAddress::Parse("2001:db8::1")));
  EXPECT_EQ(net.str(), "198.51.100.128/25");

  EXPECT_TRUE(IpNetwork::Parse("0.0.0.0/0")
                  ->Contains(*IpAddress::Parse("203.0.113.9")));
  EXPECT_FALSE(
      IpNetwork::Parse("0.0.0.0/0")->Contains(*IpAddress::Parse("::")));
  EXPECT_TRUE(IpNetwork::Parse("2001:db8::/33")
                  ->Contains(*IpAddress::Parse("2001:db8:7fff::1")));
  EXPECT_FALSE(IpNetwork::Parse("2001:db8::/33")
                   ->Contains(*IpAddress::Parse("2001:db8:8000::1")));
  EXPECT_EQ(IpNetwork::Parse("2001:db8::1")->str(), "2001:db8::1/128");
}

TEST(IpNetworkTest, RefusesTypingErrors) {
  for (const char* text :
       {"", "192.0.2.0/", "192.0.2.0/33", "192.0.2.1/24", "2001:db8::/129",
        "2001:db8::1/64", "192.0.2.0/-1", "192.0.2/24", "x/24"}) {
    EXPECT_FALSE(IpNetwork::Parse(text)) << text;
  }
}

}  // namespace
}  // namespace postern
