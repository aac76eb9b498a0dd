// A next hop reads as Postfix writes it, and two ways of writing one hop are
// one key.
#include "core/names/next_hop.h"

#include <gtest/gtest.h>

#include <string>

namespace postern {
namespace {

std::string HopText(std::string_view text) {
  const Result<NextHop> hop = NextHop::Parse(text);
  return hop ? hop->str() : "error";
}

TEST(NextHopTest, ReadsDomainsAndBracketedHosts) {
  EXPECT_EQ(HopText("Example.ORG"), "example.org");
  EXPECT_EQ(HopText("example.org:25"), "example.org");
  EXPECT_EQ(HopText("example.org:2525"), "example.org:2525");
  EXPECT_EQ(HopText("[Relay.example]"), "[relay.example]:25");
  EXPECT_EQ(HopText("[relay.example]:25"), "[relay.example]:25");
  EXPECT_EQ(HopText("[relay.example]:465"), "[relay.example]:465");
  EXPECT_EQ(HopText("[bücher.example]"), "[xn--bcher-kva.example]:25");
  EXPECT_EQ(HopText("[relay.example]:submission"), "[relay.example]:587");
  EXPECT_EQ(HopText("[relay.example]:smtps"), "[relay.example]:465");
  EXPECT_EQ(HopText("example.org:smtp"), "example.org");
}

TEST(NextHopTest, ReadsAddresses) {
  EXPECT_EQ(HopText("[192.0.2.1]"), "[192.0.2.1]:25");
  EXPECT_EQ(HopText("[IPv6:2001:DB8::1]"), "[IPv6:2001:db8::1]:25");
  EXPECT_EQ(HopText("[ipv6:2001:db8::1]:2525"), "[IPv6:2001:db8::1]:2525");
  EXPECT_EQ(HopText("[2001:db8::1]:25"), "[IPv6:2001:db8::1]:25");
  EXPECT_EQ(HopText("[::ffff:192.0.2.1]"), "[192.0.2.1]:25");
  EXPECT_EQ(HopText("[IPv6:::ffff:192.0.2.1]"), "[192.0.2.1]:25");
  EXPECT_EQ(NextHop::Parse("[192.0.2.1]")->domain(), nullptr);
}

TEST(NextHopTest, TheCanonicalFormIsStable) {
  for (const char* text : {"example.org:2525", "[relay.example]", "[192.0.2.1]",
                           "[2001:db8::1]:465", "example.org"}) {
    const NextHop once = *NextHop::Parse(text);
    EXPECT_EQ(*NextHop::Parse(once.str()), once) << text;
  }
}

TEST(NextHopTest, BracketsDecideBetweenHostAndMx) {
  EXPECT_TRUE(NextHop::Parse("[relay.example]")->bracketed());
  EXPECT_FALSE(NextHop::Parse("relay.example")->bracketed());
  EXPECT_NE(*NextHop::Parse("[relay.example]"),
            *NextHop::Parse("relay.example"));
}

TEST(NextHopTest, RefusesEverythingElse) {
  for (const char* text : {"",
                           "[]",
                           "[",
                           "[relay.example",
                           "relay.example]",
                           "[relay.example]x",
                           "[relay.example]:",
                           "[relay.example]:0",
                           "[relay.example]:65536",
                           "[relay.example]:imap",
                           "example.org:",
                           ":25",
                           "192.0.2.1",
                           "192.0.2.1:25",
                           "2001:db8::1",
                           "[192.0.2.256]",
                           "[IPv6:192.0.2.1]",
                           "[IPv6:mx.example]",
                           "[[relay.example]]",
                           "[relay.example]:25:25",
                           "[fe80::1%eth0]",
                           "a b",
                           "-h@x.test"}) {
    EXPECT_EQ(HopText(text), "error") << text;
  }
}

TEST(HostNameTest, AddressesAreShownAsLiterals) {
  EXPECT_EQ(ToString(HostName(*Domain::Parse("mx.example"))), "mx.example");
  EXPECT_EQ(ToString(HostName(*IpAddress::Parse("192.0.2.1"))), "[192.0.2.1]");
  EXPECT_EQ(ToString(HostName(*IpAddress::Parse("::1"))), "[IPv6:::1]");
}

}  // namespace
}  // namespace postern
