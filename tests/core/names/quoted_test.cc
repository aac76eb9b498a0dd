// What a stranger wrote cannot forge a line of our log.
#include "core/names/quoted.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

TEST(QuotedTest, ShowsPlainTextAsItIs) {
  EXPECT_EQ(Quoted("mx.example"), "'mx.example'");
  EXPECT_EQ(Quoted(""), "''");
}

TEST(QuotedTest, LeavesNothingThatCouldBreakALine) {
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(Quoted("a\r\nb\0c\x1b[2J\x7f\xc3\xbc'd"sv), "'a??b?c?[2J????d'");
}

TEST(QuotedTest, IsBounded) {
  EXPECT_EQ(Quoted(std::string(5000, 'a')),
            "'" + std::string(100, 'a') + "...'");
}

}  // namespace
}  // namespace postern
