// tests/core/store/published_store_test.cc
//
// Published policies survive the process, and a store that can't be read is
// never an empty one.
#include "core/store/published_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace postern {
namespace {

using std::chrono::hours;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const TimePoint kNow{hours(500'000)};

PublishedEntry Entry(const std::string& domain) {
  PublishedEntry entry;
  entry.source = "mta-sts";
  entry.domain = domain;
  entry.id = "20260101";
  entry.text = std::string("version: STSv1\r\nx: \xc3\xa4\0\n", 22);
  entry.fetched_at = kNow;
  entry.expires_at = kNow + hours(100);
  entry.refresh_at = kNow + hours(24);
  entry.failures = 2;
  entry.failed_at = kNow + hours(1);
  entry.failed_id = "20260102";
  entry.failure = Reason::kStsPolicyFetchError;
  entry.detail = "HTTP status 404";
  return entry;
}

class PublishedStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "postern-published-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern + "/state/published.db";
  }
  void TearDown() override {
    std::filesystem::remove_all(
        std::filesystem::path(path_).parent_path().parent_path());
  }
  PublishedStore Open() {
    return PublishedStore(
        path_, [this](std::string_view text) { said_.emplace_back(text); });
  }
  std::string path_;
  std::vector<std::string> said_;
};

TEST_F(PublishedStoreTest, GivesBackWhatItWasGiven) {
  PublishedStore store = Open();
  EXPECT_FALSE(store.Find("mta-sts", "d.test")->has_value());
  ASSERT_TRUE(store.Put(Entry("d.test")));
  EXPECT_EQ(**store.Find("mta-sts", "d.test"), Entry("d.test"));
  EXPECT_FALSE(store.Find("other", "d.test")->has_value());
  EXPECT_FALSE(store.Find("mta-sts", "sub.d.test")->has_value());
  PublishedEntry newer = Entry("d.test");
  newer.id = "3";
  newer.failures = 0;
  ASSERT_TRUE(store.Put(newer));
  EXPECT_EQ(**store.Find("mta-sts", "d.test"), newer);
  EXPECT_TRUE(*store.Remove("mta-sts", "d.test"));
  EXPECT_FALSE(*store.Remove("mta-sts", "d.test"));
  EXPECT_FALSE(store.Find("mta-sts", "d.test")->has_value());
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600);
}

TEST_F(PublishedStoreTest, AClaimIsNobodyElses) {
  PublishedStore store = Open();
  for (int i = 0; i < 5; ++i) {
    PublishedEntry entry = Entry("d" + std::to_string(i) + ".test");
    entry.refresh_at = kNow + hours(i);
    ASSERT_TRUE(store.Put(entry));
  }
  const TimePoint now = kNow + hours(3);
  const auto first = store.Claim("mta-sts", now, now + hours(1), 3);
  ASSERT_TRUE(first);
  ASSERT_THAT(*first, SizeIs(3));
  EXPECT_EQ((*first)[0].domain, "d0.test");
  EXPECT_EQ((*first)[0].refresh_at, now + hours(1));
  EXPECT_THAT(*store.Claim("mta-sts", now, now + hours(1), 3), SizeIs(1));
  EXPECT_THAT(*store.Claim("mta-sts", now, now + hours(1), 3), IsEmpty());
  EXPECT_THAT(*store.Claim("mta-sts", now + hours(1), now + hours(9), 99),
              SizeIs(5));
}

TEST_F(PublishedStoreTest, WhatRanOutLongAgoGoes) {
  PublishedStore store = Open();
  ASSERT_TRUE(store.Put(Entry("d.test")));
  PublishedEntry never = Entry("never.test");
  never.text.clear();
  never.expires_at = {};
  ASSERT_TRUE(store.Put(never));
  ASSERT_TRUE(store.Claim("mta-sts", kNow + hours(24 * 29), kNow, 0));
  EXPECT_TRUE(store.Find("mta-sts", "never.test")->has_value());
  ASSERT_TRUE(store.Claim("mta-sts", kNow + hours(24 * 31), kNow, 0));
  EXPECT_FALSE(store.Find("mta-sts", "never.test")->has_value());
  EXPECT_TRUE(store.Find("mta-sts", "d.test")->has_value());
  ASSERT_TRUE(store.Claim("mta-sts", kNow + hours(24 * 40), kNow, 0));
  EXPECT_FALSE(store.Find("mta-sts", "d.test")->has_value());
}

TEST_F(PublishedStoreTest, SurvivesAKill) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    PublishedStore store(path_, {});
    const bool put = store.Put(Entry("d.test")).ok();
    (void)!write(ready[1], put ? "y" : "n", 1);
    for (;;) pause();
  }
  char said = 0;
  ASSERT_EQ(read(ready[0], &said, 1), 1);
  ASSERT_EQ(said, 'y');
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(**Open().Find("mta-sts", "d.test"), Entry("d.test"));
  const auto all = ReadPublished(path_);
  ASSERT_TRUE(all);
  EXPECT_THAT(*all, ElementsAre(Entry("d.test")));
  EXPECT_THAT(*ReadPublished(path_, "other.test"), IsEmpty());
  EXPECT_THAT(*ReadPublished(path_, "d.test"), SizeIs(1));
}

TEST_F(PublishedStoreTest, DamageIsAnErrorAndIsToldOnce) {
  {
    PublishedStore store = Open();
    ASSERT_TRUE(store.Put(Entry("d.test")));
  }
  std::filesystem::remove(path_ + "-wal");
  std::ofstream(path_, std::ios::trunc) << std::string(4096, 'x');
  PublishedStore store = Open();
  for (int i = 0; i < 3; ++i) {
    const auto found = store.Find("mta-sts", "d.test");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().reason(), Reason::kPolicyStoreUnavailable);
  }
  EXPECT_THAT(said_, ElementsAre(HasSubstr("cannot be used")));
  EXPECT_FALSE(ReadPublished(path_));
  std::filesystem::remove(path_);
  ASSERT_TRUE(store.Check());
  EXPECT_THAT(said_, SizeIs(2));
  EXPECT_THAT(*ReadPublished(path_ + ".absent"), IsEmpty());
}

}  // namespace
}  // namespace postern
