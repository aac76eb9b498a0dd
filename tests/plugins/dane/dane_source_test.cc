// tests/plugins/dane/dane_source_test.cc
//
// Where records are looked for, and what comes of each answer of DNS: RFC 7672
// section 2.2 as a table. Whatever can't be found out condemns the host and no
// other.
#include "plugins/dane/dane_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/plugins/dane/tlsa_maker.h"
#include "tests/testlib/fake_resolver.h"

namespace postern {
namespace {

using State = Contribution::State;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using enum Security;

const Deadline kDeadline = Deadline::After(std::chrono::minutes(1));

class DaneSourceTest : public testing::Test {
 protected:
  static HostFacts Host(std::string_view name, Security mx = kSecure,
                        Security address = kSecure) {
    return HostFacts{.host = TestDomain(name),
                     .mx = mx,
                     .address = address,
                     .ips = {TestAddress("192.0.2.1")}};
  }
  static HostFacts Alias(std::string_view name, std::string_view expanded,
                         Security address = kSecure) {
    HostFacts facts = Host(name, kSecure, address);
    facts.expanded = TestDomain(expanded);
    return facts;
  }

  Contribution Ask(const HostFacts& host, const std::string& level = "dane",
                   std::string_view hop = "example.org", bool own_mx = true) {
    const Destination destination{
        .recipient = TestDomain("example.org"),
        .next_hop = NextHop::Parse(hop).value(),
        .policy = {.line = ParsePolicyLine("example.org " + level).value(),
                   .origin = "exact",
                   .pins = {},
                   .anchors = {},
                   .valid_until = {}},
        .own_mx = own_mx};
    return source_->ForDestination(destination, kDeadline)
        .value()
        ->ForHost(host, kDeadline);
  }

  void Publish(std::string_view base, std::vector<TlsaRecord> records,
               Security security = kSecure, Port port = {}) {
    dns_.SetTlsa(port, base, Found<TlsaRecord>(std::move(records), security));
  }

  TlsaRecord OfMx() const { return MakeTlsa(3, 1, 1, mx_.der); }

