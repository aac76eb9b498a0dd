// tests/core/store/snapshot_test.cc
//
// The snapshot answers what was published, proves what is absent, and says
// "can't be read" to everything else: missing, cut, damaged, of another
// program. Never "no policy".
#include "core/store/snapshot.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <thread>

#include "tests/core/store/store_fixture.h"

namespace postern {
namespace {

class SnapshotTest : public StoreTest {
 protected:
  void PublishNow(AuthorStore& store) {
    const auto info = Publish(store, snapshot_path(), {}, now_);
    ASSERT_TRUE(info.ok()) << info.error().detail();
  }
  static std::string Contents(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  static void Write(const std::string& path, const std::string& octets) {
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << octets;
  }
  void Sql(const std::string& text) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(snapshot_path().c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, text.c_str(), nullptr, nullptr, nullptr),
              SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  // "error", "absent", or all that the row says.
  static std::string Answer(PolicyStore& store, const std::string& key) {
    const Result<std::optional<PolicyRow>> row = store.Find(Key(key));
    if (!row) {
      EXPECT_EQ(row.error().reason(), Reason::kPolicyStoreUnavailable);
      return "error";
    }
    if (!*row) return "absent";
    std::string text = (*row)->key.str() + "|";
    if ((*row)->line) text += Format(*(*row)->line);
    if ((*row)->exception) text += "|" + Format(*(*row)->exception);
    for (const Pin& pin : (*row)->pins) text += "|" + pin.digest + pin.label;
    for (const Anchor& a : (*row)->anchors)
      text += "|" + a.name + a.certificate;
    return text;
  }
};

TEST_F(SnapshotTest, AnswersWhatWasPublishedAndProvesWhatIsAbsent) {
  const auto author = Make();
  ASSERT_EQ(Try(*author,
                {Set("b.example fingerprint"), AddPin{PinOf("b.example", 'x')},
                 AddAnchor{{"ca", "DER", "", {}}},
                 Set("c.example verify ca=anchor:ca"),
                 Set("c.example encrypt until=2027-02-01"),
                 Set("[relay.example]:465 secure"), Set(".d.example secure")}),
            "ok");
  PublishNow(*author);
  SnapshotStore store(snapshot_path());
  EXPECT_EQ(Answer(store, "*"), "*|* may");
  EXPECT_EQ(Answer(store, "b.example"),
            "b.example|b.example fingerprint|" + std::string(32, 'x'));
  const auto row = store.Find(Key("c.example"));
  ASSERT_TRUE(row.ok() && *row && (*row)->exception);
  EXPECT_EQ((*row)->anchors.at(0).certificate, "DER");
  EXPECT_EQ(Answer(store, "[relay.example]:465").substr(0, 10), "[relay.exa");
  for (const char* key : {"a.example", "b.example.example", "zz.example",
                          "d.example", ".example", "[relay.example]:25"}) {
    EXPECT_EQ(Answer(store, key), "absent") << key;
  }
}

TEST_F(SnapshotTest, RowsKeptInMemoryAreBoundedAndAnswerAlike) {
  const auto author = Make();
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(Try(*author, {Set("d" + std::to_string(i) + ".example secure")}),
              "ok");
  }
  PublishNow(*author);
  SnapshotStore few(snapshot_path(), 3), none(snapshot_path(), 0);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 25; ++i) {
      const std::string key = "d" + std::to_string(i) + ".example";
      EXPECT_EQ(Answer(few, key), Answer(none, key));
    }
  }
  EXPECT_EQ(Answer(few, "d24.example"), "absent");
}

TEST_F(SnapshotTest, ACommitIsInForceOnceItIsPublished) {
  const auto author = Make();
  PublishNow(*author);
  SnapshotStore store(snapshot_path());
  EXPECT_EQ(Answer(store, "a.example"), "absent");
  const std::string before = store.Generation();
  EXPECT_FALSE(*NeedsPublish(*author, snapshot_path()));

  ASSERT_EQ(Try(*author, {Set("a.example secure")}), "ok");
  EXPECT_TRUE(*NeedsPublish(*author, snapshot_path()));
  EXPECT_EQ(Answer(store, "a.example"), "absent");
  PublishNow(*author);
  EXPECT_EQ(Answer(store, "a.example"), "a.example|a.example secure");
  EXPECT_NE(store.Generation(), before);
  EXPECT_FALSE(*NeedsPublish(*author, snapshot_path()));
  EXPECT_EQ(ReadSnapshotInfo(snapshot_path())->version, *author->Version());
}

