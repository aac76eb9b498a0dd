// tests/core/route/router_test.cc
//
// Which hosts are tried, in which order, and what happens when DNS says no or
// says nothing. DNS is scripted and so are the dice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/core/route/router_fixture.h"

namespace postern {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr Security kSecure = Security::kSecure;
constexpr Security kInsecure = Security::kInsecure;
constexpr Security kBogus = Security::kBogus;

TEST_F(RouterTest, HostsComeByPreference) {
  dns_.SetMx("d.test", MxHosts({{20, "b.test"}, {10, "a.test"}, {30, "c.test"}},
                               kSecure));
  dns_.SetA("a.test", Addresses({"192.0.2.1"}, kSecure));
  dns_.SetA("b.test", Addresses({"192.0.2.2"}, kInsecure));
  dns_.SetA("c.test", Addresses({"192.0.2.3"}, kSecure));

  const Route route = Hosts("d.test:2525");

  EXPECT_THAT(Names(route), ElementsAre("a.test", "b.test", "c.test"));
  EXPECT_EQ(route.mx, kSecure);
  EXPECT_EQ(route.ttl, seconds(300));
  for (const HostFacts& host : route.hosts) {
    EXPECT_EQ(host.mx, kSecure);
    EXPECT_EQ(host.port, Port{2525});
    EXPECT_FALSE(host.failure);
  }
  EXPECT_EQ(route.hosts[0].preference, 10);
  EXPECT_EQ(route.hosts[0].address, kSecure);
  EXPECT_EQ(route.hosts[1].address, kInsecure);
}

// DANE-11: nothing but the preference orders hosts; TLSA isn't even asked here.
TEST_F(RouterTest, SecurityNeverChangesTheOrder) {
  dns_.SetMx("d.test",
             MxHosts({{10, "plain.test"}, {20, "dane.test"}}, kSecure));
  dns_.SetA("plain.test", Addresses({"192.0.2.1"}, kInsecure));
  dns_.SetA("dane.test", Addresses({"192.0.2.2"}, kSecure));
  TlsaRecord tlsa;
  tlsa.usage = 3;
  dns_.SetTlsa(Port{25}, "dane.test", Found<TlsaRecord>({tlsa}, kSecure));

  EXPECT_THAT(Names(Hosts("d.test")), ElementsAre("plain.test", "dane.test"));
  EXPECT_THAT(dns_.Questions(), Not(Contains(StartsWith("TLSA"))));
}

TEST_F(RouterTest, EqualsAreShuffledAndStayAmongThemselves) {
  dns_.SetMx("d.test", MxHosts({{10, "a.test"},
                                {10, "b.test"},
                                {10, "c.test"},
                                {20, "z.test"},
                                {5, "y.test"}}));
  for (const char* host : {"a.test", "b.test", "c.test", "y.test", "z.test"}) {
    dns_.SetA(host, Addresses({"192.0.2.1"}));
  }
  SystemRandom random;
  Router router(dns_, random, {});
  std::map<std::string, int> orders;
  for (int i = 0; i < 600; ++i) {
    auto names = Names(std::get<Route>(
        router.Find(NextHop::Parse("d.test").value(), Family::kAny,
                    Deadline::After(seconds(60)))));
    ASSERT_EQ(names.size(), 5u);
    ASSERT_EQ(names.front(), "y.test");
    ASSERT_EQ(names.back(), "z.test");
    ++orders[names[1] + names[2] + names[3]];
  }
  EXPECT_EQ(orders.size(), 6u) << "every order of three equals turns up";
}

// DANE-03
TEST_F(RouterTest, AnMxLookupThatFailsIsNeverAnAbsentMx) {
  dns_.SetA("d.test", Addresses({"192.0.2.1"}, kSecure));
  const struct {
    DnsAnswer<MxRecord> answer;
    Reason reason;
  } cases[] = {
      {Failed<MxRecord>(), Reason::kDnsLookupFailed},
      {Failed<MxRecord>(kBogus), Reason::kDnssecInvalid},
  };
  for (const auto& c : cases) {
    dns_.SetMx("d.test", c.answer);
    const RouteFailure failure = Failure("d.test");
    EXPECT_EQ(failure.error.reason(), c.reason);
    EXPECT_FALSE(failure.secure);
    EXPECT_THAT(failure.error.detail(), HasSubstr(c.answer.why));
  }
  EXPECT_THAT(dns_.Questions(), Not(Contains("A d.test")));
}

TEST_F(RouterTest, ADeadlineThatHasPassedIsAFailedLookup) {
  dns_.SetMx("d.test", MxHosts({{10, "a.test"}}));
  Router router(dns_, dice_, own_);
  const auto outcome = router.Find(NextHop::Parse("d.test").value(),
                                   Family::kAny, Deadline::After(seconds(-1)));
  ASSERT_TRUE(std::holds_alternative<RouteFailure>(outcome));
  EXPECT_EQ(std::get<RouteFailure>(outcome).error.reason(),
            Reason::kDnsLookupFailed);
}

// DANE-04
TEST_F(RouterTest, OneHostsFailedAddressesLeaveTheOthersUsable) {
  dns_.SetMx("d.test", MxHosts({{10, "a.test"}, {20, "b.test"}}, kSecure));
  dns_.SetA("a.test", Failed<IpAddress>());
  dns_.SetAaaa("a.test", Failed<IpAddress>());
  dns_.SetA("b.test", Addresses({"192.0.2.2"}, kSecure));

  const Route route = Hosts("d.test");

  ASSERT_THAT(Names(route), ElementsAre("a.test", "b.test"));
  ASSERT_TRUE(route.hosts[0].failure);
  EXPECT_EQ(route.hosts[0].failure->reason(), Reason::kDnsLookupFailed);
  EXPECT_THAT(route.hosts[0].failure->detail(), HasSubstr("a.test"));
  EXPECT_FALSE(route.hosts[1].failure);
  EXPECT_THAT(Ips(route.hosts[1]), ElementsAre("192.0.2.2"));
}

TEST_F(RouterTest, WhatTheTwoFamiliesSayTogether) {
  const auto v6 = [](Security security) {
    return Addresses({"2001:db8::1"}, security);
  };
  const auto v4 = [](Security security) {
    return Addresses({"192.0.2.1"}, security);
  };
  const struct {
    const char* what;
    DnsAnswer<IpAddress> aaaa, a;
    std::vector<std::string> ips;
    Security address;
    std::optional<Reason> failure;
  } cases[] = {
      {"both",
       v6(kSecure),
       v4(kSecure),
       {"2001:db8::1", "192.0.2.1"},
       kSecure,
       {}},
      {"the weaker one counts",
       v6(kInsecure),
       v4(kSecure),
       {"2001:db8::1", "192.0.2.1"},
       kInsecure,
       {}},
      {"the weaker one counts, other way",
       v6(kSecure),
       v4(kInsecure),
       {"2001:db8::1", "192.0.2.1"},
       kInsecure,
       {}},
      {"AAAA fails",
       Failed<IpAddress>(),
       v4(kSecure),
       {"192.0.2.1"},
       kSecure,
       {}},
      {"AAAA is bogus",
       Failed<IpAddress>(kBogus),
       v4(kSecure),
       {"192.0.2.1"},
       kSecure,
       {}},
      {"A fails",
       v6(kInsecure),
       Failed<IpAddress>(),
       {"2001:db8::1"},
       kInsecure,
       {}},
      {"no AAAA",
       NoData<IpAddress>(kInsecure),
       v4(kSecure),
       {"192.0.2.1"},
       kSecure,
       {}},
      {"both fail",
       Failed<IpAddress>(),
       Failed<IpAddress>(),
       {},
       kInsecure,
       Reason::kDnsLookupFailed},
      {"one bogus, one fails",
       Failed<IpAddress>(kBogus),
       Failed<IpAddress>(),
       {},
       kInsecure,
       Reason::kDnssecInvalid},
      {"one fails, one absent: not known",
       Failed<IpAddress>(),
       NoData<IpAddress>(kSecure),
       {},
       kInsecure,
       Reason::kDnsLookupFailed},
      {"one bogus, one absent",
       NoData<IpAddress>(kSecure),
       Failed<IpAddress>(kBogus),
       {},
       kInsecure,
       Reason::kDnssecInvalid},
      // DANE-15: no address, unreachable.
      {"both absent",
       NoData<IpAddress>(kSecure),
       NoData<IpAddress>(kSecure),
       {},
       kInsecure,
       Reason::kNoAddress},
      {"no such host",
       NoDomain<IpAddress>(kSecure),
       NoDomain<IpAddress>(kSecure),
       {},
       kInsecure,
       Reason::kNoAddress},
  };
  dns_.SetMx("d.test", MxHosts({{10, "a.test"}}, kSecure));
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    dns_.SetAaaa("a.test", c.aaaa);
    dns_.SetA("a.test", c.a);
    const Route route = Hosts("d.test");
    ASSERT_EQ(route.hosts.size(), 1u);
    const HostFacts& host = route.hosts[0];
    EXPECT_EQ(Ips(host), c.ips);
    EXPECT_EQ(host.address, c.address);
    ASSERT_EQ(host.failure.has_value(), c.failure.has_value());
    if (c.failure) {
      EXPECT_EQ(host.failure->reason(), *c.failure);
    }
  }
}

