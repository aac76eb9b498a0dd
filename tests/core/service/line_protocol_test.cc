// tests/core/service/line_protocol_test.cc
//
// What is written can be read back, whatever it holds; what is not exactly a
// request, reply or status is refused, never half understood.
#include "core/service/line_protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern {
namespace {

using testing::HasSubstr;

TEST(LineProtocolTest, ARequestSurvivesTheWire) {
  const Request request{"deliver",
                        {{"nexthop", "[2001:db8::1]:25"},
                         {"queue-id", "4F00A"},
                         {"sender", ""},
                         {"recipient", "\"a b;%41=\xc3\xbc\"@bank.example"}}};
  const Result<std::string> line = FormatRequest(request);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->back(), '\n');
  const auto parsed = ParseRequest(line->substr(0, line->size() - 1));
  ASSERT_TRUE(parsed) << parsed.error().ToString();
  EXPECT_EQ(*parsed, request);
}

TEST(LineProtocolTest, APersonMayTypeExtraSpacesAndUtf8) {
  const auto parsed = ParseRequest("explain  domain=m\xc3\xbcller.example ");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed->Find("domain"), "m\xc3\xbcller.example");
  EXPECT_EQ(parsed->Find("nexthop"), nullptr);
}

TEST(LineProtocolTest, RefusesWhatIsNoRequest) {
  std::string many = "ping";
  for (int i = 0; i < 33; ++i) many += " k" + std::to_string(i) + "=v";
  const std::string cases[] = {"",
                               " ",
                               "Ping",
                               "9ping",
                               "ping=",
                               "=v",
                               "ping domain",
                               "ping =v",
                               "ping a=1 a=2",
                               "ping a=%",
                               "ping a=%4",
                               "ping a=%zz",
                               "ping a=%0a",
                               "ping a=%00",
                               "ping a=%7f",
                               "ping\ta=1",
                               "ping a=\x01",
                               "ping A=1",
                               std::string("ping a=\0b", 9),
                               many,
                               std::string(33, 'p'),
                               "ping a=" + std::string(kMaxRequestLine, 'x')};
  for (const std::string& line : cases) {
    const auto parsed = ParseRequest(line);
    ASSERT_FALSE(parsed) << line;
    EXPECT_EQ(parsed.error().reason(), Reason::kRequestInvalid);
  }
}

TEST(LineProtocolTest, NothingThatBreaksTheLineCanBeSent) {
  EXPECT_FALSE(FormatRequest({"deliver", {{"sender", "a\nb"}}}));
  EXPECT_FALSE(FormatRequest({"deliver", {{"se nder", "a"}}}));
  EXPECT_FALSE(FormatRequest({"de\nliver", {}}));
  EXPECT_FALSE(FormatRequest({"deliver", {{"a", std::string(9000, ' ')}}}));
}

TEST(LineProtocolTest, AReplyIsOneBoundedLine) {
  EXPECT_EQ(FormatReply({"deferred", "4.7.5 a\r\nb"}), "deferred 4.7.5 a  b\n");
  EXPECT_EQ(FormatReply({"ok", ""}), "ok\n");
  EXPECT_THAT(FormatReply({"ok", std::string(kMaxReplyLine, 'x')}),
              testing::AllOf(testing::StartsWith("error 4.3.0 internal-error"),
                             testing::HasSubstr("(1048580 octets of at most"),
                             testing::HasSubstr("dig(1)")));
  EXPECT_THAT(FormatReply({"not a word", ""}),
              testing::StartsWith("error 4.3.0 internal-error"));
}

TEST(LineProtocolTest, RefusesWhatIsNoReply) {
  const char* const cases[] = {
      "", " ok", "OK {}", "250 fine", "d\xc3\xbc x", "ok\tx", "delivered\x01"};
  for (const char* line : cases) EXPECT_FALSE(ParseReply(line)) << line;
  const auto reply = ParseReply("delivered 2.0.0 250 ok");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->rest, "2.0.0 250 ok");
}

TEST(LineProtocolTest, AStatusNeedsItsClassAndItsForm) {
  for (const char* rest :
       {"", "2", "2.0", "2.0.0x", "2.0.0.0", "2..0", "2.0.", "4.0.0 x",
        " 2.0.0", "2.0000.0", "+2.0.0", "20.0.0", "2.-1.0"}) {
    EXPECT_FALSE(ParseStatusText(rest, "2")) << rest;
  }
  const auto status = ParseStatusText("4.7.999 some text", "45");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->status, "4.7.999");
  EXPECT_EQ(status->text, "some text");
  EXPECT_TRUE(ParseStatusText("2.0.0", "2"));
}

TEST(LineProtocolTest, OnlyItsOwnGreetingIsAGreeting) {
  EXPECT_TRUE(CheckGreeting(FormatGreeting()));
  for (const char* line : {"", "postern 2 ready", "postern 1 ready ",
                           "220 mx.example ESMTP", "Postern 1 ready"}) {
    EXPECT_FALSE(CheckGreeting(line)) << line;
  }
  EXPECT_THAT(
      CheckGreeting("error 4.3.5 client-not-allowed: no").error().detail(),
      HasSubstr("client-not-allowed"));
}

TEST(LineProtocolTest, AnErrorsReplyIsAlwaysADefer) {
  for (const ReasonInfo& info : AllReasons()) {
    const Reply reply = ErrorReply({info.reason, "x"});
    EXPECT_EQ(reply.word, "error");
    EXPECT_TRUE(ParseStatusText(reply.rest, "4")) << reply.rest;
  }
}

TEST(LineProtocolTest, OneLineIsOneLineOfUtf8) {
  EXPECT_EQ(OneLine("a\r\nb\x7f", 10), "a  b ");
  EXPECT_EQ(OneLine("\xff\xc0\xaf\xed\xa0\x80 \xc3\xbc", 20),
            "?????? \xc3\xbc");
  EXPECT_EQ(OneLine("aa\xc3\xbc", 3), "aa");  // no half characters
  EXPECT_EQ(OneLine("\xc2\x85", 10).size(), 2u);
}

}  // namespace
}  // namespace postern
