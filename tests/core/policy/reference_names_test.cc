// The names that count come from configuration or the recipient's address; one
// that came from insecure DNS is marked.
#include "core/policy/reference_names.h"

#include <gtest/gtest.h>

#include "tests/core/policy/policy_fixtures.h"

namespace postern {
namespace {

// The names in order, "?" behind a weak one, "ptr" at the end.
std::string Names(const PolicyLine& line, const Destination& destination,
                  const HostFacts& host) {
  std::string text;
  const ReferenceNames names = ReferenceIdentitiesFor(line, destination, host);
  for (const ReferenceIdentity& name : names.names) {
    if (!text.empty()) text += ' ';
    text += name.str() + (name.weak() ? "?" : "");
  }
  return names.ptr ? text + " ptr" : text;
}

Destination OwnMx(HostName recipient) {
  return {std::move(recipient), Hop("d.example"), {}, true};
}
Destination Via(std::string_view hop) {
  return {Name("d.example"), Hop(hop), {}, false};
}

const HostFacts kProviderMx = HostAt(Name("mx.provider.test"));
const HostFacts kSecureMx = HostAt(Name("mx.provider.test"), Security::kSecure);
const HostFacts kAddress = HostAt(*IpAddress::Parse("192.0.2.1"));

std::string ByMx(std::string_view line) {
  return Names(Line("d.example " + std::string(line)), OwnMx(Name("d.example")),
               kProviderMx);
}

// ID-01
TEST(ReferenceNamesTest, DefaultsPerLevelByTheOwnMx) {
  EXPECT_EQ(ByMx("verify"), "mx.provider.test?");
  EXPECT_EQ(ByMx("secure"), "d.example .d.example");
  EXPECT_EQ(ByMx("fingerprint"), "d.example .d.example");
  EXPECT_EQ(ByMx("hosted"), "d.example mx.provider.test?");
  EXPECT_EQ(ByMx("auto floor=secure"), "d.example .d.example");
  for (const char* level : {"none", "may", "encrypt", "dane", "dane-only",
                            "sts", "auto", "auto floor=encrypt"}) {
    EXPECT_EQ(ByMx(level), "") << level;
  }
}

// ID-01
TEST(ReferenceNamesTest, AHostNameIsWeakUnlessItsMxRecordIsSecureOrFixed) {
  const PolicyLine verify = Line("d.example verify");
  const Destination own = OwnMx(Name("d.example"));
  EXPECT_EQ(Names(verify, own, kProviderMx), "mx.provider.test?");
  EXPECT_EQ(Names(verify, own, kSecureMx), "mx.provider.test");
  EXPECT_EQ(
      Names(verify, own, HostAt(Name("mx.provider.test"), Security::kBogus)),
      "mx.provider.test?");
  EXPECT_EQ(ByMx("verify mx=.provider.test"), "mx.provider.test");
}

TEST(ReferenceNamesTest, EveryTokenAndName) {
  EXPECT_EQ(ByMx("secure match=hostname:nexthop:dot-nexthop:domain:ptr:x.test:"
                 ".y.test"),
            "mx.provider.test? d.example .d.example x.test .y.test ptr");
  EXPECT_EQ(ByMx("verify match=domain:ptr"), "d.example ptr");
  EXPECT_EQ(ByMx("verify match=ptr"), " ptr");
  EXPECT_EQ(ByMx("required-verify"), "d.example ptr");
}

TEST(ReferenceNamesTest, ThroughAnotherHopNexthopIsThatHop) {
  const PolicyLine line =
      Line("d.example secure match=nexthop:dot-nexthop:domain");
  EXPECT_EQ(Names(line, Via("[relay.test]:587"), HostAt(Name("relay.test"))),
            "relay.test .relay.test d.example");
  EXPECT_EQ(Names(line, Via("relay.test"), kProviderMx),
            "relay.test .relay.test d.example");
  EXPECT_EQ(Names(line, Via("[192.0.2.1]"), kAddress), "d.example");
}

TEST(ReferenceNamesTest, WithARouteNexthopIsTheRouteThatLeadsToTheHost) {
  const PolicyLine line = Line(
      "d.example secure route=[r1.test]:465,[r2.test]:465,m.test "
      "match=nexthop");
  HostFacts r2 = HostAt(Name("r2.test"));
  r2.port = Port{465};
  EXPECT_EQ(Names(line, Via("d.example"), r2), "r2.test");
  EXPECT_EQ(Names(line, Via("[r1.test]:465"), r2), "r2.test");
  EXPECT_EQ(Names(line, Via("d.example"), HostAt(Name("mx9.test"))), "m.test");
  const PolicyLine address = Line("d.example secure route=[192.0.2.1]");
  EXPECT_EQ(Names(address, Via("d.example"), kAddress), "");
}

TEST(ReferenceNamesTest, HostedTakesTheNamesOfItsRoutesElseTheHost) {
  const Destination via = Via("d.example");
  EXPECT_EQ(Names(Line("d.example hosted route=[r1.test]:465,[r2.test]"), via,
                  HostAt(Name("r2.test"))),
            "d.example r1.test r2.test");
  EXPECT_EQ(Names(Line("d.example hosted route=[192.0.2.1]"), via, kProviderMx),
            "d.example mx.provider.test?");
  EXPECT_EQ(Names(Line("d.example hosted route=[192.0.2.1]"), via, kAddress),
            "d.example");
  EXPECT_EQ(
      Names(Line("d.example hosted"), OwnMx(Name("d.example")), kSecureMx),
      "d.example mx.provider.test");
}

TEST(ReferenceNamesTest, AnAddressYieldsNoName) {
  const Destination literal = OwnMx(*IpAddress::Parse("192.0.2.1"));
  for (const char* line : {"verify", "secure", "hosted", "fingerprint",
                           "verify match=domain:nexthop:hostname"}) {
    EXPECT_EQ(
        Names(Line("[192.0.2.1] " + std::string(line)), literal, kAddress), "")
        << line;
  }
}

TEST(ReferenceNamesTest, ANameThatIsAlsoConfiguredIsNotWeak) {
  EXPECT_EQ(ByMx("verify match=hostname:mx.provider.test"), "mx.provider.test");
  EXPECT_EQ(ByMx("verify match=mx.provider.test:hostname"), "mx.provider.test");
  EXPECT_EQ(Names(Line("d.example hosted"), OwnMx(Name("d.example")),
                  HostAt(Name("d.example"))),
            "d.example");
}

}  // namespace
}  // namespace postern