// DANE-15: no MX, the domain itself; as sure as the absence is proven.
TEST_F(RouterTest, WithoutMxTheDomainItselfIsTheHost) {
  for (const Security security : {kSecure, kInsecure}) {
    dns_.SetMx("d.test", NoData<MxRecord>(security));
    dns_.SetA("d.test", Addresses({"192.0.2.1"}, kSecure));
    const Route route = Hosts("d.test");
    EXPECT_THAT(Names(route), ElementsAre("d.test"));
    EXPECT_EQ(route.mx, security);
    EXPECT_EQ(route.hosts[0].mx, security);
    EXPECT_EQ(route.hosts[0].address, kSecure);
  }
}

// DANE-15: NXDOMAIN and null MX are no implicit MX, and only DNSSEC proves
// them.
TEST_F(RouterTest, NoDomainAndNullMxAreFinalAndSayIfProven) {
  dns_.SetA("d.test", Addresses({"192.0.2.1"}));
  for (const Security security : {kSecure, kInsecure}) {
    dns_.SetMx("d.test", NoDomain<MxRecord>(security));
    const RouteFailure absent = Failure("d.test");
    EXPECT_EQ(absent.error.reason(), Reason::kDomainNotFound);
    EXPECT_EQ(absent.secure, security == kSecure);

    dns_.SetMx("d.test", MxHosts({{0, "."}}, security));
    const RouteFailure null = Failure("d.test");
    EXPECT_EQ(null.error.reason(), Reason::kNullMx);
    EXPECT_EQ(null.secure, security == kSecure);
  }
  EXPECT_THAT(dns_.Questions(), Not(Contains("A d.test")));
}

