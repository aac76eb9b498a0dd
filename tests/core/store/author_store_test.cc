// tests/core/store/author_store_test.cc
//
// What is written is there whole or not at all; what must not be is refused and
// says what to do; what was changed can be taken back and is remembered.
#include "core/store/author_store.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/core/store/store_fixture.h"

namespace postern {
namespace {

using std::chrono::hours;

class AuthorStoreTest : public StoreTest {
 protected:
  // What an administrator with a shell could do to the file.
  void Sql(const std::string& text) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(author_path().c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, text.c_str(), nullptr, nullptr, nullptr),
              SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  static std::string LineOf(AuthorStore& store, const std::string& key) {
    const Result<std::optional<PolicyRow>> row = store.Find(Key(key));
    if (!row) return row.error().detail();
    return *row && (*row)->line ? Format(*(*row)->line) : "none";
  }
};

TEST_F(AuthorStoreTest, BeginsWithOneLineInADirectoryOfItsOwn) {
  const auto store = Make();
  ASSERT_NE(store, nullptr);
  EXPECT_EQ(LineOf(*store, "*"), "* may");
  struct stat status {};
  ASSERT_EQ(stat(PathOf("private").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  ASSERT_EQ(stat(author_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);

  const auto again = AuthorStore::Create(author_path(), Line("* auto"), Now());
  ASSERT_FALSE(again.ok());
  EXPECT_TRUE(Has(again.error().detail(), "already"));
  EXPECT_EQ(LineOf(*store, "*"), "* may");
}

TEST_F(AuthorStoreTest, OnlyALineForEverythingCanBegin) {
  EXPECT_FALSE(
      AuthorStore::Create(author_path(), Line("a.example may"), Now()).ok());
  EXPECT_FALSE(AuthorStore::Open(author_path()).ok());
}

TEST_F(AuthorStoreTest, KeepsLinesPinsAndAnchorsAsTheyWereGiven) {
  const auto store = Make();
  Pin pin = PinOf("bank.example", '\x1f', PinRole::kBackup);
  pin.label = "mx 2027 \"new\"";
  pin.valid_until = now_ + hours(24);
  pin.certificate = std::string("\0DER", 4);
  const Anchor anchor{"corp-ca", std::string("\x30\x00", 2), "", {}};
  ASSERT_EQ(Try(*store, {AddPin{pin}, AddAnchor{anchor},
                         Set("bank.example fingerprint owner=treasury"),
                         Set("corp.example verify ca=anchor:corp-ca")}),
            "ok");
  const auto row = store->Find(Key("bank.example"));
  ASSERT_TRUE(row.ok() && *row);
  EXPECT_EQ((*row)->line->owner, "treasury");
  ASSERT_EQ((*row)->pins.size(), 1u);
  pin.added_by = "alice";
  pin.added_at = now_;
  EXPECT_EQ((*row)->pins[0], pin);

  const auto corp = store->Find(Key("corp.example"));
  ASSERT_TRUE(corp.ok() && *corp);
  ASSERT_EQ((*corp)->anchors.size(), 1u);
  EXPECT_EQ((*corp)->anchors[0].certificate, anchor.certificate);

  const auto rows = store->Rows();
  ASSERT_TRUE(rows.ok());
  ASSERT_EQ(rows->size(), 3u);
  EXPECT_EQ((*rows)[0].key.str(), "*");
  EXPECT_EQ((*rows)[1].key.str(), "bank.example");
  EXPECT_FALSE(*store->Find(Key("nobody.example")));
}

TEST_F(AuthorStoreTest, AllChangesOfASetHoldOrNone) {
  const auto store = Make();
  EXPECT_NE(
      Try(*store, {Set("a.example secure"), RemoveLine{Key("b.example")}}),
      "ok");
  EXPECT_EQ(LineOf(*store, "a.example"), "none");
  const auto version = store->Version();
  const auto dry = store->Apply(std::vector<Change>{Set("a.example secure")},
                                Now(), ApplyMode::kDryRun);
  ASSERT_TRUE(dry.ok());
  ASSERT_EQ(dry->entries.size(), 1u);
  EXPECT_EQ(dry->entries[0].after, "a.example secure");
  EXPECT_EQ(LineOf(*store, "a.example"), "none");
  EXPECT_EQ(*store->Version(), *version);
}

TEST_F(AuthorStoreTest, TheLineForEverythingCannotBeRemoved) {
  const auto store = Make();
  EXPECT_TRUE(Has(Try(*store, {RemoveLine{Key("*")}}), "another level"));
  EXPECT_EQ(LineOf(*store, "*"), "* may");
  EXPECT_EQ(Try(*store, {RemoveLine{Key("*")}, Set("* encrypt")}), "ok");
  EXPECT_NE(Try(*store, {Set("* may until=2030-01-01")}), "ok");
}

TEST_F(AuthorStoreTest, APinThatNoLineWouldUseIsRefusedWithTheLineToAdd) {
  const auto store = Make();
  EXPECT_TRUE(Has(Try(*store, {AddPin{PinOf("bank.example", 'a')}}),
                  "bank.example fingerprint"));
  ASSERT_EQ(Try(*store, {Set(".partner.example fingerprint"),
                         Set("x.partner.example secure"),
                         Set("f.below.example fingerprint"),
                         Set("[relay.example]:25 fingerprint")}),
            "ok");
  // By a parent's line, by a line below a parent's pin, by a next hop's line.
  EXPECT_EQ(Try(*store, {AddPin{PinOf("y.partner.example", 'a')}}), "ok");
  EXPECT_EQ(Try(*store, {AddPin{PinOf(".below.example", 'a')}}), "ok");
  EXPECT_EQ(Try(*store, {AddPin{PinOf("[relay.example]:25", 'a')}}), "ok");
  EXPECT_NE(Try(*store, {AddPin{PinOf("x.partner.example", 'a')}}), "ok");
  EXPECT_NE(Try(*store, {AddPin{PinOf("partner.example", 'a')}}), "ok");
  EXPECT_NE(Try(*store, {AddPin{PinOf("[relay.example]:26", 'a')}}), "ok");
  EXPECT_NE(Try(*store, {AddPin{PinOf("*", 'a')}}), "ok");

  // Once its line is gone the pin is not lost, but told.
  EXPECT_TRUE(store->UnusedPins(now_)->empty());
  ASSERT_EQ(Try(*store, {RemoveLine{Key(".partner.example")}}), "ok");
  const auto unused = store->UnusedPins(now_);
  ASSERT_TRUE(unused.ok());
  ASSERT_EQ(unused->size(), 1u);
  EXPECT_EQ((*unused)[0].key, "y.partner.example");
}

TEST_F(AuthorStoreTest, RefusesPinsAndAnchorsThatAreNone) {
  const auto store = Make();
  ASSERT_EQ(Try(*store, {Set("b.example fingerprint")}), "ok");
  Pin pin = PinOf("b.example", 'a');
  pin.digest.pop_back();
  EXPECT_TRUE(Has(Try(*store, {AddPin{pin}}), "32"));
  pin = PinOf("b.example", 'a');
  pin.label = "two\nlines";
  EXPECT_NE(Try(*store, {AddPin{pin}}), "ok");
  pin.label = "not \xff utf-8";
  EXPECT_NE(Try(*store, {AddPin{pin}}), "ok");
  pin = PinOf("b.example", 'a');
  EXPECT_EQ(Try(*store, {AddPin{pin}}), "ok");
  EXPECT_NE(Try(*store, {AddPin{pin}}), "ok");
  EXPECT_NE(Try(*store, {RemovePin{IdOf(PinOf("b.example", 'b'))}}), "ok");
  EXPECT_NE(Try(*store, {AddAnchor{{"../x", "der", "", {}}}}), "ok");
  EXPECT_NE(Try(*store, {AddAnchor{{"x", "", "", {}}}}), "ok");
  EXPECT_NE(Try(*store, {Set("c.example verify ca=anchor:nowhere")}), "ok");
  ASSERT_EQ(Try(*store, {AddAnchor{{"x", "der", "", {}}},
                         Set("c.example verify ca=anchor:x")}),
            "ok");
  EXPECT_NE(Try(*store, {AddAnchor{{"x", "other", "", {}}}}), "ok");
  EXPECT_TRUE(Has(Try(*store, {RemoveAnchor{"x"}}), "still names"));
  EXPECT_EQ(Try(*store, {RemoveLine{Key("c.example")}, RemoveAnchor{"x"}}),
            "ok");
}

TEST_F(AuthorStoreTest, PromotionMakesABackupActiveAndLeavesTheOldPin) {
  const auto store = Make();
  const Pin old_pin = PinOf("b.example", 'o');
  const Pin new_pin = PinOf("b.example", 'n', PinRole::kBackup);
  ASSERT_EQ(Try(*store, {Set("b.example fingerprint"), AddPin{old_pin},
                         AddPin{new_pin}, PromotePin{IdOf(new_pin)}}),
            "ok");
  const auto row = store->Find(Key("b.example"));
  ASSERT_TRUE(row.ok() && *row);
  ASSERT_EQ((*row)->pins.size(), 2u);
  for (const Pin& pin : (*row)->pins) EXPECT_EQ(pin.role, PinRole::kActive);
  EXPECT_NE(Try(*store, {PromotePin{IdOf(new_pin)}}), "ok");
}

TEST_F(AuthorStoreTest, AnExceptionOverlaysItsLineAndMustNotEndInLess) {
  const auto store = Make();
  ASSERT_EQ(Try(*store, {Set("b.example secure")}), "ok");
  ASSERT_EQ(
      Try(*store, {Set("b.example may until=2027-01-16 note=\"ticket 7\"")}),
      "ok");
  const auto row = store->Find(Key("b.example"));
  ASSERT_TRUE(row.ok() && *row && (*row)->exception);
  EXPECT_EQ((*row)->exception->level, Level::kMay);
  EXPECT_EQ((*row)->exception->note, "ticket 7");
  EXPECT_EQ((*row)->line->level, Level::kSecure);

  EXPECT_TRUE(
      Has(Try(*store, {Set("c.example secure until=2027-02-01")}), "until="));
  EXPECT_NE(Try(*store, {Set("b.example may until=2027-01-01")}),
            "ok");  // over
  // Nor may the line beneath be weakened behind the exception's back.
  ASSERT_EQ(Try(*store, {Set("d.example verify"),
                         Set("d.example encrypt until=2027-02-01")}),
            "ok");
  EXPECT_TRUE(Has(Try(*store, {Set("d.example may")}), "d.example"));
  // Once it has ended, it is in nobody's way.
  now_ = *ParseTime("2027-02-01");
  EXPECT_EQ(Try(*store, {Set("d.example may")}), "ok");

  EXPECT_EQ(Try(*store, {EndException{Key("b.example")}}), "ok");
  EXPECT_NE(Try(*store, {EndException{Key("b.example")}}), "ok");
  EXPECT_FALSE((*store->Find(Key("b.example")))->exception);
}

TEST_F(AuthorStoreTest, UndoTakesBackOneCommitAfterAnother) {
  const auto store = Make();
  ASSERT_EQ(Try(*store, {Set("a.example secure")}), "ok");
  ASSERT_EQ(Try(*store, {Set("a.example verify"), Set("b.example may")}), "ok");
  ASSERT_EQ(Try(*store, {RemoveLine{Key("a.example")}}), "ok");

  ASSERT_TRUE(store->Undo(1, Now()).ok());
  EXPECT_EQ(LineOf(*store, "a.example"), "a.example verify");
  ASSERT_TRUE(store->Undo(1, Now()).ok());  // not the undo itself
  EXPECT_EQ(LineOf(*store, "a.example"), "a.example secure");
  EXPECT_EQ(LineOf(*store, "b.example"), "none");

  ASSERT_EQ(Try(*store, {Set("c.example none")}), "ok");
  ASSERT_EQ(Try(*store, {Set("c.example may")}), "ok");
  ASSERT_TRUE(store->Undo(2, Now(), ApplyMode::kDryRun).ok());
  EXPECT_EQ(LineOf(*store, "c.example"), "c.example may");
  ASSERT_TRUE(store->Undo(2, Now()).ok());
  EXPECT_EQ(LineOf(*store, "c.example"), "none");
  EXPECT_EQ(LineOf(*store, "a.example"), "a.example secure");

  // Beyond the beginning there is nothing; the '*' line itself stays.
  EXPECT_FALSE(store->Undo(9, Now()).ok());
  EXPECT_FALSE(store->Undo(0, Now()).ok());
  ASSERT_TRUE(store->Undo(1, Now()).ok());
  EXPECT_FALSE(store->Undo(1, Now()).ok());
  EXPECT_EQ(LineOf(*store, "*"), "* may");
  EXPECT_TRUE(store->VerifyHistory().ok());
}

TEST_F(AuthorStoreTest, TheHistorySaysWhoWhenAndWhat) {
  const auto store = Make();
  const auto commit = store->Apply(std::vector<Change>{Set("a.example secure")},
                                   {"bob", now_ + hours(1)});
  ASSERT_TRUE(commit.ok());
  const auto history = store->History(1);
  ASSERT_TRUE(history.ok());
  ASSERT_EQ(history->size(), 1u);
  const HistoryEntry& entry = history->front();
  EXPECT_EQ(entry.who, "bob");
  EXPECT_EQ(entry.when, now_ + hours(1));
  EXPECT_EQ(entry.what, "line");
  EXPECT_EQ(entry.subject, "a.example");
  EXPECT_EQ(entry.before, "");
  EXPECT_EQ(entry.after, "a.example secure");
  EXPECT_EQ(entry.hash, commit->head);
  EXPECT_EQ(store->Version()->head, commit->head);
  EXPECT_EQ(store->History(0)->size(), 2u);
  // What changes nothing is no commit.
  const auto same =
      store->Apply(std::vector<Change>{Set("a.example secure")}, Now());
  ASSERT_TRUE(same.ok());
  EXPECT_TRUE(same->entries.empty());
  EXPECT_EQ(same->head, commit->head);
}

TEST_F(AuthorStoreTest, TamperingIsFound) {
  const char* const cases[] = {
      "UPDATE history SET who='mallory' WHERE number=2",
      "UPDATE history SET after='a.example may' WHERE number=2",
      "DELETE FROM history WHERE number=2",
      "DELETE FROM history WHERE number=1",
      "UPDATE policies SET text='a.example may' WHERE subject='a.example'",
      "DELETE FROM policies WHERE subject='a.example'",
      "INSERT INTO policies VALUES('z.example','z.example none')",
      "UPDATE history SET at=at+1 WHERE number=3",
  };
  for (const char* sql : cases) {
    SCOPED_TRACE(sql);
    std::filesystem::remove_all(PathOf("private"));
    const auto store = Make();
    ASSERT_EQ(Try(*store, {Set("a.example secure")}), "ok");
    ASSERT_EQ(Try(*store, {Set("b.example secure")}), "ok");
    ASSERT_TRUE(store->VerifyHistory().ok());
    Sql(sql);
    EXPECT_FALSE(store->VerifyHistory().ok());
  }
}

TEST_F(AuthorStoreTest, AShortenedHistoryIsFoundByTheHeadFromTheLog) {
  const auto store = Make();
  ASSERT_EQ(Try(*store, {Set("a.example secure")}), "ok");
  const auto logged =
      store->Apply(std::vector<Change>{Set("b.example secure")}, Now());
  ASSERT_TRUE(logged.ok());
  EXPECT_EQ(*store->VerifyHistory(logged->head), logged->head);
  Sql("DELETE FROM history WHERE number=3;"
      "DELETE FROM policies WHERE subject='b.example'");
  EXPECT_TRUE(store->VerifyHistory().ok());  // consistent in itself
  EXPECT_FALSE(store->VerifyHistory(logged->head).ok());
}

TEST_F(AuthorStoreTest, ANewerStoreIsRefusedAndSaysSo) {
  Make();
  Sql("PRAGMA user_version=99");
  const auto store = AuthorStore::Open(author_path());
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().reason(), Reason::kPolicyStoreUnavailable);
  EXPECT_TRUE(Has(store.error().detail(), "newer Postern"));
}

TEST_F(AuthorStoreTest, WhatIsNoAuthorStoreIsRefused) {
  EXPECT_FALSE(AuthorStore::Open(author_path()).ok());
  Make();
  Sql("PRAGMA application_id=7");
  EXPECT_FALSE(AuthorStore::Open(author_path()).ok());
  std::ofstream(author_path(), std::ios::trunc)
      << "no database at all, just text";
  EXPECT_FALSE(AuthorStore::Open(author_path()).ok());
  std::ofstream(author_path(), std::ios::trunc);  // empty is not "no policy"
  EXPECT_FALSE(AuthorStore::Open(author_path()).ok());
}

TEST_F(AuthorStoreTest, ADirectoryThatOthersMayWriteToIsRefused) {
  Make();
  ASSERT_EQ(chmod(PathOf("private").c_str(), 0770), 0);
  const auto store = AuthorStore::Open(author_path());
  ASSERT_FALSE(store.ok());
  EXPECT_TRUE(Has(store.error().detail(), "chmod 0700"));
}

}  // namespace
}  // namespace postern
