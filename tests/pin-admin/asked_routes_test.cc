// tests/pin-admin/asked_routes_test.cc
//
// Which addresses an MTA is asked about, and that several answers are waited
// for at the same time.
#include "pin-admin/doctor/asked_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "tests/pin-admin/watching.h"

namespace postern {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Result<ProgramOutput> Echo(const std::string& address) {
  return ProgramOutput{0, address, ""};
}

TEST(AskedRoutesTest, EachLineInItsOrderAndTheDefaultOfNobody) {
  const AskedRoutes asked = AskAboutRoutes(
      WatchingAll({"bank.test secure", ".partner.test encrypt", "* secure"}),
      "exim", Echo);
  std::vector<std::string> told;
  for (const AskedRoute& route : asked.routes) {
    EXPECT_EQ(route.said->out, route.address);
    told.push_back(route.key + (route.must ? " must " : " may ") +
                   route.address);
  }
  EXPECT_THAT(told, ElementsAre("bank.test must postmaster@bank.test",
                                ".partner.test may "
                                "postmaster@postern-doctor.partner.test"));
  EXPECT_THAT(asked.unasked, IsEmpty());
}

TEST(AskedRoutesTest, WhatWasNotAskedIsSaid) {
  std::vector<std::string> lines;
  lines.reserve(201);
  for (int i = 0; i < 201; ++i) {
    lines.push_back("d" + std::to_string(i) + ".test secure");
  }
  const AskedRoutes asked =
      AskAboutRoutes(WatchingAll(lines), "sendmail", Echo);
  EXPECT_THAT(asked.routes, SizeIs(200));
  ASSERT_THAT(asked.unasked, SizeIs(1));
  EXPECT_EQ(asked.unasked[0].code, "sendmail-routes-unasked");
  EXPECT_EQ(asked.unasked[0].subject, "d200.test");
  EXPECT_EQ(asked.unasked[0].weight, Remark::Weight::kUnknown);
}

// Each answer comes once both have been asked for.
TEST(AskedRoutesTest, OneThatIsSlowKeepsNobodyWaiting) {
  std::mutex mutex;
  std::condition_variable changed;
  int asking = 0;
  const AskedRoutes asked =
      AskAboutRoutes(WatchingAll({"a.test secure", "b.test secure"}), "exim",
                     [&](const std::string&) -> Result<ProgramOutput> {
                       std::unique_lock lock(mutex);
                       ++asking;
                       changed.notify_all();
                       if (!changed.wait_for(lock, std::chrono::seconds(30),
                                             [&] { return asking == 2; })) {
                         return Error{Reason::kDeadlineExceeded, "alone"};
                       }
                       return ProgramOutput{};
                     });
  for (const AskedRoute& route : asked.routes) EXPECT_TRUE(route.said);
}

}  // namespace
}  // namespace postern
