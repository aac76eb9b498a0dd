// Whatever passes both lines' plan passes each of them.
#include <gtest/gtest.h>

#include "core/policy/combine.h"
#include "tests/core/policy/policy_fixtures.h"

namespace postern {
namespace {

const HostFacts kRelay = HostAt(Name("relay.test"), Security::kSecure);

// A plan of a line whose sources all apply.
HostPlan Of(std::string_view line) {
  std::vector<Contribution> said;
  for (const std::string_view source : {"pin", "webpki", "dane", "mta-sts"}) {
    Contribution contribution;
    contribution.source = source;
    contribution.state = Contribution::State::kApplies;
    contribution.verifier = std::make_shared<NamedVerifier>(source);
    said.push_back(std::move(contribution));
  }
  return Combine(Line("d.example " + std::string(line)), kRelay, said);
}

// What Judge() promises, as naively as can be.
bool Passes(const HostPlan& plan, const TlsEvidence& evidence) {
  if (plan.refused) return false;
  if (plan.tls == TlsUse::kRequired && evidence.protocol.empty()) return false;
  for (const auto& verifier : plan.verifiers) {
    if (!verifier->Check(evidence, {}).satisfied()) return false;
  }
  return true;
}

TEST(BothTest, IsNeverWeakerThanEither) {
  const char* const lines[] = {"none",
                               "may",
                               "encrypt",
                               "fingerprint",
                               "verify",
                               "secure",
                               "hosted",
                               "dane",
                               "dane-only",
                               "sts",
                               "auto",
                               "auto floor=secure",
                               "secure also=auto",
                               "may mx=other.test",
                               "encrypt wrapper=yes",
                               "may protocols=>=TLSv1.3",
                               "may protocols=<=TLSv1.2"};
  for (const char* a : lines) {
    for (const char* b : lines) {
      SCOPED_TRACE(std::string(a) + " and " + b);
      const HostPlan one = Of(a);
      const HostPlan other = Of(b);
      const HostPlan both = Both(one, other);
      EXPECT_GE(both.tls, one.tls);
      EXPECT_GE(both.tls, other.tls);
      EXPECT_EQ(both.published, one.published || other.published);
      EXPECT_EQ(both.wrapper, one.wrapper || other.wrapper);
      for (int bits = 0; bits < 32; ++bits) {
        TlsEvidence evidence;
        if ((bits & 1) != 0) evidence.protocol = "TLSv1.3";
        if ((bits & 2) != 0) evidence.cipher += "pin ";
        if ((bits & 4) != 0) evidence.cipher += "webpki ";
        if ((bits & 8) != 0) evidence.cipher += "dane ";
        if ((bits & 16) != 0) evidence.cipher += "mta-sts ";
        if (Passes(both, evidence)) {
          EXPECT_TRUE(Passes(one, evidence));
          EXPECT_TRUE(Passes(other, evidence));
        }
      }
    }
  }
}

TEST(BothTest, KeepsTheVerifiersOfBoth) {
  const HostPlan both = Both(Of("may"), Of("secure"));
  EXPECT_EQ(both.tls, TlsUse::kRequired);
  ASSERT_EQ(both.verifiers.size(), 1U);
  EXPECT_EQ(Both(Of("fingerprint"), Of("secure")).verifiers.size(), 2U);
}

TEST(BothTest, CouldNotFindOutStandsBeforeANo) {
  HostPlan no = Of("may mx=other.test");
  HostPlan unknown = Of("may");
  unknown.refused = Finding::Undecided(Error(Reason::kDnsLookupFailed, "x"));
  EXPECT_EQ(Both(no, unknown).refused->reason(), Reason::kDnsLookupFailed);
  EXPECT_EQ(Both(unknown, no).refused->reason(), Reason::kDnsLookupFailed);
  EXPECT_EQ(Both(no, Of("may")).refused->reason(), Reason::kMxNotAllowed);
  EXPECT_EQ(Both(Of("may"), no).refused->reason(), Reason::kMxNotAllowed);
  EXPECT_EQ(Both(Of("may"), no).tls, TlsUse::kRequired);
}

TEST(BothTest, NarrowsTls) {
  EXPECT_EQ(Both(Of("may protocols=>=TLSv1.3"), Of("may")).protocols,
            ">=TLSv1.3");
  EXPECT_EQ(Both(Of("may"), Of("may protocols=>=TLSv1.3")).protocols,
            ">=TLSv1.3");
  EXPECT_EQ(Both(Of("may protocols=>=TLSv1.2"), Of("may protocols=TLSv1.3"))
                .protocols,
            ">=TLSv1.3");
  const HostPlan none =
      Both(Of("may protocols=>=TLSv1.3"), Of("may protocols=<=TLSv1.2"));
  EXPECT_EQ(none.refused->reason(), Reason::kPolicyInvalid);

  EXPECT_EQ(Both(Of("may ciphers=medium"), Of("may ciphers=high")).ciphers,
            "high");
  EXPECT_EQ(Both(Of("may ciphers=high"), Of("may ciphers=medium")).ciphers,
            "high");
  EXPECT_EQ(Both(Of("may ciphers=high"), Of("may")).ciphers, "high");
  EXPECT_EQ(Both(Of("may"), Of("may ciphers=high")).ciphers, "high");
  EXPECT_EQ(Both(Of("may"), Of("may ciphers=medium")).ciphers, "");
  EXPECT_EQ(Both(Of("may ciphers=medium"), Of("may")).ciphers, "");
  EXPECT_EQ(
      Both(Of("may exclude=3DES:RC4"), Of("may exclude=RC4:SEED")).exclude,
      "3DES:RC4:SEED");
}

TEST(BothTest, AChosenServernameStandsBeforeTheDefault) {
  EXPECT_EQ(Both(Of("may"), Of("may")).servername->str(), "relay.test");
  EXPECT_EQ(Both(Of("may"), Of("may servername=x.test")).servername->str(),
            "x.test");
  EXPECT_EQ(Both(Of("may servername=x.test"), Of("may")).servername->str(),
            "x.test");
}

TEST(BothTest, KeepsNotesAndQuestionsOfBoth) {
  const HostPlan both = Both(Of("may"), Of("verify match=ptr"));
  EXPECT_TRUE(both.needs_ptr);
  EXPECT_EQ(both.notes.size(), 1U);
}

}  // namespace
}  // namespace postern