TEST_F(RouterTest, ADotAmongOtherMxRecordsIsPassedOver) {
  dns_.SetMx("d.test", MxHosts({{0, "."}, {10, "a.test"}}));
  dns_.SetA("a.test", Addresses({"192.0.2.1"}));
  EXPECT_THAT(Names(Hosts("d.test")), ElementsAre("a.test"));
}

// DANE-10: an address as MX is never a host, so DANE never applies to one.
TEST_F(RouterTest, MxTargetsThatAreNoHostNamesAreSkipped) {
  dns_.SetMx(
      "d.test",
      MxHosts({{10, "192.0.2.9"}, {20, "a.test"}, {30, "bad..name"}}, kSecure));
  dns_.SetA("a.test", Addresses({"192.0.2.1"}));
  EXPECT_THAT(Names(Hosts("d.test")), ElementsAre("a.test"));

  dns_.SetMx("d.test", MxHosts({{10, "192.0.2.9"}}, kSecure));
  const RouteFailure failure = Failure("d.test");
  EXPECT_EQ(failure.error.reason(), Reason::kNoAddress);
  EXPECT_THAT(failure.error.detail(), HasSubstr("192.0.2.9"));
}

// DANE-10: an address literal is as configured, and DNS has no say.
TEST_F(RouterTest, AnAddressLiteralIsItselfAndNeedsNoDns) {
  const struct {
    const char* hop;
    const char* ip;
  } cases[] = {{"[192.0.2.1]", "192.0.2.1"},
               {"[IPv6:2001:db8::1]:2525", "2001:db8::1"}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.hop);
    const Route route = Hosts(c.hop);
    ASSERT_EQ(route.hosts.size(), 1u);
    EXPECT_EQ(route.mx, kSecure);
    EXPECT_EQ(route.hosts[0].mx, kSecure);
    EXPECT_EQ(route.hosts[0].address, kInsecure) << "no DNSSEC behind it";
    EXPECT_THAT(Ips(route.hosts[0]), ElementsAre(c.ip));
  }
  EXPECT_THAT(dns_.Questions(), IsEmpty());
}

