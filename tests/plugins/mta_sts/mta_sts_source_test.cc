// tests/plugins/mta_sts/mta_sts_source_test.cc
//
// From a published policy to what a host must show: whose policy counts, what
// each mode asks, and that both the name in the policy and the name in the
// certificate have to be right.
#include "plugins/mta_sts/mta_sts_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "core/policy/combine.h"
#include "core/verify/judge.h"
#include "tests/testlib/certificates.h"
#include "tests/testlib/fake_resolver.h"

namespace postern {
namespace {

using State = Contribution::State;
using testing::HasSubstr;

const Deadline kDeadline = Deadline::After(std::chrono::minutes(1));
const TimePoint kNow{std::chrono::hours(500'000)};

class StandingClock final : public Clock {
 public:
  TimePoint Now() const override { return kNow; }
};

class MapFetcher final : public PolicyFetcher {
 public:
  MapFetcher(std::map<std::string, std::string> bodies,
             std::shared_ptr<std::atomic<int>> count)
      : bodies_(std::move(bodies)), count_(std::move(count)) {}
  Result<std::string> Fetch(const Domain& domain, Deadline /*deadline*/,
                            const std::atomic<bool>& /*stop*/) override {
    ++*count_;
    const auto body = bodies_.find(domain.str());
    if (body != bodies_.end()) return body->second;
    return Error{Reason::kStsPolicyFetchError, "HTTP status 404"};
  }

 private:
  const std::map<std::string, std::string> bodies_;
  const std::shared_ptr<std::atomic<int>> count_;
};

std::string PolicyText(const std::string& mode, const std::string& mx) {
  return "version: STSv1\nmode: " + mode + "\nmx: " + mx +
         "\nmax_age: 604800\n";
}

// 64 KiB, nearly.
std::string Huge() {
  std::string body = PolicyText("enforce", "mx.huge.test");
  for (int i = 0; i < 5000; ++i) {
    body += "mx: h" + std::to_string(i) + ".test\n";
  }
  return body;
}

class MtaStsSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "postern-sts-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    std::ofstream(directory_ + "/roots.pem") << root_.certificate.pem();
    for (const char* const domain :
         {"d.test", "t.test", "n.test", "f.test", "relay.test", "hub.test",
          "huge.test", "short.test"}) {
      resolver_.SetTxt(std::string("_mta-sts.") + domain,
                       Found<std::string>({"v=STSv1; id=1"}));
    }
    source_ = Make(directory_ + "/roots.pem");
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<PolicySource> Make(const std::string& trust) {
    return MakeMtaStsSource(
        {trust,
         resolver_,
         clock_,
         random_,
         std::make_shared<MemoryPublishedCache>(),
         std::make_unique<MapFetcher>(
             std::map<std::string, std::string>{
                 {"d.test", PolicyText("enforce", "*.d.test")},
                 {"t.test", PolicyText("testing", "mx.t.test")},
                 {"n.test", PolicyText("none", "mx.n.test")},
                 {"relay.test", PolicyText("enforce", "relay.test")},
                 {"huge.test", Huge()},
                 {"short.test",
                  "version: STSv1\nmode: enforce\nmx: *.short.test\n"
                  "max_age: 0\n"},
                 {"hub.test", PolicyText("enforce", "mx.hub.test")}},
             fetches_),
         {},
         false});
  }

  Contribution Ask(const std::string& line, const std::string& domain,
                   const std::string& host, const std::string& hop = {}) {
    const Domain name = TestDomain(domain);
    const NextHop next_hop =
        hop.empty() ? NextHop::ForDomain(name) : NextHop::Parse(hop).value();
    const Destination destination{
        name, next_hop,
        ServedPolicy{
            ParsePolicyLine(domain + " " + line).value(), "exact", {}, {}, {}},
        hop.empty()};
    line_ = destination.policy.line;
    HostFacts facts{TestDomain(host)};
    facts.hop = next_hop;
    facts_ = facts;
    return source_->ForDestination(destination, kDeadline)
        .value()
        ->ForHost(facts, kDeadline);
  }

  // What becomes of a connection on which `spec` is shown.
  Verdict JudgeWith(const Contribution& sts, const CertificateSpec& spec) {
    Contribution dane;
    dane.source = "dane";
    const std::vector<Contribution> all{sts, dane};
    TlsEvidence evidence({root_.Issue(spec).der});
    evidence.protocol = "TLSv1.3";
    return Judge(Combine(*line_, *facts_, all), evidence, kNow);
  }

  const TestAuthority root_ = TestAuthority::Make("Root");
  std::string directory_;
  const std::shared_ptr<std::atomic<int>> fetches_ =
      std::make_shared<std::atomic<int>>(0);
  FakeResolver resolver_;
  StandingClock clock_;
  SystemRandom random_;
  std::unique_ptr<PolicySource> source_;
  std::optional<PolicyLine> line_;
  std::optional<HostFacts> facts_;
};

TEST_F(MtaStsSourceTest, IsAskedAtItsLevelsOnly) {
  for (const char* const line :
       {"none", "may", "encrypt", "verify", "secure", "fingerprint", "dane"}) {
    EXPECT_EQ(Ask(line, "d.test", "mx.d.test").state, State::kAbsent) << line;
  }
  EXPECT_TRUE(resolver_.Questions().empty());
  for (const char* const line : {"sts", "auto", "secure also=auto"}) {
    EXPECT_EQ(Ask(line, "d.test", "mx.d.test").state, State::kApplies) << line;
  }
}

// STS-22: all four combinations. STS-25: without TLS nothing goes.
TEST_F(MtaStsSourceTest, NameInThePolicyAndNameInTheCertificate) {
  for (const char* const line : {"sts", "auto"}) {
    SCOPED_TRACE(line);
    const Contribution in = Ask(line, "d.test", "mx.d.test");
    EXPECT_TRUE(JudgeWith(in, ForHost("mx.d.test")).pass());
    EXPECT_EQ(JudgeWith(in, ForHost("mx.e.test")).reason,
              Reason::kCertificateHostMismatch);
    Contribution dane;
    dane.source = "dane";
    const std::vector<Contribution> all{in, dane};
    EXPECT_EQ(Judge(Combine(*line_, *facts_, all), TlsEvidence{}, kNow).reason,
              Reason::kStarttlsNotSupported);
    const Contribution out = Ask(line, "d.test", "mx.e.test");
    EXPECT_TRUE(out.refused);
    EXPECT_EQ(JudgeWith(out, ForHost("mx.e.test")).reason,
              Reason::kMxNotAllowed);
    EXPECT_EQ(JudgeWith(out, ForHost("mx.d.test")).reason,
              Reason::kMxNotAllowed);
    EXPECT_THAT(JudgeWith(out, ForHost("mx.d.test")).hint,
                HasSubstr("sts refresh d.test"));
  }
}

// STS-24, complaint 14
TEST_F(MtaStsSourceTest, TheCertificateNamesTheHostThatWasContacted) {
  const Contribution in = Ask("sts", "d.test", "mx1.d.test");
  EXPECT_FALSE(JudgeWith(in, ForHost("mx2.d.test")).pass());
  EXPECT_TRUE(JudgeWith(in, ForHost("*.d.test")).pass());
  CertificateSpec common_name;
  common_name.common_name = "mx1.d.test";
  EXPECT_EQ(JudgeWith(in, common_name).reason,
            Reason::kCertificateCommonNameOnly);
  CertificateSpec expired = ForHost("mx1.d.test");
  expired.not_after = kNow - std::chrono::seconds(1);
  EXPECT_EQ(JudgeWith(in, expired).reason, Reason::kCertificateExpired);
  TlsEvidence stranger({MakeSelfSigned(ForHost("mx1.d.test")).der});
  EXPECT_EQ(in.verifier->Check(stranger, kNow).reason(),
            Reason::kCertificateNotTrusted);
}

// STS-26
TEST_F(MtaStsSourceTest, TestingIsRecordedAndHoldsNothing) {
  for (const char* const host : {"mx.t.test", "other.test"}) {
    const Contribution testing = Ask("auto", "t.test", host);
    EXPECT_EQ(testing.state, State::kTesting);
    const Verdict verdict = JudgeWith(testing, ForHost("wrong.test"));
    EXPECT_TRUE(verdict.pass());
    ASSERT_EQ(verdict.findings.size(), 1U);
    EXPECT_FALSE(verdict.findings[0].satisfied());
    EXPECT_EQ(testing.published->mode, "testing");
  }
  // In the record the right certificate doesn't make up for the wrong host.
  const Verdict other =
      JudgeWith(Ask("auto", "t.test", "other.test"), ForHost("other.test"));
  EXPECT_TRUE(other.pass());
  EXPECT_EQ(other.findings.at(0).reason(), Reason::kMxNotAllowed);
  EXPECT_EQ(
      JudgeWith(Ask("sts", "t.test", "mx.t.test"), ForHost("mx.t.test")).reason,
      Reason::kStsPolicyMissing);
}

TEST_F(MtaStsSourceTest, NoneIsAsNoPolicy) {
  const Contribution none = Ask("auto", "n.test", "any.test");
  EXPECT_EQ(none.state, State::kAbsent);
  EXPECT_EQ(none.published->mode, "none");
  EXPECT_TRUE(JudgeWith(none, ForHost("x.test")).pass());
  EXPECT_EQ(
      JudgeWith(Ask("sts", "n.test", "mx.n.test"), ForHost("mx.n.test")).reason,
      Reason::kStsPolicyMissing);
}

// STS-16, STS-29
TEST_F(MtaStsSourceTest, WhatCouldNotBeFetchedIsNoneAtAutoAndWaitsAtSts) {
  const Contribution at_auto = Ask("auto", "f.test", "mx.f.test");
  EXPECT_EQ(at_auto.state, State::kUnusable);
  EXPECT_EQ(at_auto.published->result, Reason::kStsPolicyFetchError);
  EXPECT_EQ(Describe(at_auto.published->result).tlsrpt,
            "sts-policy-fetch-error");
  EXPECT_TRUE(JudgeWith(at_auto, ForHost("any.test")).pass());
  const Verdict at_sts =
      JudgeWith(Ask("sts", "f.test", "mx.f.test"), ForHost("mx.f.test"));
  EXPECT_EQ(at_sts.decision, Decision::kDefer);
  EXPECT_EQ(at_sts.reason, Reason::kStsPolicyFetchError);
  EXPECT_EQ(at_sts.findings.at(0).state(), Finding::State::kUndecided);
  EXPECT_EQ(Ask("auto", "nothing.test", "mx.nothing.test").state,
            State::kAbsent);
}

// STS-20
TEST_F(MtaStsSourceTest, ThePolicyIsThatOfTheDomainWhoseHostsCarryTheMail) {
  const Contribution smarthost =
      Ask("auto", "plain.test", "relay.test", "[relay.test]:587");
  EXPECT_EQ(smarthost.published->domain, "relay.test");
  EXPECT_EQ(Ask("auto", "d.test", "mx.hub.test", "hub.test").published->domain,
            "hub.test");
  EXPECT_EQ(Ask("auto", "d.test", "mx.d.test", "[192.0.2.1]").state,
            State::kAbsent);
  // Complaint 15: by domain, never by the hosts that two domains share.
  EXPECT_FALSE(Ask("auto", "plain.test", "mx.d.test").published);
  const Destination literal{TestAddress("192.0.2.1"),
                            NextHop::Parse("[192.0.2.1]").value(),
                            ServedPolicy{*line_, "exact", {}, {}, {}}, true};
  EXPECT_FALSE(PolicyDomain(literal, HostFacts{TestAddress("192.0.2.1")}));
}

TEST_F(MtaStsSourceTest, APolicyThatEndsAtOnceIsFetchedOnceForAPlan) {
  const Domain name = TestDomain("short.test");
  const Destination destination{
      name, NextHop::ForDomain(name),
      ServedPolicy{
          ParsePolicyLine("short.test sts").value(), "exact", {}, {}, {}},
      true};
  for (int plan = 1; plan <= 2; ++plan) {
    const auto bound = source_->ForDestination(destination, kDeadline).value();
    for (const char* host : {"a.short.test", "b.short.test", "c.short.test"}) {
      EXPECT_EQ(bound->ForHost(HostFacts{TestDomain(host)}, kDeadline).state,
                State::kApplies);
    }
    EXPECT_EQ(*fetches_, plan);
  }
}

TEST_F(MtaStsSourceTest, WithoutTrustNothingIsProven) {
  source_ = Make(directory_ + "/absent.pem");
  EXPECT_EQ(Ask("auto", "d.test", "mx.d.test").state, State::kHostFailed);
  EXPECT_EQ(Ask("auto", "d.test", "mx.d.test").reason,
            Reason::kTrustStoreUnavailable);
  EXPECT_EQ(Ask("auto", "t.test", "mx.t.test").state, State::kUnusable);
}

TEST_F(MtaStsSourceTest, ShowsWhatItFound) {
  const PublishedPolicy seen = *Ask("auto", "d.test", "mx.d.test").published;
  EXPECT_EQ(seen.type, PublishedPolicy::Type::kSts);
  EXPECT_EQ(seen.id, "1");
  EXPECT_EQ(seen.mode, "enforce");
  EXPECT_THAT(seen.mx_patterns, testing::ElementsAre("*.d.test"));
  EXPECT_THAT(seen.text,
              testing::ElementsAre("version: STSv1", "mode: enforce",
                                   "mx: *.d.test", "max_age: 604800"));
}

// All of it holds, and the record of each session has a part.
TEST_F(MtaStsSourceTest, AHugePolicyMakesNoHugeRecord) {
  const Contribution last = Ask("auto", "huge.test", "h4999.test");
  EXPECT_TRUE(JudgeWith(last, ForHost("h4999.test")).pass());
  EXPECT_EQ(last.published->text.size(), 51U);
  EXPECT_EQ(last.published->mx_patterns.size(), 51U);
  EXPECT_THAT(last.published->mx_patterns.back(), HasSubstr("4951 more"));
  const Contribution strange = Ask("auto", "huge.test", "h5000.test");
  ASSERT_TRUE(strange.refused);
  EXPECT_LT(strange.refused->detail().size(), 500U);
}

// STS-01: a host that DANE failed is not rescued.
TEST_F(MtaStsSourceTest, NeverRescuesWhatDaneRefused) {
  const Contribution sts = Ask("auto", "d.test", "mx.d.test");
  Contribution dane;
  dane.source = "dane";
  dane.state = State::kHostFailed;
  dane.reason = Reason::kDnssecInvalid;
  const std::vector<Contribution> all{sts, dane};
  TlsEvidence evidence({root_.Issue(ForHost("mx.d.test")).der});
  evidence.protocol = "TLSv1.3";
  EXPECT_FALSE(Judge(Combine(*line_, *facts_, all), evidence, kNow).pass());
}

}  // namespace
}  // namespace postern
