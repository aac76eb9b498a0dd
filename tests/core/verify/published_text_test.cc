// tests/core/verify/published_text_test.cc
//
// Bounded, and still another text for other lines.
#include "core/verify/published_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern {
namespace {

using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;
using Lines = std::vector<std::string>;

TEST(PublishedTextTest, WhatIsShortStaysAsItIs) {
  EXPECT_EQ(BoundedText({}), Lines());
  const Lines fifty(50, std::string(300, 'x'));
  EXPECT_EQ(BoundedText(fifty), fifty);
}

TEST(PublishedTextTest, WhatIsLongIsCutAndTold) {
  const Lines many = BoundedText(Lines(5548, "mx: a.test"));
  ASSERT_THAT(many, SizeIs(51));
  EXPECT_EQ(many[49], "mx: a.test");
  EXPECT_THAT(many[50], StartsWith("... 5498 more (sha256 of all 5548: "));
  const Lines one = BoundedText({std::string(60'000, 'x')});
  ASSERT_THAT(one, SizeIs(2));
  EXPECT_EQ(one[0], std::string(300, 'x') + "...");
  EXPECT_THAT(one[1], StartsWith("... (sha256 of all 1: "));
  // "\u00e9" does not fit any more.
  EXPECT_EQ(BoundedText({std::string(299, 'x') + "\xc3\xa9"})[0],
            std::string(299, 'x') + "...");
  EXPECT_EQ(BoundedText({std::string(400, '\x80')})[0], "...");
}

TEST(PublishedTextTest, OtherLinesAreAnotherText) {
  Lines lines(100, "a");
  const Lines before = BoundedText(lines);
  lines.back() = "b";
  EXPECT_NE(BoundedText(lines), before);
  lines[98] = "ab";
  const Lines joined = BoundedText(lines);
  lines[98] = "a";
  lines[99] = "bb";
  EXPECT_NE(BoundedText(lines), joined);
  EXPECT_NE(BoundedText({std::string(400, 'x')}),
            BoundedText({std::string(399, 'x') + 'y'}));
}

}  // namespace
}  // namespace postern
