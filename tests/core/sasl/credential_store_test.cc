// The file of credentials as the service follows it: what changes bites at
// once, what can't be read is never "no credentials".
#include "core/sasl/credential_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace postern {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class CredentialStoreTest : public testing::Test {
 protected:
  ~CredentialStoreTest() override { unlink(path_.c_str()); }
  // As an administrator's editor does: a new file in the place of the old.
  void Write(const std::string& text, mode_t mode = 0600) {
    std::ofstream(path_ + ".new") << text;
    ASSERT_EQ(chmod((path_ + ".new").c_str(), mode), 0);
    ASSERT_EQ(rename((path_ + ".new").c_str(), path_.c_str()), 0);
  }
  std::shared_ptr<const Credentials> Must(const char* hop) {
    auto found = store_.For(NextHop::Parse(hop).value());
    EXPECT_TRUE(found.ok()) << found.error().detail();
    return found.ok() ? *std::move(found) : nullptr;
  }

  const std::string path_ =
      testing::TempDir() + "credential-store." + std::to_string(getpid());
  CredentialStore store_{path_};
};

TEST_F(CredentialStoreTest, WithoutAFileNamedNobodyLogsIn) {
  CredentialStore none("");
  const auto found = none.For(NextHop::Parse("[h.test]:587").value());
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(*found, nullptr);
  EXPECT_EQ(none.Generation(), "");
}

TEST_F(CredentialStoreTest, GivesEachHopItsOwnAndNobodyElses) {
  Write("[a.test]:587 alice one\n[b.test]:25 bob two\n");
  ASSERT_TRUE(Must("[a.test]:587"));
  EXPECT_EQ(Must("[a.test]:587")->user(), "alice");
  EXPECT_EQ(Must("[b.test]")->user(), "bob");
  EXPECT_EQ(Must("[a.test]:25"), nullptr);
  EXPECT_EQ(Must("[a.test]:465"), nullptr);
  EXPECT_EQ(Must("a.test:587"), nullptr);
  EXPECT_EQ(Must("[c.test]:587"), nullptr);
}

TEST_F(CredentialStoreTest, AChangedLineIsAnotherObjectAndTheOthersStay) {
  Write("[a.test]:587 alice one\n[b.test]:25 bob two\n");
  const auto a = Must("[a.test]:587");
  const auto b = Must("[b.test]:25");
  const std::string before = store_.Generation();
  EXPECT_EQ(Must("[a.test]:587"), a);
  EXPECT_EQ(store_.Generation(), before);

  Write("# as it was\n[a.test]:587 alice one\n[b.test]:25 bob two\n");
  EXPECT_EQ(Must("[a.test]:587"), a);
  EXPECT_EQ(store_.Generation(), before);

  Write("[a.test]:587 alice changed\n[b.test]:25 bob two\n");
  EXPECT_NE(Must("[a.test]:587")->id(), a->id());
  EXPECT_EQ(Must("[b.test]:25"), b);
  EXPECT_NE(store_.Generation(), before);

  const std::string changed = store_.Generation();
  Write("[b.test]:25 bob two\n");
  EXPECT_EQ(Must("[a.test]:587"), nullptr);
  EXPECT_NE(store_.Generation(), changed);
}

TEST_F(CredentialStoreTest, WhatCantBeReadIsNotNoCredentials) {
  const NextHop hop = NextHop::Parse("[a.test]:587").value();
  const auto complaint = [&] {
    const auto found = store_.For(hop);
    if (found.ok()) return std::string("found");
    EXPECT_EQ(found.error().reason(), Reason::kCredentialsUnavailable);
    return found.error().detail();
  };
  EXPECT_THAT(complaint(), StartsWith(path_ + ": No such file"));
  Write("[a.test]:587 alice one\n");
  const std::string good = store_.Generation();
  EXPECT_EQ(complaint(), "found");
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  EXPECT_THAT(complaint(), HasSubstr("chmod 600"));
  EXPECT_NE(store_.Generation(), good);
  ASSERT_EQ(chmod(path_.c_str(), 0600), 0);
  EXPECT_EQ(complaint(), "found");
  Write("[a.test]:587 alice on");
  EXPECT_THAT(complaint(), HasSubstr("half written"));
  Write("[a.test]:587 alice one\n");
  EXPECT_EQ(complaint(), "found");
  // As who writes into it does, before the first octet.
  ASSERT_EQ(truncate(path_.c_str(), 0), 0);
  EXPECT_THAT(complaint(), HasSubstr("it is empty"));
  Write("# nobody yet\n");
  EXPECT_EQ(complaint(), "found");
  unlink(path_.c_str());
  EXPECT_THAT(complaint(), HasSubstr("No such file"));
}

TEST_F(CredentialStoreTest, AShortageOfDescriptorsIsOverWhenItIsOver) {
  Write("[a.test]:587 alice one\n");
  const NextHop hop = NextHop::Parse("[a.test]:587").value();
  struct rlimit usual {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
  struct rlimit none = usual;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto short_of = store_.For(hop);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
  ASSERT_FALSE(short_of.ok());
  EXPECT_THAT(short_of.error().detail(), HasSubstr("Too many open files"));
  // The file is the one it was.
  const auto later = Must("[a.test]:587");
  ASSERT_TRUE(later);
  EXPECT_EQ(later->user(), "alice");
}

TEST(CredentialsTest, ARefusalIsRememberedForAMinute) {
  const Credentials who("alice", Secret("one"));
  const Credentials::Moment now{};
  EXPECT_FALSE(who.RefusedLately(now));
  who.NoteRefusal(now, "535 no");
  EXPECT_EQ(who.RefusedLately(now + std::chrono::seconds(59)), "535 no");
  EXPECT_FALSE(who.RefusedLately(now + std::chrono::seconds(60)));
}

}  // namespace
}  // namespace postern
