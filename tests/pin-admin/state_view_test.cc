// What was recorded, for people: where nothing was connected it is not said
// that something went in cleartext.
#include "pin-admin/state_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>

namespace postern {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Shown(const Verdict& verdict) {
  StoredVerdict stored;
  stored.record.destination = "bank.example";
  stored.record.queue_id = "4Zb1cD2eF3z";
  stored.record.verdict = verdict;
  Output out(Output::Options{});
  testing::internal::CaptureStdout();
  ShowVerdicts(out, {stored});
  std::cout.flush();
  return testing::internal::GetCapturedStdout();
}

TEST(StateViewTest, AHostThatWasNeverConnectedIsNotSaidToBeCleartext) {
  Verdict verdict = DeferFor(Error(Reason::kDnsLookupFailed, "timeout"));
  verdict.line = "bank.example secure";
  verdict.origin = "bank.example";
  EXPECT_THAT(Shown(verdict), HasSubstr("    no connection was made\n"));
  EXPECT_THAT(Shown(verdict),
              HasSubstr("bank.example secure  (the line of bank.example)"));
  verdict.mx_host = "mx.bank.example";
  verdict.address = "192.0.2.1";
  verdict.reason = Reason::kConnectionFailed;
  EXPECT_THAT(Shown(verdict),
              HasSubstr("mx.bank.example 192.0.2.1, no connection was made"));
  verdict.reason = Reason::kStarttlsNotSupported;
  EXPECT_THAT(Shown(verdict), HasSubstr("cleartext (no STARTTLS offer)"));
  EXPECT_THAT(Shown(verdict), Not(HasSubstr("no connection")));
}

TEST(StateViewTest, WhatLeftIsCountedByWhatTheServerProved) {
  StoredVerdict proven;
  proven.record.outcome = "delivered";
  proven.record.evidence.protocol = "TLSv1.3";
  proven.record.verdict.decision = Decision::kPass;
  proven.record.verdict.findings = {Finding::Satisfied("")};
  StoredVerdict encrypted = proven, cleartext = proven, waits = proven;
  encrypted.record.verdict.findings.clear();
  cleartext.record.verdict.findings.clear();
  cleartext.record.evidence.protocol.clear();
  waits.record.outcome = "deferred";
  // on-fail=deliver: one of two verifiers was content, the policy was not.
  StoredVerdict anyway = proven;
  anyway.record.verdict.decision = Decision::kDeliverAnyway;
  Output out(Output::Options{});
  testing::internal::CaptureStdout();
  ShowDelivered(out, {proven, proven, encrypted, cleartext, waits, anyway});
  std::cout.flush();
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            "Delivered: 2 to a server that proved who it is, 2 encrypted to "
            "one that did not, 1 in cleartext.\n");
}

}  // namespace
}  // namespace postern
