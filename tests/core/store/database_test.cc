// tests/core/store/database_test.cc
//
// What SQLite says, in words that lead to the right remedy.
#include "core/store/database.h"

#include <gmock/gmock.h>

#include "tests/core/store/store_fixture.h"

namespace postern {
namespace {

using testing::HasSubstr;

class DatabaseTest : public StoreTest {};

TEST_F(DatabaseTest, WhereNoRoomIsLeftItIsSaidOfWhichFile) {
  const std::string path = PathOf("full.db");
  Result<Database> database = Database::Open(path, Database::Mode::kCreate);
  ASSERT_TRUE(database) << database.error().detail();
  // The limit of a disk, as SQLite knows one of its own.
  ASSERT_TRUE(database->Execute("CREATE TABLE t(x); PRAGMA max_page_count=2"));
  const std::string insert = "INSERT INTO t VALUES(zeroblob(100000))";
  Result<Statement> statement = database->Prepare(insert);
  ASSERT_TRUE(statement);
  for (const Status& full : {statement->Run(), database->Execute(insert)}) {
    ASSERT_FALSE(full);
    EXPECT_THAT(full.error().detail(),
                HasSubstr("no room is left for " + path));
    EXPECT_THAT(full.error().detail(), HasSubstr("make room"));
  }
}

}  // namespace
}  // namespace postern
