// tests/pin-admin/audit_test.cc
//
// What an auditor is shown, and that it never looks like more than it is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock/clock.h"
#include "core/store/state_store.h"
#include "tests/pin-admin/run_pin_admin.h"

namespace postern {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(AuditTest, SaysWhatItLeavesOut) {
  const TestStore store;
  store.Good({"init"});
  store.Good({"policy", "set", "a.example", "secure"});
  const Ran cut = store.Good({"audit", "--limit", "1"});
  EXPECT_THAT(cut.out, HasSubstr("These are the newest 1"));
  const Ran whole = store.Good({"audit", "--limit", "2"});
  EXPECT_THAT(whole.out, Not(HasSubstr("newest")));
  EXPECT_THAT(whole.out, HasSubstr("Delivered: 0 to a server"));

  const SystemClock clock;
  StateStore::Options options;
  options.path = store.path("state/state.db");
  ASSERT_EQ(mkdir(store.path("state").c_str(), 0700), 0);
  options.warn = [](std::string_view text) { ADD_FAILURE() << text; };
  auto state = StateStore::Open(options, clock);
  ASSERT_TRUE(state) << state.error().detail();
  SessionRecord record;
  record.at = clock.Now();
  record.outcome = "delivered";
  record.destination = record.next_hop = "a.example";
  for (const char* id : {"first", "second", "third"}) {
    record.queue_id = id;
    (*state)->OnSession(record);
  }
  state->reset();
  if (geteuid() == 0) {  // they are read as who writes them
    const passwd* nobody = getpwnam("nobody");
    ASSERT_NE(nobody, nullptr);
    for (const std::string& file : {store.path("state"), options.path}) {
      ASSERT_EQ(chown(file.c_str(), nobody->pw_uid, nobody->pw_gid), 0);
    }
  }
  const std::string set = "state=" + options.path;
  const Json two = store.GoodJson({"audit", "--limit", "2", "--set", set});
  EXPECT_EQ(two["verdicts"].size(), 2u);
  ASSERT_TRUE(two["more_verdicts"].boolean());
  EXPECT_TRUE(*two["more_verdicts"].boolean());
  ASSERT_TRUE(two["delivered"]["cleartext"].integer());
  EXPECT_EQ(*two["delivered"]["cleartext"].integer(), 2);
  const Json three = store.GoodJson({"audit", "--limit", "3", "--set", set});
  EXPECT_EQ(three["verdicts"].size(), 3u);
  ASSERT_TRUE(three["more_verdicts"].boolean());
  EXPECT_FALSE(*three["more_verdicts"].boolean());
}

}  // namespace
}  // namespace postern