TEST_F(RouterTest, ABracketedHostIsNotLookedUpAsMx) {
  dns_.SetMx("relay.test", MxHosts({{10, "elsewhere.test"}}));
  dns_.SetA("relay.test", Addresses({"192.0.2.1"}, kSecure));
  const Route route = Hosts("[relay.test]:465");
  EXPECT_THAT(Names(route), ElementsAre("relay.test"));
  EXPECT_EQ(route.hosts[0].port, Port{465});
  EXPECT_EQ(route.hosts[0].mx, kSecure) << "configured, not looked up";
  EXPECT_EQ(route.hosts[0].address, kSecure);
  EXPECT_THAT(dns_.Questions(), ElementsAre("AAAA relay.test", "A relay.test"));
}

TEST_F(RouterTest, ABracketedHostThatDoesNotExistProvesNothingOfTheDomain) {
  dns_.SetA("relay.test", NoDomain<IpAddress>(kSecure));
  dns_.SetAaaa("relay.test", NoDomain<IpAddress>(kSecure));
  const Route route = Hosts("[relay.test]");
  ASSERT_TRUE(route.hosts[0].failure);
  EXPECT_EQ(route.hosts[0].failure->reason(), Reason::kNoAddress);
}

TEST_F(RouterTest, FamilyLeavesOutTheOtherAndDoesNotAskForIt) {
  dns_.SetMx("d.test", MxHosts({{10, "a.test"}}));
  dns_.SetA("a.test", Addresses({"192.0.2.1"}, kSecure));
  dns_.SetAaaa("a.test", Addresses({"2001:db8::1", "192.0.2.7"}, kInsecure));

  const Route v4 = Hosts("d.test", Family::kIpv4);
  EXPECT_THAT(Ips(v4.hosts[0]), ElementsAre("192.0.2.1"));
  EXPECT_EQ(v4.hosts[0].address, kSecure);
  EXPECT_THAT(dns_.Questions(), Not(Contains("AAAA a.test")));

  // The second came out of a mapped AAAA record.
  const Route v6 = Hosts("d.test", Family::kIpv6);
  EXPECT_THAT(Ips(v6.hosts[0]), ElementsAre("2001:db8::1"));

  const Route literal = Hosts("[192.0.2.1]", Family::kIpv6);
  EXPECT_TRUE(literal.hosts[0].failure);
  EXPECT_THAT(Ips(literal.hosts[0]), IsEmpty());
  EXPECT_FALSE(Hosts("[192.0.2.1]", Family::kIpv4).hosts[0].failure);
}

TEST_F(RouterTest, AHostWithoutAnAddressOfTheFamilyCannotBeUsed) {
  dns_.SetMx("d.test", MxHosts({{10, "a.test"}}));
  dns_.SetA("a.test", Addresses({"192.0.2.1"}));
  dns_.SetAaaa("a.test", Addresses({"192.0.2.7"}));  // mapped
  const Route route = Hosts("d.test", Family::kIpv6);
  ASSERT_TRUE(route.hosts[0].failure);
  EXPECT_EQ(route.hosts[0].failure->reason(), Reason::kNoAddress);
}

