// Over many generated lines: the canonical form reads back as the same line,
// and no damage to it makes a line that can't be written again.
#include <gtest/gtest.h>

#include "tests/core/policy/line_maker.h"

namespace postern {
namespace {

TEST(PolicyLinePropertyTest, TheCanonicalFormReadsBackAsTheSameLine) {
  LineMaker maker(20260101);
  for (int i = 0; i < 3000; ++i) {
    const PolicyLine line = maker.Make();
    const std::string text = Format(line);
    const Result<PolicyLine> again = ParsePolicyLine(text);
    ASSERT_TRUE(again) << text << ": " << again.error().detail();
    EXPECT_EQ(*again, line) << text;
    EXPECT_EQ(Format(*again), text);
  }
}

TEST(PolicyLinePropertyTest, DamagedLinesAreRefusedOrReadBack) {
  LineMaker maker(20260102);
  constexpr std::string_view kOctets = "a.=:\"\\ *-[],;\x01\xc3";
  int accepted = 0;
  for (int i = 0; i < 6000; ++i) {
    std::string text = Format(maker.Make());
    for (std::size_t damage = maker.Below(3) + 1; damage > 0; --damage) {
      const std::size_t at = maker.Below(text.size());
      switch (maker.Below(3)) {
        case 0:
          text[at] = kOctets[maker.Below(kOctets.size())];
          break;
        case 1:
          text.erase(at, 1 + maker.Below(4));
          break;
        default:
          text.insert(at, 1, kOctets[maker.Below(kOctets.size())]);
      }
      if (text.empty()) text = " ";
    }
    const Result<PolicyLine> line = ParsePolicyLine(text);
    if (!line) {
      EXPECT_FALSE(line.error().detail().empty());
      continue;
    }
    ++accepted;
    const Result<PolicyLine> again = ParsePolicyLine(Format(*line));
    ASSERT_TRUE(again) << text << " -> " << Format(*line);
    EXPECT_EQ(*again, *line) << text;
  }
  EXPECT_GT(accepted, 100) << "the damage is too coarse to prove anything";
}

}  // namespace
}  // namespace postern
