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

}  // namespace
}  // namespace postern