  const TestAuthority ca_ = TestAuthority::Make("Example CA");
  const TestCertificate mx_ = ca_.Issue(ForHost("mx.example.org"));
  FakeResolver dns_;
  std::unique_ptr<PolicySource> source_ = MakeDaneSource(dns_, kUsualDigests);
};

TEST_F(DaneSourceTest, SpeaksWhereTheLineAsksForWhatIsPublished) {
  Publish("mx.example.org", {OfMx()});
  for (const char* line : {"dane", "dane-only", "auto", "auto floor=secure",
                           "secure also=auto", "may also=auto"}) {
    EXPECT_EQ(Ask(Host("mx.example.org"), line).state, State::kApplies) << line;
  }
  const std::size_t asked = dns_.Questions().size();
  for (const char* line : {"none", "may", "encrypt", "fingerprint", "verify",
                           "secure", "hosted", "sts"}) {
    EXPECT_EQ(Ask(Host("mx.example.org"), line).state, State::kAbsent) << line;
  }
  EXPECT_EQ(dns_.Questions().size(), asked) << "nothing was asked for them";
}

// DANE-07, DANE-29
TEST_F(DaneSourceTest, BindsTheRecordsAndTheServerName) {
  Publish("mx.example.org", {OfMx(), StaleTlsa(3, 1, 1)});
  const Contribution answer = Ask(Host("mx.example.org"));
  ASSERT_EQ(answer.state, State::kApplies);
  EXPECT_EQ(answer.servername, TestDomain("mx.example.org"));
  EXPECT_TRUE(answer.verifier->Check(TlsEvidence({mx_.der}), kNow).satisfied());
  ASSERT_TRUE(answer.published);
  EXPECT_EQ(answer.published->type, PublishedPolicy::Type::kTlsa);
  EXPECT_EQ(answer.published->domain, "mx.example.org");
  EXPECT_THAT(answer.published->text, testing::Contains(Presentation(OfMx())));
  EXPECT_EQ(answer.published->result, Reason::kOk);
  EXPECT_EQ(answer.ttl, std::chrono::seconds(300));
}

// DANE-18
TEST_F(DaneSourceTest, AsksAtTheRealPort) {
  HostFacts relay = Host("relay.example");
  relay.port = Port{2525};
  Publish("relay.example", {OfMx()}, kSecure, Port{2525});
  EXPECT_EQ(Ask(relay).state, State::kApplies);
  relay.port = Port{465};
  EXPECT_EQ(Ask(relay).state, State::kAbsent);
  EXPECT_THAT(dns_.Questions(), ElementsAre("TLSA _2525._tcp.relay.example",
                                            "TLSA _465._tcp.relay.example"));
}

// DANE-09
TEST_F(DaneSourceTest, ProvenAbsentOrInsecureRecordsAreNone) {
  for (const auto& answer :
       {NoData<TlsaRecord>(kSecure), NoDomain<TlsaRecord>(kSecure),
        NoData<TlsaRecord>(kInsecure), NoDomain<TlsaRecord>(kInsecure),
        Found<TlsaRecord>({OfMx()}, kInsecure)}) {
    dns_.SetTlsa(Port{}, "mx.example.org", answer);
    const Contribution said = Ask(Host("mx.example.org"));
    EXPECT_EQ(said.state, State::kAbsent);
    EXPECT_FALSE(said.published);
    EXPECT_THAT(said.detail,
                HasSubstr(answer.found() ? "are not signed"
                                         : "no TLSA records at _25._tcp."));
  }
}

// DANE-02, DANE-05
TEST_F(DaneSourceTest, AFailedLookupCondemnsTheHostAndNoOther) {
  Publish("mx2.example.org", {OfMx()});
  for (const Security security : {kInsecure, kBogus}) {
    dns_.SetTlsa(Port{}, "mx.example.org", Failed<TlsaRecord>(security));
    const Contribution answer = Ask(Host("mx.example.org"));
    EXPECT_EQ(answer.state, State::kHostFailed);
    EXPECT_EQ(answer.reason, security == kBogus ? Reason::kDnssecInvalid
                                                : Reason::kDnsLookupFailed);
    EXPECT_THAT(answer.detail, HasSubstr("_25._tcp.mx.example.org"));
    EXPECT_EQ(answer.verifier, nullptr);
    ASSERT_TRUE(answer.published);
    EXPECT_EQ(answer.published->result, answer.reason);
    EXPECT_EQ(Ask(Host("mx2.example.org")).state, State::kApplies);
  }
}

TEST_F(DaneSourceTest, NoTimeLeftIsAFailureToo) {
  Publish("mx.example.org", {OfMx()});
  const Destination destination{
      .recipient = TestDomain("example.org"),
      .next_hop = NextHop::Parse("example.org").value(),
      .policy = {.line = ParsePolicyLine("example.org dane").value(),
                 .origin = {},
                 .pins = {},
                 .anchors = {},
                 .valid_until = {}}};
  const auto bound = source_->ForDestination(destination, kDeadline);
  EXPECT_EQ(bound.value()
                ->ForHost(Host("mx.example.org"),
                          Deadline::After(std::chrono::seconds(0)))
                .state,
            State::kHostFailed);
}

// DANE-12, DANE-14
TEST_F(DaneSourceTest, NothingIsAskedWhereDnssecDoesNotLead) {
  Publish("mx.example.org", {OfMx()});
  EXPECT_EQ(Ask(Host("mx.example.org", kInsecure)).state, State::kAbsent);
  EXPECT_EQ(Ask(Host("mx.example.org", kSecure, kInsecure)).state,
            State::kAbsent);
  HostFacts failed = Host("mx.example.org");
  failed.failure = Error(Reason::kNoAddress, "none");
  EXPECT_EQ(Ask(failed).state, State::kAbsent);
  EXPECT_THAT(dns_.Questions(), IsEmpty());
  EXPECT_THAT(Ask(Host("mx.example.org", kInsecure)).detail,
              HasSubstr("not signed"));
}

// DANE-10
TEST_F(DaneSourceTest, AnAddressHasNoRecords) {
  HostFacts host = Host("mx.example.org");
  host.host = TestAddress("192.0.2.1");
  EXPECT_EQ(Ask(host).state, State::kAbsent);
  EXPECT_THAT(dns_.Questions(), IsEmpty());
}

// DANE-17
TEST_F(DaneSourceTest, OfAnAliasTheExpandedNameIsAskedFirst) {
  const HostFacts host = Alias("mx.example.org", "real.example.net");
  Publish("real.example.net", {OfMx()});
  Publish("mx.example.org", {StaleTlsa(3, 1, 1)});
  const Contribution answer = Ask(host);
  EXPECT_EQ(answer.servername, TestDomain("real.example.net"));
  EXPECT_TRUE(answer.verifier->Check(TlsEvidence({mx_.der}), kNow).satisfied());
  EXPECT_THAT(dns_.Questions(), ElementsAre("TLSA _25._tcp.real.example.net"));
}

// DANE-17
TEST_F(DaneSourceTest, ThenTheHostsOwnNameAndNoneBetween) {
  const HostFacts host = Alias("mx.example.org", "real.example.net");
  Publish("middle.example.net", {StaleTlsa(3, 1, 1)});
  EXPECT_EQ(Ask(host).state, State::kAbsent);
  Publish("mx.example.org", {OfMx()});
  EXPECT_EQ(Ask(host).servername, TestDomain("mx.example.org"));
  EXPECT_THAT(dns_.Questions(), ElementsAre("TLSA _25._tcp.real.example.net",
                                            "TLSA _25._tcp.mx.example.org",
                                            "TLSA _25._tcp.real.example.net",
                                            "TLSA _25._tcp.mx.example.org"));
}

// Records that can't be used settle it as well as those that can.
TEST_F(DaneSourceTest, UnusableRecordsAtTheExpandedNameEndTheSearch) {
  Publish("real.example.net", {StaleTlsa(1, 1, 1)});
  Publish("mx.example.org", {OfMx()});
  EXPECT_EQ(Ask(Alias("mx.example.org", "real.example.net")).state,
            State::kUnusable);
}

// DANE-05
TEST_F(DaneSourceTest, AFailureAtEitherNameOfAnAliasCondemnsTheHost) {
  const HostFacts host = Alias("mx.example.org", "real.example.net");
  dns_.SetTlsa(Port{}, "mx.example.org", Failed<TlsaRecord>());
  EXPECT_EQ(Ask(host).state, State::kHostFailed);
  Publish("mx.example.org", {OfMx()});
  dns_.SetTlsa(Port{}, "real.example.net", Failed<TlsaRecord>());
  EXPECT_EQ(Ask(host).state, State::kHostFailed);
}

// DANE-16
TEST_F(DaneSourceTest, ASecureAliasOfAnInsecureNameHasRecordsOfItsOwn) {
  const HostFacts host = Alias("mx.example.org", "real.plain.test", kInsecure);
  Publish("mx.example.org", {OfMx()});
  Publish("real.plain.test", {StaleTlsa(3, 1, 1)});
  const auto link = [this](Security security) {
    dns_.SetCname("mx.example.org",
                  Found<Domain>({TestDomain("real.plain.test")}, security));
  };
  link(kSecure);
  EXPECT_EQ(Ask(host).servername, TestDomain("mx.example.org"));
  EXPECT_THAT(dns_.Questions(), ElementsAre("CNAME mx.example.org",
                                            "TLSA _25._tcp.mx.example.org"));
  link(kInsecure);
  EXPECT_EQ(Ask(host).state, State::kAbsent);
  dns_.SetCname("mx.example.org", Failed<Domain>());
  EXPECT_EQ(Ask(host).state, State::kHostFailed);
  dns_.SetCname("mx.example.org", NoData<Domain>(kSecure));
  EXPECT_EQ(Ask(host).state, State::kAbsent);
}

// DANE-08, DANE-22, DANE7671-09
TEST_F(DaneSourceTest, OnlyUnusableRecordsAreSaidToBeThat) {
  Publish("mx.example.org", {MakeTlsa(0, 0, 1, ca_.certificate.der),
                             MakeTlsa(1, 1, 1, mx_.der),
                             {3, 5, 1, std::string(32, 'x')},
                             {3, 1, 1, "short"}});
  const Contribution answer = Ask(Host("mx.example.org"));
  EXPECT_EQ(answer.state, State::kUnusable);
  EXPECT_EQ(answer.reason, Reason::kDaneRequired);
  EXPECT_EQ(answer.verifier, nullptr);
  ASSERT_TRUE(answer.published);
  EXPECT_EQ(answer.published->result, Reason::kTlsaInvalid);
  EXPECT_EQ(answer.published->text.size(), 4U);
  Publish("mx.example.org", {MakeTlsa(1, 1, 1, mx_.der), OfMx()});
  EXPECT_EQ(Ask(Host("mx.example.org")).state, State::kApplies);
}

// DANE-24: RFC 7672 section 3.2.2, its example zone.
TEST_F(DaneSourceTest, BelowAnAuthorityTheNamesAreBaseNextHopAndItsExpansion) {
  Publish("mx15.example.com", {MakeTlsa(2, 0, 1, ca_.certificate.der)});
  dns_.SetMx(
      "example.org",
      Through("example.com", MxHosts({{15, "mx15.example.com"}}, kSecure)));
  const Contribution answer = Ask(Host("mx15.example.com"));
  ASSERT_EQ(answer.state, State::kApplies);
  const auto names = [&](const char* name) {
    return answer.verifier
        ->Check(
            TlsEvidence({ca_.Issue(ForHost(name)).der, ca_.certificate.der}),
            kNow)
        .satisfied();
  };
  EXPECT_TRUE(names("mx15.example.com"));
  EXPECT_TRUE(names("example.org"));
  EXPECT_TRUE(names("example.com"));
  EXPECT_FALSE(names("example.net"));
  EXPECT_FALSE(names("mx15.example.org"));
}

// DANE-24: an alias that DNSSEC doesn't vouch for adds no name.
TEST_F(DaneSourceTest, AnInsecureExpansionAddsNoName) {
  Publish("mx.example.org", {MakeTlsa(2, 0, 1, ca_.certificate.der)});
  dns_.SetMx("example.org",
             Through("evil.example", MxHosts({{1, "mx.example"}}, kInsecure)));
  const Contribution answer = Ask(Host("mx.example.org"));
  EXPECT_THAT(answer.detail, testing::Not(HasSubstr("evil.example")));
}

TEST_F(DaneSourceTest, OfASmarthostTheNamesAreItsOwn) {
  Publish("relay.example", {MakeTlsa(2, 0, 1, ca_.certificate.der)});
  const Contribution answer =
      Ask(Host("relay.example"), "dane", "[relay.example]", false);
  EXPECT_THAT(answer.detail, HasSubstr("named relay.example"));
  EXPECT_THAT(answer.detail, testing::Not(HasSubstr("example.org")));
}

TEST_F(DaneSourceTest, NoNamesAreSoughtWhereNoneCount) {
  Publish("mx.example.org", {OfMx()});
  EXPECT_EQ(Ask(Host("mx.example.org")).state, State::kApplies);
  EXPECT_THAT(dns_.Questions(), ElementsAre("TLSA _25._tcp.mx.example.org"));
}

TEST_F(DaneSourceTest, ManyRecordsMakeNoHugeRecordOfASession) {
  std::vector<TlsaRecord> records(300, MakeTlsa(2, 0, 0, ca_.certificate.der));
  records.insert(records.end(), 300, OfMx());
  Publish("mx.example.org", records);
  const Contribution answer = Ask(Host("mx.example.org"));
  EXPECT_TRUE(answer.verifier->Check(TlsEvidence({mx_.der}), kNow).satisfied());
  ASSERT_EQ(answer.published->text.size(), 51U);
  EXPECT_THAT(answer.published->text.back(), HasSubstr("550 more"));
  for (const std::string& line : answer.published->text) {
    EXPECT_LE(line.size(), 303U);
  }
}

}  // namespace
}  // namespace postern
