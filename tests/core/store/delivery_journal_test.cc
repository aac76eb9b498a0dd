// tests/core/store/delivery_journal_test.cc
//
// What the journal was told it still knows after a kill -9; only "delivered"
// stays; what it can't write or read it says; and it never grows without end.
#include "core/store/delivery_journal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include "tests/core/store/store_fixture.h"

namespace postern {
namespace {

using std::chrono::hours;
using testing::HasSubstr;

class SetClock final : public Clock {
 public:
  TimePoint Now() const override { return now; }
  TimePoint now{hours(500'000)};
};

class DeliveryJournalTest : public StoreTest {
 protected:
  static JournalKey KeyOf(const std::string& id, const std::string& to = "a@b",
                          char digest = 'd') {
    return {id, to, std::string(32, digest)};
  }
  static JournalEnd EndWith(JournalState state) {
    return {"a@b", state, "2.0.0", "250 taken"};
  }
  JournalStore::Options OptionsHere() {
    JournalStore::Options options;
    options.path = PathOf("state/journal.db");
    options.warn = [this](std::string_view text) {
      warnings_.emplace_back(text);
    };
    return options;
  }
  // "none", or the state's number.
  static std::string StateIn(JournalStore& journal, const JournalKey& key) {
    const auto found = journal.Find({&key, 1});
    if (!found) return found.error().ToString();
    if (!found->front()) return "none";
    return std::to_string(static_cast<int>(found->front()->state));
  }
  static void BeginAndEnd(JournalStore& journal, const JournalKey& key,
                          JournalState state) {
    ASSERT_TRUE(journal.Begin({&key, 1}, "mx.test[192.0.2.1]"));
    const JournalEnd end = EndWith(state);
    journal.End({&key, 1}, {&end, 1});
  }

  SetClock clock_;
  std::vector<std::string> warnings_;
};

TEST_F(DeliveryJournalTest, KnowsWhatWasDeliveredAndNothingElse) {
  JournalStore journal(OptionsHere(), clock_);
  const JournalKey key = KeyOf("4FA");
  EXPECT_EQ(StateIn(journal, key), "none");
  ASSERT_TRUE(journal.Begin({&key, 1}, "mx.test[192.0.2.1]"));
  EXPECT_EQ(StateIn(journal, key), "0");
  const JournalEnd end = EndWith(JournalState::kDelivered);
  journal.End({&key, 1}, {&end, 1});

  const auto found = journal.Find({&key, 1});
  ASSERT_TRUE(found) << found.error().ToString();
  const JournalEntry& entry = *found->front();
  EXPECT_EQ(entry.state, JournalState::kDelivered);
  EXPECT_EQ(entry.key, key);
  EXPECT_EQ(entry.where, "mx.test[192.0.2.1]");
  EXPECT_EQ(entry.reply, "250 taken");
  EXPECT_EQ(entry.ended_at, clock_.now);

  EXPECT_EQ(StateIn(journal, KeyOf("4FB")), "none");
  EXPECT_EQ(StateIn(journal, KeyOf("4FA", "other@b")), "none");
  EXPECT_EQ(StateIn(journal, KeyOf("4FA", "a@b", 'e')), "none");
  EXPECT_THAT(warnings_, testing::IsEmpty());
}

TEST_F(DeliveryJournalTest, WhatIsDeliveredStaysDelivered) {
  JournalStore journal(OptionsHere(), clock_);
  const JournalKey key = KeyOf("4FA");
  BeginAndEnd(journal, key, JournalState::kDelivered);
  // Another process delivered the same at the same time, and was less lucky.
  BeginAndEnd(journal, key, JournalState::kNotSent);
  EXPECT_EQ(StateIn(journal, key), "1");
}

TEST_F(DeliveryJournalTest, CountsTheAttemptsWhoseEndNobodyKnows) {
  JournalStore journal(OptionsHere(), clock_);
  const JournalKey key = KeyOf("4FA");
  BeginAndEnd(journal, key, JournalState::kNotSent);     // harmless
  BeginAndEnd(journal, key, JournalState::kUnanswered);  // may have arrived
  ASSERT_TRUE(journal.Begin({&key, 1}, "mx"));           // killed: likewise
  BeginAndEnd(journal, key, JournalState::kDelivered);

  const auto entries = ReadJournal(PathOf("state/journal.db"), "4FA");
  ASSERT_TRUE(entries) << entries.error().ToString();
  ASSERT_EQ(entries->size(), 1u);
  EXPECT_EQ(entries->front().attempts, 4u);
  EXPECT_EQ(entries->front().unknown, 2u);
  EXPECT_EQ(entries->front().state, JournalState::kDelivered);
}

TEST_F(DeliveryJournalTest, SurvivesAKillRightAfterItsAnswer) {
  for (int round = 0; round < 5; ++round) {
    const std::string id = "4F" + std::to_string(round);
    int ends[2];
    ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = fork();
    if (child == 0) {
      JournalStore journal(OptionsHere(), clock_);
      const JournalKey key = KeyOf(id);
      if (!journal.Begin({&key, 1}, "mx")) _exit(1);
      if (round % 2 == 1) {
        const JournalEnd end = EndWith(JournalState::kDelivered);
        journal.End({&key, 1}, {&end, 1});
      }
      kill(getpid(), SIGKILL);
    }
    close(ends[1]);
    close(ends[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    JournalStore journal(OptionsHere(), clock_);
    EXPECT_EQ(StateIn(journal, KeyOf(id)), round % 2 == 1 ? "1" : "0");
  }
}

TEST_F(DeliveryJournalTest, ManyAtATimeAllGetWhatTheyAskedFor) {
  JournalStore journal(OptionsHere(), clock_);
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const JournalKey key = KeyOf(std::to_string(t * 100 + i));
        const JournalEnd end = EndWith(JournalState::kDelivered);
        if (!journal.Begin({&key, 1}, "mx")) return;
        journal.End({&key, 1}, {&end, 1});
        if (StateIn(journal, key) == "1") ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 160);
}

TEST_F(DeliveryJournalTest, WithoutAPlaceToWriteNothingMayBeSent) {
  JournalStore::Options options = OptionsHere();
  options.path = PathOf("no/such/directory/journal.db");
  JournalStore journal(options, clock_);
  const JournalKey key = KeyOf("4FA");
  EXPECT_EQ(journal.Check().error().reason(), Reason::kJournalUnavailable);
  EXPECT_EQ(journal.Begin({&key, 1}, "mx").error().reason(),
            Reason::kJournalUnavailable);
  EXPECT_EQ(journal.Find({&key, 1}).error().reason(),
            Reason::kJournalUnavailable);
  EXPECT_EQ(warnings_.size(), 1u);  // once, not for every mail

  std::filesystem::create_directories(PathOf("no/such/directory"));
  EXPECT_TRUE(journal.Begin({&key, 1}, "mx"));
  ASSERT_EQ(warnings_.size(), 2u);
  EXPECT_THAT(warnings_.back(), HasSubstr("can be used again"));
}

TEST_F(DeliveryJournalTest, AFullDiskIsAnErrorBeforeAndAComplaintAfter) {
  JournalStore journal(OptionsHere(), clock_);
  const JournalKey key = KeyOf("4FA"), other = KeyOf("4FB");
  ASSERT_TRUE(journal.Begin({&key, 1}, "mx"));
  // No file may grow any more.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
  const JournalEnd end = EndWith(JournalState::kDelivered);
  journal.End({&key, 1}, {&end, 1});
  const Status begun = journal.Begin({&other, 1}, "mx");
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);

  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().reason(), Reason::kJournalUnavailable);
  EXPECT_THAT(warnings_, testing::Contains(HasSubstr("4FA was delivered")));
  EXPECT_EQ(StateIn(journal, key), "0");
  EXPECT_EQ(StateIn(journal, other), "none");
}

TEST_F(DeliveryJournalTest, AnotherProgramsFileIsNotTouched) {
  std::filesystem::create_directory(PathOf("state"));
  std::ofstream(PathOf("state/journal.db")) << std::string(8192, 'x');
  JournalStore journal(OptionsHere(), clock_);
  const JournalKey key = KeyOf("4FA");
  EXPECT_FALSE(journal.Begin({&key, 1}, "mx"));
  EXPECT_EQ(std::filesystem::file_size(PathOf("state/journal.db")), 8192u);
}

TEST_F(DeliveryJournalTest, OldEntriesAndTooManyGo) {
  JournalStore::Options options = OptionsHere();
  options.retention = hours(24);
  options.limit = 40;
  JournalStore journal(options, clock_);
  BeginAndEnd(journal, KeyOf("OLD"), JournalState::kDelivered);
  clock_.now += hours(23);
  BeginAndEnd(journal, KeyOf("YOUNG"), JournalState::kDelivered);
  clock_.now += hours(2);
  // A pruning comes at least once in so many commits.
  for (int i = 0; i < 64; ++i) (void)journal.Check();
  EXPECT_EQ(StateIn(journal, KeyOf("OLD")), "none");
  EXPECT_EQ(StateIn(journal, KeyOf("YOUNG")), "1");

  for (int i = 0; i < 100; ++i) {
    BeginAndEnd(journal, KeyOf("N" + std::to_string(i)),
                JournalState::kDelivered);
  }
  for (int i = 0; i < 64; ++i) (void)journal.Check();
  EXPECT_EQ(StateIn(journal, KeyOf("YOUNG")), "none");
  EXPECT_EQ(StateIn(journal, KeyOf("N0")), "none");
  EXPECT_EQ(StateIn(journal, KeyOf("N99")), "1");
}

TEST_F(DeliveryJournalTest, IsItsOwnersAlone) {
  JournalStore journal(OptionsHere(), clock_);
  ASSERT_TRUE(journal.Check());
  struct stat info {};
  ASSERT_EQ(stat(PathOf("state/journal.db").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_TRUE(ReadJournal(PathOf("nowhere.db"), "4FA")->empty());
}

}  // namespace
}  // namespace postern
