// Mail for a guarded destination goes where its line says, or it waits.
#include "core/policy/route_rule.h"

#include <gtest/gtest.h>

#include "tests/core/policy/policy_fixtures.h"

namespace postern {
namespace {

RouteDecision Decide(std::string_view line, std::string_view hop) {
  return DecideRoute(Line(line), Name("d.example"), Hop(hop));
}

TEST(RouteRuleTest, TheOwnMxIsAllowedAtEveryLevel) {
  for (const char* level :
       {"none", "may", "encrypt", "fingerprint", "verify", "secure", "hosted",
        "dane", "dane-only", "sts", "auto"}) {
    SCOPED_TRACE(level);
    const auto decision =
        Decide("d.example " + std::string(level), "d.example");
    EXPECT_FALSE(decision.refused);
    EXPECT_TRUE(decision.own_mx);
    EXPECT_FALSE(decision.hop_line_holds);
    EXPECT_EQ(decision.hops, std::vector{Hop("d.example")});
  }
}

TEST(RouteRuleTest, AnotherHopIsRefusedAtAuthenticatingLevels) {
  for (const char* level :
       {"fingerprint", "verify", "secure", "hosted", "dane-only", "sts"}) {
    for (const char* hop : {"[relay.example]", "relay.example", "[d.example]",
                            "[192.0.2.1]", "sub.d.example"}) {
      SCOPED_TRACE(std::string(level) + " " + hop);
      const auto decision = Decide("d.example " + std::string(level), hop);
      ASSERT_TRUE(decision.refused);
      EXPECT_EQ(decision.refused->reason(), Reason::kRouteNotAllowed);
      EXPECT_FALSE(decision.own_mx);
      EXPECT_EQ(decision.hops.size(), 1U) << "for explain and a dry run";
    }
  }
}

TEST(RouteRuleTest, AtOtherLevelsTheHopsOwnLineHoldsBesides) {
  for (const char* level : {"none", "may", "encrypt", "dane", "auto",
                            "auto floor=secure", "may also=auto"}) {
    SCOPED_TRACE(level);
    const auto decision =
        Decide("d.example " + std::string(level), "[relay.example]:587");
    EXPECT_FALSE(decision.refused);
    EXPECT_FALSE(decision.own_mx);
    EXPECT_TRUE(decision.hop_line_holds);
    EXPECT_EQ(decision.hops, std::vector{Hop("[relay.example]:587")});
  }
}

TEST(RouteRuleTest, ARouteReplacesTheMxAndNamesWhatIsAllowed) {
  const char* line = "d.example secure route=[r1.example]:465,r2.example";
  const std::vector<NextHop> route{Hop("[r1.example]:465"), Hop("r2.example")};
  for (const char* hop : {"d.example", "[r1.example]:465", "r2.example"}) {
    SCOPED_TRACE(hop);
    const auto decision = Decide(line, hop);
    EXPECT_FALSE(decision.refused);
    EXPECT_FALSE(decision.own_mx);
    EXPECT_FALSE(decision.hop_line_holds);
    EXPECT_EQ(decision.hops, route);
  }
  for (const char* hop : {"[r1.example]", "r1.example:465", "[r2.example]",
                          "r3.example", "[d.example]"}) {
    SCOPED_TRACE(hop);
    const auto decision = Decide(line, hop);
    ASSERT_TRUE(decision.refused);
    EXPECT_NE(
        decision.refused->detail().find("route=[r1.example]:465,r2.example"),
        std::string::npos);
  }
}

TEST(RouteRuleTest, TheDomainAtAnotherPortHasALineOfItsOwn) {
  EXPECT_TRUE(Decide("d.example may", "d.example:2525").own_mx);
  EXPECT_TRUE(Decide("d.example may", "d.example:2525").hop_line_holds);
  EXPECT_FALSE(Decide("d.example secure", "d.example:2525").refused);
}

TEST(RouteRuleTest, AnAddressLiteralIsItsOwnHop) {
  const HostName literal = *IpAddress::Parse("192.0.2.1");
  const PolicyLine line = Line("[192.0.2.1] fingerprint");
  EXPECT_TRUE(DecideRoute(line, literal, Hop("[192.0.2.1]")).own_mx);
  EXPECT_FALSE(DecideRoute(line, literal, Hop("[192.0.2.1]")).refused);
  EXPECT_TRUE(DecideRoute(line, literal, Hop("[192.0.2.2]")).refused);
  EXPECT_TRUE(DecideRoute(line, literal, Hop("relay.example")).refused);
}

}  // namespace
}  // namespace postern
