// tests/postfix-transport/destination_share_test.cc
//
// A destination whose mail moves is never held back; a slow one keeps its share
// and leaves the other hands to others. Time stands where the test puts it.
#include "postfix-transport/destination_share.h"

#include <gtest/gtest.h>

#include <list>

namespace postern {
namespace {

using std::chrono::seconds;
using Time = DestinationShare::Time;

constexpr Time At(int second) { return Time(seconds(second)); }

TEST(DestinationShareTest, MailThatMovesMayHaveEveryHand) {
  DestinationShare share(2, seconds(60));
  std::list<DestinationShare::Place> places;
  for (int i = 0; i < 59; ++i) {
    auto place = share.Enter("bulk.test", At(i));
    ASSERT_TRUE(place) << i;
    places.push_back(*std::move(place));
  }
  for (int i = 59; i < 500; ++i) {
    places.pop_front();  // the oldest is done
    auto place = share.Enter("bulk.test", At(i));
    ASSERT_TRUE(place) << i;
    places.push_back(*std::move(place));
  }
}

TEST(DestinationShareTest, ASlowDestinationHasItsShareAndNoMore) {
  DestinationShare share(2, seconds(60));
  auto first = share.Enter("slow.test", At(0));
  auto second = share.Enter("slow.test", At(10));
  auto third = share.Enter("slow.test", At(59));
  ASSERT_TRUE(first && second && third);
  EXPECT_FALSE(share.Enter("slow.test", At(60)));
  EXPECT_TRUE(share.Enter("other.test", At(60)));

  third.reset();
  EXPECT_FALSE(share.Enter("slow.test", At(61)));
  second.reset();
  auto again = share.Enter("slow.test", At(62));  // one of two
  EXPECT_TRUE(again);
  EXPECT_FALSE(share.Enter("slow.test", At(63)));
  first.reset();
  EXPECT_TRUE(share.Enter("slow.test", At(64)));  // moves again
}

TEST(DestinationShareTest, WhoWasRefusedLeavesNothingBehind) {
  DestinationShare share(1, seconds(60));
  for (int i = 0; i < 3; ++i) {
    auto only = share.Enter("slow.test", At(1000 * i));
    ASSERT_TRUE(only) << i;
    EXPECT_FALSE(share.Enter("slow.test", At(1000 * i + 60)));
  }
}

}  // namespace
}  // namespace postern
