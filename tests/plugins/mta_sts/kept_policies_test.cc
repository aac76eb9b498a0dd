// tests/plugins/mta_sts/kept_policies_test.cc
//
// What is stored when several write at the same time.
#include "plugins/mta_sts/kept_policies.h"

#include "tests/plugins/mta_sts/keeper_fixture.h"

namespace postern {
namespace {

PublishedEntry Edition(const std::string& domain, const std::string& id) {
  PublishedEntry entry;
  entry.source = KeptPolicies::kSource;
  entry.domain = domain;
  entry.id = id;
  entry.text = Policy("enforce");
  return entry;
}

// While the first of two is stored at last, a newer edition of the other comes.
TEST(KeptPoliciesTest, AnOlderEditionNeverReplacesANewerOne) {
  BreakableCache cache;
  KeptPolicies kept(cache, {});
  cache.unwritable = true;
  kept.Keep(Edition("a.test", "1"));
  kept.Keep(Edition("d.test", "1"));
  cache.unwritable = false;
  std::latch stored(1);
  std::thread newer;
  cache.on_put = [&](const PublishedEntry& entry) {
    if (entry.domain != "a.test") return;
    newer = std::thread([&] {
      kept.Keep(Edition("d.test", "2"));
      stored.count_down();
    });
    // In vain where one change is made after the other.
    for (int i = 0; i < 20 && !stored.try_wait(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  };
  kept.KeepAgain();
  newer.join();
  EXPECT_EQ((*cache.Find(KeptPolicies::kSource, "d.test"))->id, "2");
  EXPECT_EQ((*kept.Find("d.test"))->id, "2");
  EXPECT_EQ((*kept.Find("a.test"))->id, "1");
}

TEST(KeptPoliciesTest, ChangesNothingThatItCanNotRead) {
  BreakableCache cache;
  KeptPolicies kept(cache, {});
  kept.Keep(Edition("d.test", "1"));
  cache.unreadable = true;
  EXPECT_FALSE(kept.Change("d.test", [](PublishedEntry& e) { e.id = "2"; }));
  cache.unreadable = false;
  EXPECT_EQ((*kept.Find("d.test"))->id, "1");
  EXPECT_TRUE(kept.Change("d.test", [](PublishedEntry& e) { e.id = "2"; }));
  EXPECT_EQ((*kept.Find("d.test"))->id, "2");
}

}  // namespace
}  // namespace postern
