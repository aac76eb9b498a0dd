// tests/core/delivery/under_way_test.cc
//
// One delivery of a message to a recipient at a time; who waits goes on as soon
// as he can, and no longer than his time or his caller allows.
#include "core/delivery/under_way.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <future>
#include <optional>

namespace postern {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Deadline Ample() { return Deadline::After(seconds(20)); }
Deadline Over() { return Deadline::After(milliseconds(0)); }

TEST(UnderWay, OneAtATime) {
  UnderWay under_way;
  std::optional<Result<UnderWay::Place>> first(
      under_way.Enter({"a", "b"}, Over(), {}));
  ASSERT_TRUE(first->ok());

  const auto again = under_way.Enter({"b", "c"}, Over(), {});
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().reason(), Reason::kDeliveryUnderWay);
  // It took nothing while it waited.
  EXPECT_TRUE(under_way.Enter({"c"}, Over(), {}).ok());

  first.reset();
  EXPECT_TRUE(under_way.Enter({"b", "c"}, Over(), {}).ok());
}

TEST(UnderWay, WhoWaitsGoesOnWhenTheOtherIsDone) {
  UnderWay under_way;
  std::optional<Result<UnderWay::Place>> first(
      under_way.Enter({"a"}, Over(), {}));
  auto second = std::async(std::launch::async, [&under_way] {
    return under_way.Enter({"a"}, Ample(), {}).ok();
  });
  EXPECT_EQ(second.wait_for(milliseconds(50)), std::future_status::timeout);
  first.reset();
  EXPECT_TRUE(second.get());
}

TEST(UnderWay, WhoWaitsForNobodyGivesUp) {
  UnderWay under_way;
  const auto first = under_way.Enter({"a"}, Over(), {});
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  close(ends[1]);
  Cancellation gone;
  gone.hangup_fd = ends[0];
  const auto second = under_way.Enter({"a"}, Ample(), gone);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().reason(), Reason::kClientGone);
  close(ends[0]);
}

}  // namespace
}  // namespace postern
