// tests/core/service/repeated_lines_test.cc
//
// Whoever can cause a line of the log can't fill it; what is left out is
// counted and told.
#include "core/service/repeated_lines.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/testlib/served_map.h"

namespace postern {
namespace {

using std::chrono::seconds;

class RepeatedLinesTest : public testing::Test {
 protected:
  RepeatedLines::Monotonic::time_point now_{};
  std::vector<std::string> written_;
  const ServiceLog log_ = [this](std::string_view line) {
    written_.emplace_back(line);
  };
  RepeatedLines lines_{log_, "map", [this] { return now_; }};
};

TEST_F(RepeatedLinesTest, SoManyAMinuteAreWrittenAndTheRestIsCounted) {
  for (int i = 0; i < 100; ++i) lines_.Write("refused");
  EXPECT_EQ(written_, std::vector<std::string>(RepeatedLines::kMostAMinute,
                                               "map: refused"));
  now_ += seconds(59);
  lines_.Write("refused");
  EXPECT_EQ(written_.size(), RepeatedLines::kMostAMinute);

  now_ += seconds(1);
  lines_.Write("another");
  EXPECT_EQ(written_.back(), "map: another (96 more were not logged before)");
  lines_.Write("another");
  EXPECT_EQ(written_.back(), "map: another");
}

TEST_F(RepeatedLinesTest, WhatComesNowAndThenIsWrittenAsItIs) {
  for (std::size_t i = 0; i < 3 * RepeatedLines::kMostAMinute; ++i) {
    lines_.Write("now and then");
    now_ += seconds(13);
  }
  EXPECT_EQ(written_, std::vector<std::string>(3 * RepeatedLines::kMostAMinute,
                                               "map: now and then"));
}

TEST_F(RepeatedLinesTest, NeitherStrangersNorGarbageFillAMapsLog) {
  ServedMap map([](const SocketMapQuery&) { return SocketMapReply::Ok("x"); });
  const auto say = [&map](std::string_view octets) {
    const Deadline soon = Deadline::After(seconds(20));
    const OwnedFd fd = ConnectUnix(map.path(), soon).value();
    static_cast<void>(SendText(fd.get(), octets, -1, soon));
    EXPECT_EQ(WaitFor(fd.get(), false, -1, soon), Waited::kReadable);
    const auto closed = ReceiveNow(fd.get(), 100);
    EXPECT_TRUE(!closed || closed->octets.empty());
  };
  for (int i = 0; i < 20; ++i) say("99999:x");
  EXPECT_EQ(map.log_lines(), 5);
  map.TurnAway();
  for (int i = 0; i < 20; ++i) say("");
  EXPECT_EQ(map.log_lines(), 10);
}

}  // namespace
}  // namespace postern
