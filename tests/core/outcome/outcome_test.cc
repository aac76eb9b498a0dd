// tests/core/outcome/outcome_test.cc
//
// The reason table is whole and stable, and an Error can only ever defer.
#include <gtest/gtest.h>

#include <set>

#include "core/outcome/reason.h"
#include "core/outcome/verdict.h"

namespace postern {
namespace {

TEST(ReasonTest, EveryRowIsWholeAndFoundByItsToken) {
  std::set<std::string_view> tokens;
  for (const ReasonInfo& info : AllReasons()) {
    SCOPED_TRACE(info.token);
    EXPECT_TRUE(tokens.insert(info.token).second) << "token used twice";
    EXPECT_EQ(ReasonFromToken(info.token), info.reason);
    EXPECT_EQ(&Describe(info.reason), &info);
    EXPECT_EQ(
        info.token.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"),
        std::string_view::npos);
    EXPECT_FALSE(info.sentence.empty());
    EXPECT_TRUE(info.reason == Reason::kOk || !info.hint.empty());
    ASSERT_GE(info.status.size(), 5u);
    EXPECT_TRUE(info.status[0] == '4' || info.status[0] == '5' ||
                info.reason == Reason::kOk);
  }
  EXPECT_FALSE(ReasonFromToken("no-such-token"));
}

TEST(ReasonTest, NoHintAdvisesToAddAKeyWithoutComparing) {
  for (const Reason reason : {Reason::kPinMismatch, Reason::kPinMissing,
                              Reason::kCertificateNotTrusted}) {
    const std::string_view hint = Describe(reason).hint;
    EXPECT_TRUE(hint.find("owner") != std::string_view::npos) << hint;
  }
}

TEST(VerdictTest, AnErrorOnlyEverDefers) {
  for (const ReasonInfo& info : AllReasons()) {
    SCOPED_TRACE(info.token);
    const Verdict verdict = DeferFor(Error(info.reason, "seen"));
    EXPECT_EQ(verdict.decision, Decision::kDefer);
    EXPECT_EQ(verdict.status.front(), '4');
    EXPECT_NE(verdict.sentence.find("seen"), std::string::npos);
  }
}

TEST(VerdictTest, AVerdictNobodyFilledInIsADefer) {
  EXPECT_EQ(Verdict{}.decision, Decision::kDefer);
  EXPECT_FALSE(Verdict{}.pass());
}

}  // namespace
}  // namespace postern
