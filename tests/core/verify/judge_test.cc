// tests/core/verify/judge_test.cc
//
// Nothing passes by absence: not a missing handshake, not a verifier that is
// not there, not one that could not find out. What decides against a connection
// is chosen by gravity and not by luck (STLS-02, TLS-02, DANE-07 in the small).
#include "core/verify/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testlib/certificates.h"

namespace postern {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const TimePoint kNow{std::chrono::hours(500'000)};

// Answers as it is told and counts how often it is asked.
class Told final : public Verifier {
 public:
  Told(std::string_view name, Finding finding)
      : name_(name), finding_(std::move(finding)) {}
  std::string_view name() const override { return name_; }
  std::string Describe() const override { return "as told"; }
  Finding Check(const TlsEvidence& /*evidence*/,
                TimePoint /*now*/) const override {
    ++asked;
    return finding_;
  }
  mutable int asked = 0;

 private:
  std::string_view name_;
  Finding finding_;
};

std::shared_ptr<const Told> Yes(std::string_view name = "pin") {
  return std::make_shared<const Told>(name, Finding::Satisfied("matched"));
}
std::shared_ptr<const Told> No(Reason reason, std::string_view name = "pin") {
  return std::make_shared<const Told>(name, Finding::Violated(reason, "seen"));
}
std::shared_ptr<const Told> Unknown(Reason reason,
                                    std::string_view name = "dane") {
  return std::make_shared<const Told>(name,
                                      Finding::Undecided(Error(reason, "why")));
}

class JudgeTest : public testing::Test {
 protected:
  HostPlan Plan(TlsUse tls,
                std::vector<std::shared_ptr<const Verifier>> verifiers = {}) {
    HostPlan plan{.facts = {.host = Domain::Parse("mx.example.org").value(),
                            .port = {},
                            .ips = {},
                            .expanded = {},
                            .failure = {}},
                  .refused = {},
                  .verifiers = std::move(verifiers),
                  .recorded = {},
                  .servername = {},
                  .protocols = {},
                  .ciphers = {},
                  .exclude = {},
                  .notes = {}};
    plan.tls = tls;
    return plan;
  }

  const TlsEvidence tls_ = SelfSigned(TestKey::Generate(), "mx.example.org", 1);
  const TlsEvidence clear_{};
};

TEST_F(JudgeTest, EveryCombinationOfUseEncryptionAndAnswerIsJudged) {
  const auto satisfied = Yes();
  const auto violated = No(Reason::kPinMismatch);
  const auto undecided = Unknown(Reason::kInternal);
  const auto with_reason = [](Reason reason) {
    return std::optional<Reason>(reason);
  };
  const struct {
    const char* what;
    std::vector<std::shared_ptr<const Verifier>> verifiers;
    std::optional<Reason> over_tls;  // nothing: pass
  } cases[] = {
      {"none", {}, {}},
      {"yes", {satisfied}, {}},
      {"yes, yes", {satisfied, satisfied}, {}},
      {"no", {violated}, with_reason(Reason::kPinMismatch)},
      {"unknown", {undecided}, with_reason(Reason::kInternal)},
      {"missing", {nullptr}, with_reason(Reason::kInternal)},
      {"yes, no", {satisfied, violated}, with_reason(Reason::kPinMismatch)},
      {"no, yes", {violated, satisfied}, with_reason(Reason::kPinMismatch)},
      {"yes, unknown", {satisfied, undecided}, with_reason(Reason::kInternal)},
      {"no, unknown", {violated, undecided}, with_reason(Reason::kInternal)},
      {"yes, missing", {satisfied, nullptr}, with_reason(Reason::kInternal)},
  };
  for (const TlsUse use :
       {TlsUse::kNever, TlsUse::kOpportunistic, TlsUse::kRequired}) {
    for (const auto& c : cases) {
      SCOPED_TRACE(std::string(c.what) + ", use " +
                   std::to_string(static_cast<int>(use)));
      const Verdict over_tls = Judge(Plan(use, c.verifiers), tls_, kNow);
      EXPECT_EQ(over_tls.pass(), !c.over_tls);
      EXPECT_EQ(over_tls.reason, c.over_tls.value_or(Reason::kOk));

      const Verdict in_clear = Judge(Plan(use, c.verifiers), clear_, kNow);
      const bool may = use != TlsUse::kRequired && c.verifiers.empty();
      EXPECT_EQ(in_clear.pass(), may);
      EXPECT_EQ(in_clear.reason,
                may ? Reason::kOk : Reason::kStarttlsNotSupported);
      for (const Verdict& verdict : {over_tls, in_clear}) {
        EXPECT_EQ(verdict.decision,
                  verdict.pass() ? Decision::kPass : Decision::kDefer);
        EXPECT_EQ(verdict.status.front(), verdict.pass() ? '2' : '4');
        EXPECT_FALSE(verdict.sentence.empty());
      }
    }
  }
}

TEST_F(JudgeTest, APlanThatRefusesTheHostIsNotAskedFurther) {
  const auto verifier = Yes();
  HostPlan plan = Plan(TlsUse::kNever, {verifier});
  plan.refused = Finding::Violated(Reason::kMxNotAllowed, "not in mx=");
  const Verdict verdict = Judge(plan, tls_, kNow);
  EXPECT_EQ(verdict.reason, Reason::kMxNotAllowed);
  EXPECT_EQ(verifier->asked, 0);
  // Even a refusal that claims to be satisfied is one.
  plan.refused = Finding::Satisfied("?");
  EXPECT_EQ(Judge(plan, tls_, kNow).decision, Decision::kDefer);
  EXPECT_EQ(Judge(plan, tls_, kNow).reason, Reason::kInternal);
}

TEST_F(JudgeTest, ImplicitTlsRequiresTls) {
  HostPlan plan = Plan(TlsUse::kOpportunistic);
  plan.wrapper = true;
  EXPECT_EQ(Judge(plan, clear_, kNow).reason, Reason::kStarttlsNotSupported);
}

TEST_F(JudgeTest, TheGravestFindingIsToldWhateverTheOrder) {
  // Each is graver than all that follow it.
  const std::vector<std::shared_ptr<const Verifier>> by_gravity = {
      Unknown(Reason::kCrlUnavailable),
      No(Reason::kTlsaInvalid, "dane"),
      No(Reason::kStsWebpkiInvalid, "mta-sts"),
      No(Reason::kPinMismatch),
      No(Reason::kPinExpired),
      No(Reason::kCertificateMissing, "webpki"),
      No(Reason::kCertificateNotTrusted, "webpki"),
      No(Reason::kCertificateHostMismatch, "webpki"),
      No(Reason::kCertificateExpired, "webpki"),
      No(Reason::kTlsHandshakeFailed, "webpki"),
  };
  for (std::size_t i = 0; i < by_gravity.size(); ++i) {
    for (std::size_t j = i + 1; j < by_gravity.size(); ++j) {
      const Reason graver = by_gravity[i]->Check(tls_, kNow).reason();
      const auto one = Judge(
          Plan(TlsUse::kRequired, {by_gravity[i], by_gravity[j]}), tls_, kNow);
      const auto other = Judge(
          Plan(TlsUse::kRequired, {by_gravity[j], by_gravity[i]}), tls_, kNow);
      EXPECT_EQ(one.reason, graver);
      EXPECT_EQ(other.reason, graver);
    }
  }
}

TEST_F(JudgeTest, AllFindingsAreInTheVerdictWithTheirSource) {
  HostPlan plan = Plan(TlsUse::kRequired,
                       {Yes("pin"), No(Reason::kCertificateExpired, "webpki")});
  plan.recorded = {No(Reason::kStsPolicyInvalid, "mta-sts")};
  const Verdict verdict = Judge(plan, tls_, kNow);
  std::vector<std::string> sources;
  for (const Finding& finding : verdict.findings)
    sources.push_back(finding.source());
  EXPECT_THAT(sources, ElementsAre("pin", "webpki", "mta-sts"));
  EXPECT_EQ(verdict.reason, Reason::kCertificateExpired);
  EXPECT_EQ(verdict.mx_host, "mx.example.org");
}

TEST_F(JudgeTest, WhatIsOnlyRecordedDecidesNothing) {
  HostPlan plan = Plan(TlsUse::kRequired);
  plan.recorded = {No(Reason::kStsPolicyInvalid, "mta-sts"),
                   Unknown(Reason::kInternal), nullptr};
  const Verdict verdict = Judge(plan, tls_, kNow);
  EXPECT_TRUE(verdict.pass());
  EXPECT_EQ(verdict.findings.size(), 3u);
  // And satisfies nothing either.
  plan = Plan(TlsUse::kRequired, {No(Reason::kPinMismatch)});
  plan.recorded = {Yes()};
  EXPECT_FALSE(Judge(plan, tls_, kNow).pass());
  plan = Plan(TlsUse::kOpportunistic);
  plan.recorded = {Yes()};
  EXPECT_THAT(Judge(plan, clear_, kNow).findings, IsEmpty());
}

TEST_F(JudgeTest, APassSaysWhatWasMatchedAndWhatIsWorthNoting) {
  HostPlan plan =
      Plan(TlsUse::kRequired,
           {std::make_shared<const Told>(
               "pin", Finding::Satisfied("backup pin").Noteworthy())});
  plan.notes = {"weak: the name comes from unsigned DNS"};
  const Verdict verdict = Judge(plan, tls_, kNow);
  ASSERT_TRUE(verdict.pass());
  EXPECT_EQ(verdict.status, "2.0.0");
  EXPECT_THAT(verdict.sentence, HasSubstr("pin: backup pin"));
  EXPECT_THAT(verdict.sentence, HasSubstr("weak:"));
  EXPECT_TRUE(verdict.findings.front().noteworthy());
}

TEST_F(JudgeTest, TheVerifiersOwnHintIsKept) {
  const auto verifier = std::make_shared<const Told>(
      "pin",
      Finding::Violated(Reason::kPinMismatch, "x").WithHint("compare first"));
  EXPECT_EQ(Judge(Plan(TlsUse::kRequired, {verifier}), tls_, kNow).hint,
            "compare first");
}

TEST_F(JudgeTest, ANoThatClaimsToBeOkIsStillANo) {
  const Verdict verdict =
      Judge(Plan(TlsUse::kRequired, {No(Reason::kOk)}), tls_, kNow);
  EXPECT_EQ(verdict.decision, Decision::kDefer);
  EXPECT_EQ(verdict.reason, Reason::kInternal);
}

TEST_F(JudgeTest, TheSameQuestionHasTheSameAnswer) {
  const HostPlan plan =
      Plan(TlsUse::kRequired, {Yes(), No(Reason::kPinExpired)});
  EXPECT_EQ(ToLogText(Judge(plan, tls_, kNow)),
            ToLogText(Judge(plan, tls_, kNow)));
}

}  // namespace
}  // namespace postern
