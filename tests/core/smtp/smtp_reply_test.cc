// A server's text becomes replies, or an Error; never anything in between, and
// never anything that could pass for a line of our own log.
#include "core/smtp/smtp_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace postern {
namespace {

using testing::ElementsAre;

// The first reply of `octets`, which must be complete.
SmtpReply Read(std::string_view octets) {
  ReplyReader reader;
  reader.Append(octets);
  const auto reply = reader.Next();
  EXPECT_TRUE(reply.ok() && reply->has_value());
  return reply.ok() && reply->has_value() ? **reply : SmtpReply{};
}

bool IsMalformed(std::string_view octets) {
  ReplyReader reader;
  reader.Append(octets);
  const auto reply = reader.Next();
  return !reply.ok() && reply.error().reason() == Reason::kSmtpProtocolError;
}

TEST(ReplyReaderTest, ReadsOneLineAndSeveral) {
  EXPECT_EQ(Read("220 hello\r\n").code, 220);
  EXPECT_EQ(Read("250\r\n").code, 250);
  const SmtpReply reply = Read("250-mx.test\r\n250-SIZE 1\r\n250 HELP\r\n");
  EXPECT_EQ(reply.code, 250);
  EXPECT_THAT(reply.lines, ElementsAre("mx.test", "SIZE 1", "HELP"));
}

TEST(ReplyReaderTest, TakesOctetsAsTheyComeOneByOne) {
  const std::string_view octets = "250-a\r\n250 b\r\n354 go\r\n";
  ReplyReader reader;
  std::vector<int> codes;
  for (const char octet : octets) {
    reader.Append({&octet, 1});
    const auto reply = reader.Next();
    ASSERT_TRUE(reply.ok());
    if (*reply) codes.push_back((*reply)->code);
  }
  EXPECT_THAT(codes, ElementsAre(250, 354));
  EXPECT_EQ(reader.pending(), 0U);
}

TEST(ReplyReaderTest, KnowsThatSomethingCameUnasked) {
  ReplyReader reader;
  reader.Append("220 go ahead\r\n2");
  ASSERT_TRUE(reader.Next().ok());
  EXPECT_EQ(reader.pending(), 1U);
  reader.Append("50-x\r\n");
  ASSERT_FALSE(reader.Next()->has_value());
  EXPECT_GT(reader.pending(), 0U);
  reader.Clear();
  EXPECT_EQ(reader.pending(), 0U);
}

TEST(ReplyReaderTest, ReadsTheEnhancedCodeWhereItFits) {
  const SmtpReply reply = Read("550-5.1.1 no such\r\n550 5.1.1 user\r\n");
  EXPECT_EQ(reply.enhanced, "5.1.1");
  EXPECT_THAT(reply.lines, ElementsAre("no such", "user"));
  EXPECT_EQ(reply.Text(), "550 5.1.1 no such; user");
  EXPECT_EQ(Read("250 2.0.0\r\n").enhanced, "2.0.0");
  for (const char* octets :
       {"550 4.1.1 class differs\r\n", "550 5.1 short\r\n", "550 5.1.1.1 x\r\n",
        "550 5.1.1x\r\n", "550 5..1 x\r\n", "550 5.1. x\r\n", "550 .1.1 x\r\n",
        "550 5.1000.1 x\r\n", "550 55.1.1 x\r\n", "550 \r\n", "354 3.0.0 x\r\n",
        "550 5.1.1\t2 x\x80\r\n"}) {
    SCOPED_TRACE(octets);
    const SmtpReply plain = Read(octets);
    EXPECT_TRUE(plain.enhanced.empty() || plain.enhanced == "5.1.1");
  }
  EXPECT_EQ(Read("550 4.1.1 class differs\r\n").enhanced, "");
}

TEST(ReplyReaderTest, RefusesWhatIsNoReply) {
  for (const char* octets :
       {"\r\n", "hello\r\n", "22\r\n", "22x hello\r\n", "2200 hello\r\n",
        "220_hello\r\n", "120 hello\r\n", "620 hello\r\n", " 220 hello\r\n",
        "-20 hello\r\n", "250-a\r\n251 b\r\n", "250-a\r\nb\r\n",
        "HTTP/1.1 400 Bad Request\r\n", "\x16\x03\x01 \r\n"}) {
    SCOPED_TRACE(octets);
    EXPECT_TRUE(IsMalformed(octets));
  }
  EXPECT_TRUE(
      IsMalformed(std::string("2\0"
                              "20 hello\r\n",
                              12)));
}

TEST(ReplyReaderTest, GivesNothingAfterAMalformedReply) {
  ReplyReader reader;
  reader.Append("nonsense\r\n250 ok\r\n");
  EXPECT_FALSE(reader.Next().ok());
  EXPECT_FALSE(reader.Next().ok());
}

TEST(ReplyReaderTest, BoundsLinesAndReplies) {
  const std::string longest(ReplyReader::kMaxLine - 4, 'x');
  EXPECT_EQ(Read("250 " + longest + "\n").lines.front(), longest);
  EXPECT_TRUE(IsMalformed("250 " + longest + "xx\n"));
  // Without an end, too: it must not grow for ever.
  EXPECT_TRUE(IsMalformed("250 " + longest + "xx"));

  std::string many;
  for (std::size_t i = 1; i < ReplyReader::kMaxLines; ++i) many += "250-x\r\n";
  EXPECT_EQ(Read(many + "250 x\r\n").lines.size(), ReplyReader::kMaxLines);
  EXPECT_TRUE(IsMalformed(many + "250-x\r\n250 x\r\n"));
}

TEST(ReplyReaderTest, LetsNothingUnprintableThrough) {
  const SmtpReply reply =
      Read(std::string("550 a\0b\x1b[31mc\td\xc3\xbc\x7f\x9b\r e\r\n", 25));
  EXPECT_THAT(reply.lines, ElementsAre("ab[31mc d??? e"));
  EXPECT_EQ(reply.Text(), "550 ab[31mc d??? e");
}

TEST(SmtpReplyTest, TextIsBounded) {
  SmtpReply reply{250, "2.0.0", {}};
  EXPECT_EQ(reply.Text(), "250 2.0.0");
  reply.lines.assign(50, std::string(50, 'x'));
  EXPECT_EQ(reply.Text().size(), 400U);
  EXPECT_EQ((SmtpReply{550, "", {"", "a", "", "b"}}).Text(), "550 a; b");
}

}  // namespace
}  // namespace postern
