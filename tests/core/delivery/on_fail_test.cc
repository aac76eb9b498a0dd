// tests/core/delivery/on_fail_test.cc
//
// What on-fail= may pass over: two short lists, held to each reason there is.
#include "core/delivery/on_fail.h"

#include <gtest/gtest.h>

#include <set>

namespace postern {
namespace {

Verdict No(Reason reason) {
  Verdict verdict = DeferFor(Error(reason, ""));
  verdict.findings.push_back(Finding::Violated(reason, ""));
  return verdict;
}

HostPlan SomeHost() {
  return HostPlan{.facts = {.host = Domain::Parse("mx.test").value()}};
}

const std::set<Reason> kLocalNo = {Reason::kCertificateMissing,
                                   Reason::kCertificateMalformed,
                                   Reason::kCertificateHostMismatch,
                                   Reason::kCertificateCommonNameOnly,
                                   Reason::kCertificateExpired,
                                   Reason::kCertificateNotYetValid,
                                   Reason::kCertificateNotTrusted,
                                   Reason::kCertificateChainIncomplete,
                                   Reason::kCertificateInvalid,
                                   Reason::kCertificateWeak,
                                   Reason::kCertificateRevoked,
                                   Reason::kCertificatePathTooCostly,
                                   Reason::kPinMismatch,
                                   Reason::kPinExpired,
                                   Reason::kPinNotYetValid,
                                   Reason::kTlsaInvalid,
                                   Reason::kMxNotAllowed,
                                   Reason::kRouteNotAllowed};

const std::set<Reason> kClearToo = {Reason::kStarttlsNotSupported,
                                    Reason::kStarttlsRefused,
                                    Reason::kTlsHandshakeFailed};

TEST(OnFailTest, EveryReasonIsPassedOverOnlyAsListed) {
  const HostPlan local = SomeHost();
  for (const ReasonInfo& info : AllReasons()) {
    SCOPED_TRACE(info.token);
    const Verdict verdict = No(info.reason);
    const bool local_no = kLocalNo.contains(info.reason);
    const bool clear_too = kClearToo.contains(info.reason);

    EXPECT_EQ(IsPolicyNo(verdict), local_no);
    EXPECT_EQ(MayPassOver(OnFail::kDeliver, local, verdict),
              local_no ? PassOver::kOverTls : PassOver::kNo);
    EXPECT_EQ(MayPassOver(OnFail::kDeliverClear, local, verdict),
              local_no    ? PassOver::kOverTls
              : clear_too ? PassOver::kInClear
                          : PassOver::kNo);
    EXPECT_EQ(MayPassOver(OnFail::kDefer, local, verdict), PassOver::kNo);
    EXPECT_EQ(MayPassOver(OnFail::kBounce, local, verdict), PassOver::kNo);
  }
}

TEST(OnFailTest, APublishedPolicyIsNeverPassedOver) {
  HostPlan published = SomeHost();
  published.published = true;
  for (const ReasonInfo& info : AllReasons()) {
    for (const OnFail on_fail : {OnFail::kDeliver, OnFail::kDeliverClear}) {
      EXPECT_EQ(MayPassOver(on_fail, published, No(info.reason)), PassOver::kNo)
          << info.token;
    }
  }
}

TEST(OnFailTest, AnUndecidedFindingIsNoNo) {
  Verdict verdict = No(Reason::kCertificateHostMismatch);
  verdict.findings.push_back(
      Finding::Undecided(Error(Reason::kCrlUnavailable, "")));
  EXPECT_FALSE(IsPolicyNo(verdict));
  EXPECT_FALSE(MayBounce(verdict));
}

TEST(OnFailTest, AWrongRouteNeverBounces) {
  EXPECT_FALSE(MayBounce(No(Reason::kRouteNotAllowed)));
  EXPECT_TRUE(MayBounce(No(Reason::kMxNotAllowed)));
}

}  // namespace
}  // namespace postern
