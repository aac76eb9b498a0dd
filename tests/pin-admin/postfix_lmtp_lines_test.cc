// tests/pin-admin/postfix_lmtp_lines_test.cc
//
// What is printed for lmtp(8) fits the door as postern.conf has it: a chrooted
// client finds it, and Postfix brings no more at a time than the door takes.
#include "pin-admin/postfix_lmtp_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/pin-admin/run_pin_admin.h"

namespace postern {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(PostfixLmtpLinesTest, AChrootedClientFindsTheDoorByItsPathFromTheRoot) {
  const Settings settings = ParseSettings("lmtp-connections = 40\n").value();
  const PostfixLmtpLines lines = PostfixLmtp(settings, "/var/spool/postfix");
  EXPECT_EQ(lines.next_hop, "unix:postern/lmtp");
  EXPECT_THAT(lines.master_cf, HasSubstr("postern-lmtp unix - - y - 40 lmtp"));
  EXPECT_THAT(lines.master_cf, HasSubstr("-o lmtp_send_xforward_command=yes"));
  EXPECT_THAT(lines.master_cf, HasSubstr("-o lmtp_data_done_timeout=3600s"));
  EXPECT_THAT(lines.main_cf, HasSubstr("_destination_concurrency_limit = 40"));
  EXPECT_THAT(lines.main_cf, HasSubstr("postern-lmtp:unix:postern/lmtp"));
  EXPECT_THAT(lines.master_cf + lines.main_cf, Not(HasSubstr("@")));
}

TEST(PostfixLmtpLinesTest, ADoorElsewhereCannotBeFoundFromAChroot) {
  const Settings settings = ParseSettings("door-lmtp = lmtp\n").value();
  const PostfixLmtpLines lines = PostfixLmtp(settings, "/var/spool/postfix");
  EXPECT_EQ(lines.next_hop, "unix:/run/postern/lmtp");
  EXPECT_THAT(lines.master_cf, HasSubstr("postern-lmtp unix - - n - 100 lmtp"));
}

TEST(PostfixLmtpLinesTest, ConfigPostfixRecommendsItWhereThereIsADoor) {
  const TestStore store;
  const std::string text = store.Good({"config", "postfix"}).out;
  EXPECT_THAT(text, HasSubstr("lmtp(8): recommended"));
  EXPECT_LT(text.find("postern-lmtp unix"), text.find("postern   unix"));
  const Json json =
      store.GoodJson({"config", "postfix", "--queue-directory", "/srv/postfix",
                      "--set", "door-lmtp=/srv/postfix/p/l"});
  EXPECT_THAT(json.Dump(), HasSubstr("unix:p/l"));
  const std::string without =
      store.Good({"config", "postfix", "--set", "door-lmtp="}).out;
  EXPECT_THAT(without, Not(HasSubstr("lmtp")));
  EXPECT_THAT(without, HasSubstr("postern   unix"));
  EXPECT_EQ(store.Run({"config", "postfix", "-d", "spool"}).status, 2);
}

}  // namespace
}  // namespace postern
