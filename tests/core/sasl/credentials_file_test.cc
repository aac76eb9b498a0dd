// The file of credentials: what it may say, who may be able to read it, and
// that nothing of what it holds is ever told.
#include "core/sasl/credentials_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace postern {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Complaint(std::string_view text) {
  const auto parsed = ParseCredentials(text);
  if (parsed.ok()) return "accepted";
  EXPECT_EQ(parsed.error().reason(), Reason::kCredentialsUnavailable);
  return parsed.error().detail();
}

TEST(CredentialsFileTest, ReadsLinesByNextHop) {
  const auto parsed = ParseCredentials(
      "# the provider's\n"
      "\n"
      "[smtp.provider.example]:587 alice s3cret\n"
      "  [Relay.EXAMPLE]\tbob@example.org \t two words # and a hash \n"
      "[192.0.2.1]:465 c d\n");
  ASSERT_TRUE(parsed.ok()) << parsed.error().detail();
  ASSERT_EQ(parsed->size(), 3U);
  EXPECT_EQ(parsed->at("[smtp.provider.example]:587")->user(), "alice");
  EXPECT_EQ(parsed->at("[smtp.provider.example]:587")->secret().text(),
            "s3cret");
  EXPECT_EQ(parsed->at("[relay.example]:25")->user(), "bob@example.org");
  EXPECT_EQ(parsed->at("[relay.example]:25")->secret().text(),
            "two words # and a hash ");
  EXPECT_EQ(parsed->at("[192.0.2.1]:465")->secret().text(), "d");
}

TEST(CredentialsFileTest, NamesTheLineAndNothingThatItHolds) {
  const struct {
    const char* text;
    const char* complaint;
  } cases[] = {
      {"# first\n[h.test]:587 alice\n",
       "line 2: not '[host]:port user secret'"},
      {"[h.test]:587\n", "line 1: not"},
      {"h.test alice s3cret\n", "in brackets"},
      {"h.test:587 alice s3cret\n", "in brackets"},
      {"[h.test]:x alice s3cret\n", "the next hop is not"},
      {"[h.test]:587 alice s3cret\r\n", "control character"},
      {"[h.test]:587 alice s3cret", "has no end"},
      {"[h.test] a s3cret\n[H.test]:25 b s3cret\n", "line 2: a second line"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const std::string complaint = Complaint(c.text);
    EXPECT_THAT(complaint, HasSubstr(c.complaint));
    EXPECT_THAT(complaint, Not(HasSubstr("s3cret")));
    EXPECT_THAT(complaint, Not(HasSubstr("alice")));
  }
  EXPECT_THAT(Complaint(std::string_view("[h.test] a b\0c\n", 15)),
              HasSubstr("control character"));
  EXPECT_THAT(Complaint("[h.test] a " + std::string(1001, 'x') + "\n"),
              HasSubstr("too long"));
}

class CredentialsRightsTest : public testing::Test {
 protected:
  CredentialsRightsTest() {
    std::ofstream(path_) << "[h.test]:587 alice s3cret\n";
    Chmod(0600);
  }
  ~CredentialsRightsTest() override { unlink(path_.c_str()); }
  void Chmod(mode_t mode) { ASSERT_EQ(chmod(path_.c_str(), mode), 0); }
  // "good", or what is wrong.
  std::string Read(uid_t user) const {
    std::optional<struct stat> found;
    const auto read = ReadCredentials(path_, user, found);
    return read.ok() ? "good" : read.error().detail();
  }

  const std::string path_ =
      testing::TempDir() + "credentials." + std::to_string(getpid());
};

TEST_F(CredentialsRightsTest, IsReadByItsOwnerAlone) {
  EXPECT_EQ(Read(geteuid()), "good");
  Chmod(0400);
  EXPECT_EQ(Read(geteuid()), "good");
  for (const mode_t mode : {0640U, 0604U, 0610U, 0666U, 0602U}) {
    Chmod(mode);
    EXPECT_THAT(Read(geteuid()), HasSubstr("chmod 600")) << mode;
  }
}

TEST_F(CredentialsRightsTest, BelongsToTheService) {
  EXPECT_THAT(Read(geteuid() + 1),
              HasSubstr("belongs to uid " + std::to_string(geteuid())));
}

TEST_F(CredentialsRightsTest, IsAFile) {
  std::optional<struct stat> found;
  const auto directory = ReadCredentials("/", geteuid(), found);
  ASSERT_FALSE(directory.ok());
  EXPECT_THAT(directory.error().detail(), HasSubstr("not a regular file"));
  const auto absent = ReadCredentials(path_ + ".absent", geteuid(), found);
  ASSERT_FALSE(absent.ok());
  EXPECT_THAT(absent.error().detail(), HasSubstr("No such file"));
  unlink(path_.c_str());
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(Read(geteuid()), HasSubstr("not a regular file"));
}

TEST(SecretTest, IsOverwrittenBeforeItIsGivenBack) {
  char octets[] = "s3cret";
  Wipe(octets, sizeof octets);
  for (const char octet : octets) EXPECT_EQ(octet, 0);
  Secret one("s3cret");
  Secret other(std::move(one));
  EXPECT_TRUE(one.empty());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(other.text(), "s3cret");
}

}  // namespace
}  // namespace postern