TEST_F(SnapshotTest, IsReadableByItsGroupAndWritableByNobody) {
  const auto author = Make();
  PublishOptions options;
  options.group = getgid();
  ASSERT_TRUE(Publish(*author, snapshot_path(), options, now_).ok());
  struct stat status {};
  ASSERT_EQ(stat(snapshot_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0440u);
  EXPECT_EQ(status.st_gid, getgid());
  EXPECT_FALSE(std::filesystem::exists(snapshot_path() + ".new"));
}

TEST_F(SnapshotTest, AFileThatAKilledPublisherLeftIsInNobodysWay) {
  const auto author = Make();
  Write(snapshot_path() + ".new", "half a snapshot");
  PublishNow(*author);
  EXPECT_FALSE(*NeedsPublish(*author, snapshot_path()));
}

TEST_F(SnapshotTest, AMissingSnapshotIsAnErrorAndNotTheOldOne) {
  const auto author = Make();
  SnapshotStore store(snapshot_path());
  EXPECT_EQ(Answer(store, "a.example"), "error");
  EXPECT_EQ(store.Generation(), "");
  EXPECT_TRUE(*NeedsPublish(*author, snapshot_path()));
  PublishNow(*author);
  EXPECT_EQ(Answer(store, "a.example"), "absent");
  std::filesystem::remove(snapshot_path());
  EXPECT_EQ(Answer(store, "a.example"), "error");
  PublishNow(*author);
  EXPECT_EQ(Answer(store, "a.example"), "absent");
}

TEST_F(SnapshotTest, ADamagedNewSnapshotIsNotHiddenBehindTheOldOne) {
  const auto author = Make();
  ASSERT_EQ(Try(*author, {Set("a.example secure")}), "ok");
  PublishNow(*author);
  SnapshotStore store(snapshot_path());
  ASSERT_NE(Answer(store, "a.example"), "error");
  for (const std::string& octets :
       {std::string(), std::string("text"), std::string(8192, '\0'),
        Contents(snapshot_path()).substr(0, 4096)}) {
    Write(PathOf("damaged"), octets);
    std::filesystem::rename(PathOf("damaged"), snapshot_path());
    EXPECT_EQ(Answer(store, "a.example"), "error");
    EXPECT_EQ(Answer(store, "b.example"), "error");
    EXPECT_TRUE(*NeedsPublish(*author, snapshot_path()));
  }
  PublishNow(*author);
  EXPECT_EQ(Answer(store, "a.example"), "a.example|a.example secure");
}

TEST_F(SnapshotTest, ADamagedRowIsHealedByPublishing) {
  const auto author = Make();
  ASSERT_EQ(Try(*author, {Set("a.example secure")}), "ok");
  PublishNow(*author);
  std::string octets = Contents(snapshot_path());
  octets[octets.rfind("secure")] ^= 1;
  Write(snapshot_path(), octets);
  SnapshotStore store(snapshot_path());
  EXPECT_EQ(Answer(store, "a.example"), "error");
  EXPECT_FALSE(VerifySnapshot(snapshot_path()).ok());
  EXPECT_TRUE(*NeedsPublish(*author, snapshot_path()));
  PublishNow(*author);
  EXPECT_EQ(Answer(store, "a.example"), "a.example|a.example secure");
}

// A row of yesterday's snapshot in today's file, with its sum and its links.
TEST_F(SnapshotTest, ARowOfAnotherSnapshotIsNotBelieved) {
  const auto author = Make();
  ASSERT_EQ(Try(*author, {Set("a.example may")}), "ok");
  PublishNow(*author);
  std::filesystem::copy_file(snapshot_path(), PathOf("yesterday.db"));
  ASSERT_EQ(Try(*author, {Set("a.example secure")}), "ok");
  PublishNow(*author);
  chmod(snapshot_path().c_str(), 0600);
  Sql("ATTACH '" + PathOf("yesterday.db") +
      "' AS old;"
      "INSERT OR REPLACE INTO served SELECT * FROM old.served"
      " WHERE key='a.example'");
  SnapshotStore store(snapshot_path());
  EXPECT_EQ(Answer(store, "a.example"), "error");
  EXPECT_EQ(Answer(store, "*"), "*|* may");
}

TEST_F(SnapshotTest, ARowThatWasTakenOutIsNotAbsent) {
  const auto author = Make();
  ASSERT_EQ(Try(*author, {Set("a.example secure"), Set("b.example secure")}),
            "ok");
  PublishNow(*author);
  chmod(snapshot_path().c_str(), 0600);
  Sql("DELETE FROM served WHERE key='b.example'");
  SnapshotStore store(snapshot_path());
  EXPECT_EQ(Answer(store, "b.example"), "error");
  EXPECT_EQ(Answer(store, "c.example"), "error");
  EXPECT_EQ(Answer(store, "a.example"), "a.example|a.example secure");
  EXPECT_FALSE(VerifySnapshot(snapshot_path()).ok());
}

TEST_F(SnapshotTest, RandomDamageNeverChangesAnAnswer) {
  const auto author = Make();
  std::vector<Change> changes;
  for (int i = 0; i < 300; ++i) {
    const std::string name = "d" + std::to_string(i * 7) + ".example";
    changes.push_back(Set(name + (i % 3 == 0 ? " fingerprint" : " secure")));
    if (i % 3 == 0) changes.push_back(AddPin{PinOf(name, 'p')});
  }
  ASSERT_EQ(Try(*author, changes), "ok");
  PublishNow(*author);
  const std::string whole = Contents(snapshot_path());
  std::map<std::string, std::string> truth;
  {
    SnapshotStore store(snapshot_path());
    for (int i = 0; i < 2100; i += 14) {
      const std::string key = "d" + std::to_string(i) + ".example";
      truth[key] = Answer(store, key);
      const std::string other = "d" + std::to_string(i + 1) + ".example";
      truth[other] = Answer(store, other);
    }
    truth["*"] = Answer(store, "*");
    truth[".example"] = Answer(store, ".example");
  }

  std::mt19937 random(20270115);  // the same damage each time
  const auto below = [&random](std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
  };
  int errors = 0;
  int right = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    std::string damaged = whole;
    switch (trial % 4) {
      case 0:  // one bit
        damaged[below(damaged.size())] ^= static_cast<char>(1 << below(8));
        break;
      case 1:  // some octets
        for (std::size_t n = 1 + below(8); n > 0; --n) {
          damaged[below(damaged.size())] = static_cast<char>(below(256));
        }
        break;
      case 2:  // cut
        damaged.resize(below(damaged.size()));
        break;
      case 3:  // a piece from elsewhere
        damaged.replace(below(damaged.size() - 600), 512,
                        whole.substr(below(whole.size() - 600), 512));
        break;
    }
    Write(snapshot_path(), damaged);
    SnapshotStore store(snapshot_path());
    for (int question = 0; question < 6; ++question) {
      auto asked = truth.begin();
      std::advance(asked, static_cast<long>(below(truth.size())));
      const std::string answer = Answer(store, asked->first);
      if (answer == "error") {
        ++errors;
        continue;
      }
      ++right;
      ASSERT_EQ(answer, asked->second) << "trial " << trial;
    }
  }
  // Both happen, or the test shows nothing.
  EXPECT_GT(errors, 1000);
  EXPECT_GT(right, 1000);
}

TEST_F(SnapshotTest, EightThreadsAskWhileItIsReplaced) {
  const auto author = Make();
  ASSERT_EQ(Try(*author, {Set("a.example secure")}), "ok");
  PublishNow(*author);
  SnapshotStore store(snapshot_path());
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        const auto row = store.Find(PolicyKey::Default());
        const auto known = store.Find(*PolicyKey::Parse("a.example"));
        if (!row || !*row || !known || !*known) ++wrong;
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(Try(*author, {Set("n" + std::to_string(i) + ".example may")}),
              "ok");
    PublishNow(*author);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(Answer(store, "n19.example"), "n19.example|n19.example may");
}

}  // namespace
}  // namespace postern
