// tests/core/clock/clock_test.cc
#include "core/clock/clock.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

TEST(TimeTextTest, WritesAndReadsTheSameMoment) {
  const TimePoint time{hours(500'000)};
  EXPECT_EQ(FormatTime(time), "2027-01-15T08:00:00Z");
  EXPECT_EQ(ParseTime(FormatTime(time)), time);
  EXPECT_EQ(ParseTime("2027-01-15T09:30:00+01:30"), time);
  EXPECT_EQ(ParseTime("2027-01-15T07:00:00.25-01:00"), time);
  EXPECT_EQ(FormatTime(*ParseTime("2027-01-15")), "2027-01-15T00:00:00Z");
}

TEST(TimeTextTest, RefusesWhatIsNoTime) {
  for (const char* text :
       {"", "2027", "2027-02-29", "2027-13-01", "2027-01-15T",
        "2027-01-15T08:00", "2027-01-15T08:00:00", "2027-01-15T24:00:00Z",
        "2027-01-15T08:00:00Zx", "2027-01-15T08:00:00+1:00", "2027-1-5",
        "+027-01-15", "9999-12-31", "0001-01-01", "2027-01-15T08:00:00.Z"}) {
    EXPECT_FALSE(ParseTime(text)) << text;
  }
}

TEST(DeadlineTest, NeverGrowsAndNeverGoesNegative) {
  const Deadline past = Deadline::After(milliseconds(-5));
  EXPECT_TRUE(past.expired());
  EXPECT_EQ(past.remaining().count(), 0);
  EXPECT_EQ(past.poll_timeout(), 0);
  const Deadline soon = Deadline::After(hours(1));
  EXPECT_LE(soon.Within(hours(2)).at(), soon.at());
  EXPECT_LT(soon.Within(milliseconds(1)).at(), soon.at());
}

TEST(RandomTest, StaysBelowItsBound) {
  SystemRandom random;
  EXPECT_EQ(random.Below(0), 0u);
  EXPECT_EQ(random.Below(1), 0u);
  for (int i = 0; i < 1000; ++i) EXPECT_LT(random.Below(7), 7u);
}

}  // namespace
}  // namespace postern