TEST_F(RouterTest, AddressesAlternateBetweenTheFamiliesAndAreBounded) {
  dns_.SetMx("d.test", MxHosts({{10, "a.test"}}));
  dns_.SetAaaa("a.test", Addresses({"2001:db8::1", "2001:db8::2"}));
  dns_.SetA("a.test", Addresses({"192.0.2.1", "192.0.2.2", "192.0.2.2",
                                 "192.0.2.3", "192.0.2.4", "192.0.2.5",
                                 "192.0.2.6", "192.0.2.7", "192.0.2.8"}));
  EXPECT_THAT(
      Ips(Hosts("d.test").hosts[0]),
      ElementsAre("2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2",
                  "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6"));
}

TEST_F(RouterTest, WhereAliasesLeadIsKept) {
  dns_.SetMx("d.test", MxHosts({{10, "a.test"}}, kSecure));
  dns_.SetA("a.test", Through("real.test", Addresses({"192.0.2.1"}, kSecure)));
  const auto expanded = [this] { return Hosts("d.test").hosts[0].expanded; };

  dns_.SetAaaa("a.test", Through("real.test", NoData<IpAddress>(kSecure)));
  EXPECT_EQ(expanded(), TestDomain("real.test"));
  dns_.SetAaaa("a.test", Through("real.test", Addresses({"2001:db8::1"})));
  EXPECT_EQ(expanded(), TestDomain("real.test"));
  // Changed between the two questions: there is no one name to rely on.
  dns_.SetAaaa("a.test", Through("other.test", Addresses({"2001:db8::1"})));
  EXPECT_EQ(expanded(), std::nullopt);
  EXPECT_THAT(Names(Hosts("d.test")), ElementsAre("a.test"));
}

// DANE-06: an insecure link makes the address insecure, the MX stays secure.
TEST_F(RouterTest, AnInsecureAliasMakesTheAddressInsecure) {
  dns_.SetMx("d.test", MxHosts({{10, "a.test"}}, kSecure));
  dns_.SetA("a.test",
            Through("real.test", Addresses({"192.0.2.1"}, kInsecure)));
  const Route route = Hosts("d.test");
  EXPECT_EQ(route.hosts[0].mx, kSecure);
  EXPECT_EQ(route.hosts[0].address, kInsecure);
}

TEST_F(RouterTest, ManyMxHostsAreBoundedAndTheBestAreKept) {
  DnsAnswer<MxRecord> mx = MxHosts({});
  mx.presence = Presence::kFound;
  for (int i = 500; i > 0; --i) {
    MxRecord record;
    record.preference = static_cast<std::uint16_t>(i);
    record.host = TestDomain("h" + std::to_string(i) + ".test");
    mx.records.push_back(record);
  }
  dns_.SetMx("d.test", mx);
  const Route route = Hosts("d.test");
  EXPECT_EQ(route.hosts.size(), 20u);
  EXPECT_EQ(ToString(route.hosts.front().host), "h1.test");
  EXPECT_EQ(ToString(route.hosts.back().host), "h20.test");
  EXPECT_EQ(dns_.Questions().size(), 41u);
}

TEST_F(RouterTest, AHostNamedTwiceIsTriedOnce) {
  dns_.SetMx("d.test",
             MxHosts({{20, "a.test"}, {10, "a.test"}, {15, "b.test"}}));
  dns_.SetA("a.test", Addresses({"192.0.2.1"}));
  dns_.SetA("b.test", Addresses({"192.0.2.2"}));
  const Route route = Hosts("d.test");
  EXPECT_THAT(Names(route), ElementsAre("a.test", "b.test"));
  EXPECT_EQ(route.hosts[0].preference, 10);
}

TEST_F(RouterTest, TheShortestTtlCountsAndAFailedFamilyDoesNot) {
  dns_.SetMx("d.test", MxHosts({{10, "a.test"}}));
  DnsAnswer<IpAddress> a = Addresses({"192.0.2.1"});
  a.ttl = seconds(77);
  dns_.SetA("a.test", a);
  dns_.SetAaaa("a.test", NoData<IpAddress>());
  EXPECT_EQ(Hosts("d.test").ttl, seconds(77));
  dns_.SetAaaa("a.test", Failed<IpAddress>());
  EXPECT_EQ(Hosts("d.test").ttl, seconds(77));
}

}  // namespace
}  // namespace postern
