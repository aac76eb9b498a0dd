// tests/core/route/mail_loop_test.cc
//
// Mail never goes back to ourselves, nor to a host that would send it back
// (RFC 5321 section 5.1).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/core/route/router_fixture.h"

namespace postern {
namespace {

using testing::ElementsAre;

class LoopTest : public RouterTest {
 protected:
  LoopTest() {
    own_.names = {TestDomain("us.test")};
    own_.addresses = {TestAddress("192.0.2.99")};
    dns_.SetA("a.test", Addresses({"192.0.2.1"}));
    dns_.SetA("b.test", Addresses({"192.0.2.2"}));
    dns_.SetA("us.test", Addresses({"192.0.2.99"}));
    dns_.SetA("alsous.test", Addresses({"192.0.2.98", "192.0.2.99"}));
    dns_.SetA("aliasofus.test", Through("us.test", Addresses({"203.0.113.1"})));
  }
};

TEST_F(LoopTest, OurselvesAndWhoeverIsNoBetterAreLeftOut) {
  for (const char* us :
       {"us.test", "US.test", "alsous.test", "aliasofus.test"}) {
    SCOPED_TRACE(us);
    dns_.SetMx("d.test", MxHosts({{10, "a.test"}, {20, us}, {30, "b.test"}}));
    EXPECT_THAT(Names(Hosts("d.test")), ElementsAre("a.test"));
    // An equal that the dice put first is no better either.
    dns_.SetMx("d.test", MxHosts({{10, "a.test"}, {20, "b.test"}, {20, us}}));
    EXPECT_THAT(Names(Hosts("d.test")), ElementsAre("a.test"));
  }
}

TEST_F(LoopTest, NoHostLeftIsAMailLoop) {
  dns_.SetMx("d.test",
             MxHosts({{10, "b.test"}, {10, "us.test"}}, Security::kSecure));
  const RouteFailure failure = Failure("d.test");
  EXPECT_EQ(failure.error.reason(), Reason::kMailLoop);
  EXPECT_FALSE(failure.secure);
}

TEST_F(LoopTest, ADomainWithoutMxThatIsThisHostIsAMailLoop) {
  dns_.SetMx("us.test", NoData<MxRecord>());
  EXPECT_EQ(Failure("us.test").error.reason(), Reason::kMailLoop);
  dns_.SetMx("alsous.test", NoData<MxRecord>());
  EXPECT_EQ(Failure("alsous.test").error.reason(), Reason::kMailLoop);
}

TEST_F(LoopTest, WhereTheHopWasNamedOnPurposeThereIsNoLoop) {
  EXPECT_THAT(Names(Hosts("[us.test]:10025")), ElementsAre("us.test"));
  EXPECT_THAT(Ips(Hosts("[192.0.2.99]").hosts[0]), ElementsAre("192.0.2.99"));
  // Another program of this machine, behind another port.
  dns_.SetMx("d.test", MxHosts({{10, "us.test"}}));
  EXPECT_THAT(Names(Hosts("d.test:10025")), ElementsAre("us.test"));
}

}  // namespace
}  // namespace postern
