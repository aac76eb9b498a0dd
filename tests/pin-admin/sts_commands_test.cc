// tests/pin-admin/sts_commands_test.cc
//
// sts show, refresh and purge: what is held is shown as it is, and what the
// service alone can do is not done without it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <filesystem>

#include "core/store/published_store.h"
#include "tests/pin-admin/run_pin_admin.h"

namespace postern {
namespace {

using testing::HasSubstr;

class StsCommandsTest : public testing::Test {
 protected:
  void SetUp() override { store_.Good({"init"}); }

  // Held as the service would: pin-admin reads it without privileges.
  void Hold(const PublishedEntry& entry) {
    const std::string path = store_.path("published.db");
    {
      PublishedStore cache(path, {});
      ASSERT_TRUE(cache.Put(entry));
    }
    const passwd* const nobody = getpwnam("nobody");
    if (geteuid() != 0 || nobody == nullptr) return;
    std::filesystem::permissions(store_.path(""),
                                 std::filesystem::perms::others_all,
                                 std::filesystem::perm_options::add);
    for (const auto& file :
         std::filesystem::directory_iterator(store_.path(""))) {
      if (file.path().filename().string().rfind("published.db", 0) != 0) {
        continue;
      }
      ASSERT_EQ(chown(file.path().c_str(), nobody->pw_uid, nobody->pw_gid), 0);
    }
  }
  static PublishedEntry Entry() {
    PublishedEntry entry;
    entry.source = "mta-sts";
    entry.domain = "bank.example";
    entry.id = "20260101";
    entry.text =
        "version: STSv1\nmode: enforce\nmx: mx.bank.example\nx: \xc2\x9b[31m\n"
        "max_age: 604800\n";
    entry.fetched_at = SystemClock().Now();
    entry.expires_at = entry.fetched_at + std::chrono::hours(168);
    entry.refresh_at = entry.fetched_at + std::chrono::hours(24);
    return entry;
  }

  const TestStore store_;
};

TEST_F(StsCommandsTest, ShowsWhatIsHeldAndWhatFailed) {
  EXPECT_THAT(store_.Good({"sts", "show"}).out, HasSubstr("No MTA-STS policy"));
  EXPECT_EQ(store_.Run({"sts", "show", "bank.example"}).status, 1);
  EXPECT_EQ(store_.Run({"sts", "show", "not a name"}).status, 2);
  PublishedEntry entry = Entry();
  entry.failures = 3;
  entry.failed_at = entry.fetched_at;
  entry.failed_id = "2";
  entry.failure = Reason::kStsPolicyFetchError;
  entry.detail = "HTTP status 404";
  Hold(entry);
  const Ran shown = store_.Good({"sts", "show", "BANK.example."});
  EXPECT_THAT(shown.out, HasSubstr("enforce"));
  EXPECT_THAT(shown.out, HasSubstr("mx: mx.bank.example"));
  EXPECT_THAT(shown.out, HasSubstr("sts-policy-fetch-error"));
  const Json json = store_.GoodJson({"sts", "show"});
  const Json& row = json["policies"].array()->at(0);
  EXPECT_EQ(row["domain"].text(), "bank.example");
  EXPECT_EQ(row["id"].text(), "20260101");
  EXPECT_EQ(row["mx"].array()->at(0).text(), "mx.bank.example");
  EXPECT_EQ(*row["failures"].integer(), 3);
  EXPECT_EQ(row["detail"].text(), "HTTP status 404");
}

TEST_F(StsCommandsTest, SaysWhatHasRunOut) {
  PublishedEntry entry = Entry();
  entry.expires_at = entry.fetched_at - std::chrono::hours(1);
  Hold(entry);
  EXPECT_THAT(store_.Good({"sts", "show"}).out, HasSubstr("enforce, expired"));
}

TEST_F(StsCommandsTest, WithoutTheServiceNothingIsFetchedOrForgotten) {
  for (const char* const verb : {"refresh", "purge"}) {
    const Ran ran = store_.Run({"sts", verb, "bank.example"});
    EXPECT_EQ(ran.status, 4) << verb;
    EXPECT_THAT(ran.err, HasSubstr("bank.example"));
    EXPECT_EQ(store_.Run({"sts", verb}).status, 2);
    EXPECT_EQ(store_.Run({"sts", verb, "a b"}).status, 2);
  }
}

}  // namespace
}  // namespace postern
