// tests/core/service/repeated_lines_test.cc
//
// Whoever can cause a line of the log can't fill it; what is left out is
// counted and told.
#include "core/service/repeated_lines.h"

#include <gtest/gtest.h>

#include <vector>

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
  RepeatedLines lines_{log_, [this] { return now_; }};
};

TEST_F(RepeatedLinesTest, SoManyAMinuteAreWrittenAndTheRestIsCounted) {
  for (int i = 0; i < 100; ++i) lines_.Write("refused");
  EXPECT_EQ(written_,
            std::vector<std::string>(RepeatedLines::kMostAMinute, "refused"));
  now_ += seconds(59);
  lines_.Write("refused");
  EXPECT_EQ(written_.size(), RepeatedLines::kMostAMinute);

  now_ += seconds(1);
  lines_.Write("another");
  EXPECT_EQ(written_.back(), "another (96 more were not logged before)");
  lines_.Write("another");
  EXPECT_EQ(written_.back(), "another");
}

TEST_F(RepeatedLinesTest, WhatComesNowAndThenIsWrittenAsItIs) {
  for (std::size_t i = 0; i < 3 * RepeatedLines::kMostAMinute; ++i) {
    lines_.Write("now and then");
    now_ += seconds(13);
  }
  EXPECT_EQ(written_, std::vector<std::string>(3 * RepeatedLines::kMostAMinute,
                                               "now and then"));
}

}  // namespace
}  // namespace postern
