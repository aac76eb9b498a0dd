// What EHLO says, and what an envelope may put into a command.
#include <gtest/gtest.h>

#include <string>

#include "core/smtp/ehlo.h"
#include "core/smtp/smtp_path.h"

namespace postern {
namespace {

ServerCapabilities Offered(std::vector<std::string> lines) {
  lines.insert(lines.begin(), "mx.test greets");
  return ParseEhlo(SmtpReply{250, "", std::move(lines)});
}

TEST(EhloTest, KnowsItsKeywordsInAnyCase) {
  const ServerCapabilities offered = Offered(
      {"starttls", "PIPELINING", "8bitmime", "SMTPUTF8", "Size 1000", "X-Y"});
  EXPECT_TRUE(offered.starttls);
  EXPECT_TRUE(offered.pipelining);
  EXPECT_TRUE(offered.eight_bit_mime);
  EXPECT_TRUE(offered.smtputf8);
  EXPECT_TRUE(offered.size);
  EXPECT_EQ(offered.size_limit, 1000U);
}

TEST(EhloTest, TakesNothingThatWasNotOffered) {
  const ServerCapabilities offered =
      Offered({"STARTTLSX", " STARTTLS", "X STARTTLS", "PIPELINING=1", ""});
  EXPECT_FALSE(offered.starttls);
  EXPECT_FALSE(offered.pipelining);
  EXPECT_FALSE(offered.size);
  // The greeting is no keyword.
  EXPECT_FALSE(ParseEhlo(SmtpReply{250, "", {"STARTTLS"}}).starttls);
  EXPECT_FALSE(ParseEhlo(SmtpReply{250, "", {}}).starttls);
}

TEST(EhloTest, ASizeThatNamesNoLimitIsNone) {
  for (const char* size : {"SIZE", "SIZE 0", "SIZE x", "SIZE 10x", "SIZE -1",
                           "SIZE 99999999999999999999999", "SIZE "}) {
    SCOPED_TRACE(size);
    EXPECT_TRUE(Offered({size}).size);
    EXPECT_FALSE(Offered({size}).size_limit.has_value());
  }
}

TEST(EhloTest, ListsTheMechanismsOfAllAuthLines) {
  EXPECT_EQ(Offered({"AUTH PLAIN  LOGIN ", "auth SCRAM-SHA-256"}).auth,
            (std::vector<std::string>{"PLAIN", "LOGIN", "SCRAM-SHA-256"}));
  EXPECT_TRUE(Offered({"AUTH", "AUTH=LOGIN", "XAUTH PLAIN"}).auth.empty());
}

TEST(SmtpPathTest, TakesAddressesAsTheyAre) {
  for (const char* address :
       {"", "a@b.test", "-h@x.test", "\"a b\"@c.test", "\"a>b\"@c.test",
        "\"a\\\" <b\"@c.test", "j\xc3\xb6rg@m\xc3\xbcller.test",
        "a@[192.0.2.1]", "a+b=c@[IPv6:::1]", "postmaster"}) {
    SCOPED_TRACE(address);
    EXPECT_TRUE(CheckPath(address).ok());
  }
}

TEST(SmtpPathTest, RefusesWhatCouldBeMoreThanOneAddress) {
  for (const std::string& address :
       {std::string("a@b.test>\r\nDATA"), std::string("a@b.test\n"),
        std::string("a\r@b.test"), std::string("a\0@b.test", 9),
        std::string("\"a\r\nb\"@c.test"), std::string("a@b.test> SIZE=1"),
        std::string("a@b.test BODY=8BITMIME"), std::string("<a@b.test"),
        std::string("\"a@b.test"), std::string("\"a\\\"@b.test"),
        std::string("a\x7f@b.test"), std::string(1001, 'a')}) {
    SCOPED_TRACE(address);
    const Status status = CheckPath(address);
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().reason(), Reason::kRequestInvalid);
  }
}

}  // namespace
}  // namespace postern
