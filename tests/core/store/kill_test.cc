// tests/core/store/kill_test.cc
//
// kill -9 at any moment of a commit or of publishing: afterwards the store is
// whole, its history fits, and the snapshot is the old one or the new one.
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <random>

#include "core/store/snapshot.h"
#include "tests/core/store/store_fixture.h"

namespace postern {
namespace {

class KillTest : public StoreTest {
 protected:
  // Commits and publishes until a timer kills it. Each commit changes two lines
  // together. Exits only where something went wrong.
  [[noreturn]] void CommitUntilKilled(long microseconds) {
    auto store = AuthorStore::Open(author_path());
    if (!store) _exit(2);
    for (int i = 0;; ++i) {
      const std::string level = i % 2 == 0 ? " secure" : " encrypt";
      const std::vector<Change> changes{Set("a.example" + level),
                                        Set("b.example" + level)};
      const auto commit = (*store)->Apply(changes, {"child", now_});
      if (!commit || !Publish(**store, snapshot_path(), {}, now_)) _exit(3);
      if (i == 0 && !ArmTimer(microseconds)) _exit(4);
    }
  }

  static bool ArmTimer(long microseconds) {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGKILL;
    timer_t timer{};
    itimerspec when{};
    when.it_value.tv_nsec = microseconds * 1000;
    return timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 &&
           timer_settime(timer, 0, &when, nullptr) == 0;
  }

  void ExpectWhole() {
    auto store = AuthorStore::Open(author_path());
    ASSERT_TRUE(store.ok()) << store.error().detail();
    const auto head = (*store)->VerifyHistory();
    ASSERT_TRUE(head.ok()) << head.error().detail();
    const auto a = (*store)->Find(Key("a.example"));
    const auto b = (*store)->Find(Key("b.example"));
    ASSERT_TRUE(a.ok() && *a && b.ok() && *b);
    EXPECT_EQ((*a)->line->level, (*b)->line->level);

    const auto snapshot = VerifySnapshot(snapshot_path());
    ASSERT_TRUE(snapshot.ok()) << snapshot.error().detail();
    const std::uint64_t newest = (*store)->Version()->commit;
    EXPECT_LE(snapshot->version.commit, newest);
    EXPECT_GE(snapshot->version.commit + 1, newest);

    ASSERT_TRUE(Publish(**store, snapshot_path(), {}, now_).ok());
    SnapshotStore served(snapshot_path());
    const auto line = served.Find(Key("a.example"));
    ASSERT_TRUE(line.ok() && *line);
    EXPECT_EQ((*line)->line->level, (*a)->line->level);
  }
};

TEST_F(KillTest, LeavesTheOldStateOrTheNewOne) {
  Make();
  std::mt19937 random(
      9);  // where in the work it hits is the scheduler's choice
  std::uniform_int_distribution<long> moment(1, 30'000);
  for (int round = 0; round < 30; ++round) {
    SCOPED_TRACE(round);
    const long microseconds = moment(random);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) CommitUntilKilled(microseconds);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
    ExpectWhole();
  }
}

}  // namespace
}  // namespace postern
