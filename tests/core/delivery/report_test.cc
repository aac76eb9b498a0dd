// tests/core/delivery/report_test.cc
//
// The words an MTA logs lead with the reason that says most and stay one line
// of bounded length.
#include "core/delivery/report.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

using Outcome = RecipientResult::Outcome;

Attempt AttemptAt(const std::string& host, Reason reason) {
  Verdict verdict = DeferFor(Error(reason, "seen at " + host));
  verdict.mx_host = host;
  verdict.address = "192.0.2.1";
  return FromVerdict(verdict);
}

TEST(ReportTest, APolicysNoLeadsBeforeTroubleOnTheNetwork) {
  const RecipientResult result =
      Conclude({AttemptAt("mx1.test", Reason::kConnectionFailed),
                AttemptAt("mx2.test", Reason::kPinMismatch)},
               Outcome::kDeferred);

  EXPECT_EQ(result.status, "4.7.5");
  EXPECT_TRUE(result.text.starts_with("pin-mismatch: ")) << result.text;
  EXPECT_NE(result.text.find("mx1.test[192.0.2.1]: connection-failed: "),
            std::string::npos);
  EXPECT_NE(result.text.find("; hint: compare the key with its owner"),
            std::string::npos);
}

TEST(ReportTest, ABounceKeepsTheReasonAndTurnsTheClass) {
  const RecipientResult result =
      Conclude({AttemptAt("mx.test", Reason::kCertificateHostMismatch)},
               Outcome::kBounced);
  EXPECT_EQ(result.outcome, Outcome::kBounced);
  EXPECT_EQ(result.status, "5.7.5");
}

TEST(ReportTest, NothingTriedIsADeferWhateverWasAsked) {
  const RecipientResult result = Conclude({}, Outcome::kBounced);
  EXPECT_EQ(result.outcome, Outcome::kDeferred);
  EXPECT_EQ(result.status.front(), '4');
}

TEST(ReportTest, AThousandHostsStillFitALine) {
  std::vector<Attempt> attempts(1000,
                                AttemptAt("mx.test", Reason::kPinMismatch));
  const RecipientResult result = Conclude(attempts, Outcome::kDeferred);
  EXPECT_LE(result.text.size(), 1000u);
  EXPECT_NE(result.text.find("hint: "), std::string::npos);
}

TEST(ReportTest, AStatusOfTheWrongClassIsNotBelieved) {
  SmtpReply reply;
  reply.code = 550;
  reply.enhanced = "2.0.0";
  EXPECT_EQ(StatusOf(reply), "5.0.0");
  reply.enhanced = "5.1.1";
  EXPECT_EQ(StatusOf(reply), "5.1.1");
}

}  // namespace
}  // namespace postern
