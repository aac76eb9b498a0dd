// tests/plugins/mta_sts/sts_record_test.cc
//
// The TXT record: exactly one well-formed record says that there is a policy;
// everything else says that there is none.
#include "plugins/mta_sts/sts_record.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace postern {
namespace {

using RecordState = StsRecord::State;

StsRecord Read(std::vector<std::string> txt) { return ReadStsRecord(txt); }

TEST(StsRecordTest, ReadsTheId) {
  const struct {
    const char* txt;
    const char* id;
  } cases[] = {
      {"v=STSv1; id=20160831085700Z;", "20160831085700Z"},
      {"v=STSv1;id=1", "1"},
      {"v=STSv1;\tid=a1 ; ", "a1"},
      {"v=STSv1; id=abcdefghijklmnopqrstuvwxyz012345",  // 32
       "abcdefghijklmnopqrstuvwxyz012345"},
      // STS-05: what is unknown is passed over, the first of two counts.
      {"v=STSv1; x_y-z.1=foo:bar,!; id=7", "7"},
      {"v=STSv1; id=7; id=8", "7"},
      {"v=STSv1; id=7; id=not-an-id", "7"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.txt);
    const StsRecord record = Read({c.txt});
    EXPECT_EQ(record.state, RecordState::kValid) << record.why;
    EXPECT_EQ(record.id, c.id);
  }
}

// STS-02
TEST(StsRecordTest, OnlyRecordsThatBeginWithTheVersionCount) {
  EXPECT_EQ(Read({}).state, RecordState::kAbsent);
  EXPECT_EQ(Read({"v=spf1 -all", "v=STSv10; id=1;", "v=STSv1", "V=STSv1; id=1",
                  " v=STSv1; id=1", "v=STSv1 ; id=1", "id=1; v=STSv1;"})
                .state,
            RecordState::kAbsent);
  const StsRecord one = Read({"v=STSv10; id=2", "v=STSv1; id=1;", "x"});
  EXPECT_EQ(one.state, RecordState::kValid);
  EXPECT_EQ(one.id, "1");
  EXPECT_EQ(Read({"v=STSv1; id=1;", "v=STSv1; id=1;"}).state,
            RecordState::kInvalid);
}

// STS-03
TEST(StsRecordTest, WhatIsNotWellFormedIsNoPolicy) {
  for (const char* const txt :
       {"v=STSv1;", "v=STSv1; ", "v=STSv1; foo=bar",
        "v=STSv1; id=", "v=STSv1; id=a-b", "v=STSv1; id=a b", "v=STSv1; ID=1",
        "v=STSv1; id=abcdefghijklmnopqrstuvwxyz0123456", "v=STSv1; id=\xc3\xa4",
        "v=STSv1;; id=1", "v=STSv1; id=1;;", "v=STSv1; id=1; x",
        "v=STSv1; =x; id=1", "v=STSv1; id=1; x=", "v=STSv1; id=1; x=a=b",
        "v=STSv1; id=1 ", "v=STSv1; id =1", "v=STSv1; id=1; _x=1",
        "v=STSv1; id=1; v=\x01"}) {
    SCOPED_TRACE(txt);
    const StsRecord record = Read({txt});
    EXPECT_EQ(record.state, RecordState::kInvalid);
    EXPECT_FALSE(record.why.empty());
    for (const char c : record.why) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
  }
  EXPECT_EQ(Read({std::string("v=STSv1; id=1\0;", 15)}).state,
            RecordState::kInvalid);
}

}  // namespace
}  // namespace postern
