// tests/sendmail-milter/recipient_words_test.cc
//
// What the milter and the door say to each other is read whole or not at all,
// and a policy file that was replaced is another one, however it was done.
#include "sendmail-milter/recipient_words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "sendmail-milter/published_file.h"
#include "tests/testlib/served_map.h"

namespace postern {
namespace {

using std::chrono::milliseconds;

TEST(RecipientWordsTest, AQuestionArrivesAsItWasAsked) {
  const Request cases[] = {
      {"recipient", {}},
      {"recipient", {{"domain", "bank.test"}, {"queue-id", ""}}},
      {"recipient", {{"domain", "b\xc3\xbc.test"}, {"nexthop", "a b%"}}},
  };
  for (const Request& request : cases) {
    const auto query = ToQuery(request);
    ASSERT_TRUE(query);
    EXPECT_EQ(query->map, "recipient");
    const auto read = FromQuery(*query);
    ASSERT_TRUE(read) << read.error().detail();
    EXPECT_EQ(*read, request);
  }
  EXPECT_FALSE(ToQuery({"recipient", {{"domain", "a\nb"}}}));
  EXPECT_FALSE(ToQuery({"recipient", {{"domain", std::string(5000, 'a')}}}));
  EXPECT_FALSE(FromQuery({"recipient", "domain"}));
  EXPECT_FALSE(FromQuery({"RECIPIENT", "domain=a"}));
}

TEST(RecipientWordsTest, ARepliesWordIsKept) {
  for (const Reply& reply :
       {Reply{"pass", ""}, Reply{"deferred", "4.7.5 pin-mismatch: x; y"},
        Reply{"bounced", "5.1.10 null-mx: x"}}) {
    const auto read = FromMapReply(ToMapReply(reply));
    ASSERT_TRUE(read);
    EXPECT_EQ(*read, reply);
  }
  using Status = SocketMapReply::Status;
  for (const Status status :
       {Status::kNotFound, Status::kTemp, Status::kTimeout, Status::kPerm}) {
    const auto read = FromMapReply({status, "pass"});
    ASSERT_TRUE(read);
    EXPECT_EQ(read->word, "error");
  }
}

TEST(RecipientWordsTest, TermsAreReadWholeOrNotAtAll) {
  const PassTerms terms{{"/var/lib/a b%/policy.db", "1:2:3:4"},
                        milliseconds(4999)};
  const Reply reply = PassUnder(terms);
  EXPECT_TRUE(IsPass(reply));
  EXPECT_EQ(TermsOf(reply), terms);
  EXPECT_TRUE(IsPass({"pass", ""}));
  EXPECT_FALSE(TermsOf({"pass", ""}));
  for (const char* rest :
       {"x", " ", "hold=5", "hold=5 state=1:2", "hold=5 file=/x",
        "hold=5 state= file=/x", "hold=5 state=1 file=",
        "hold=-5 state=1 file=/x", "hold= state=1 file=/x",
        "hold=5s state=1 file=/x", "hold=99999999999 state=1 file=/x",
        "hold=5 state=1 file=/x more=1", "hold=5 hold=5 file=/x"}) {
    SCOPED_TRACE(rest);
    EXPECT_FALSE(TermsOf({"pass", rest}));
    EXPECT_FALSE(IsPass({"pass", rest}));
  }
  EXPECT_FALSE(TermsOf({"deferred", reply.rest}));
  EXPECT_FALSE(IsPass({"deferred", ""}));
}

class PublishedFileTest : public testing::Test {
 protected:
  static void Write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
  }
  HeldFile Hold() {
    Write(path_, "first");
    auto held = HeldFile::Hold(PublishedFile::Now(path_));
    EXPECT_TRUE(held && held->Unchanged());
    return *std::move(held);
  }
  const TemporaryDirectory directory_;
  const std::string path_ = directory_ / "policy.db";
};

TEST_F(PublishedFileTest, ARenamedFileInItsPlaceIsSeen) {
  const HeldFile held = Hold();
  Write(directory_ / "new", "again");
  EXPECT_TRUE(held.Unchanged());
  std::filesystem::rename(directory_ / "new", path_);
  EXPECT_FALSE(held.Unchanged());
}

TEST_F(PublishedFileTest, SoIsOneWithALinkElsewhere) {
  Write(path_, "first");
  std::filesystem::create_hard_link(path_, directory_ / "backup");
  const auto held = HeldFile::Hold(PublishedFile::Now(path_));
  ASSERT_TRUE(held);
  Write(directory_ / "new", "again");
  std::filesystem::rename(directory_ / "new", path_);
  EXPECT_FALSE(held->Unchanged());
}

TEST_F(PublishedFileTest, SoIsRemovingMovingAndWriting) {
  const auto after = [this](const std::function<void()>& change) {
    const HeldFile held = Hold();
    change();
    return held.Unchanged();
  };
  EXPECT_FALSE(after([this] { std::filesystem::remove(path_); }));
  EXPECT_FALSE(
      after([this] { std::filesystem::rename(path_, directory_ / "away"); }));
  EXPECT_FALSE(after([this] { Write(path_, "longer than the first"); }));
}

TEST_F(PublishedFileTest, NoOtherFileIsHeld) {
  EXPECT_EQ(PublishedFile::Now(path_).state, "");
  EXPECT_EQ(PublishedFile::Now("").state, "");
  EXPECT_FALSE(HeldFile::Hold(PublishedFile::Now(path_)));
  Write(path_, "first");
  const PublishedFile first = PublishedFile::Now(path_);
  Write(directory_ / "new", "again");
  std::filesystem::rename(directory_ / "new", path_);
  EXPECT_NE(PublishedFile::Now(path_).state, first.state);
  EXPECT_FALSE(HeldFile::Hold(first));
}

}  // namespace
}  // namespace postern
