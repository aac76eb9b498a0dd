// tests/core/service/socket_map_test.cc
//
// The codec of socket maps: the forms that Postfix and Sendmail were seen to
// send, and everything that is none of them.
#include "core/service/socket_map.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

using Status = SocketMapReply::Status;

TEST(SocketMapTest, SpeaksAsPostfixDoes) {
  const SocketMapQuery query{"policy", "[mx1.good.test]:25"};
  EXPECT_EQ(FormatSocketMapQuery(query), "25:policy [mx1.good.test]:25,");
  const auto parsed = ParseSocketMapQuery("policy [mx1.good.test]:25");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(*parsed, query);
  EXPECT_EQ(FormatSocketMapReply(SocketMapReply::Ok("may")), "6:OK may,");
  EXPECT_EQ(FormatSocketMapReply({Status::kNotFound, ""}), "9:NOTFOUND ,");
}

TEST(SocketMapTest, KeysMayHoldBlanksOrNothing) {
  const auto quoted = ParseSocketMapQuery("tlspol S<a b><c>");
  ASSERT_TRUE(quoted);
  EXPECT_EQ(quoted->key, "S<a b><c>");
  const auto empty = ParseSocketMapQuery("policy ");
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->key, "");
}

TEST(SocketMapTest, RefusesWhatIsNoQuestion) {
  for (const char* text :
       {"", " ", "policy", " bank.example", "policy a\nb", "policy \x7f"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(ParseSocketMapQuery(text));
  }
}

TEST(SocketMapTest, ReadsEveryAnswerBack) {
  for (const Status status : {Status::kOk, Status::kNotFound, Status::kTemp,
                              Status::kTimeout, Status::kPerm}) {
    NetstringBuffer buffer(kMaxSocketMapReply);
    buffer.Append(FormatSocketMapReply({status, "some text"}));
    const auto content = buffer.Take();
    ASSERT_TRUE(content && *content);
    const auto reply = ParseSocketMapReply(**content);
    ASSERT_TRUE(reply);
    EXPECT_EQ(*reply, (SocketMapReply{status, "some text"}));
  }
  EXPECT_FALSE(ParseSocketMapReply(""));
  EXPECT_FALSE(ParseSocketMapReply("OKAY may"));
  EXPECT_FALSE(ParseSocketMapReply("ok may"));
}

TEST(SocketMapTest, AnAnswerThatIsTooLongIsNeverCut) {
  const std::string text = FormatSocketMapReply(
      SocketMapReply::Ok(std::string(kMaxSocketMapReply, 'x')));
  EXPECT_LT(text.size(), 200u);
  EXPECT_NE(text.find(":TEMP "), std::string::npos);
}

TEST(SocketMapTest, AnAnswerIsOneLine) {
  EXPECT_EQ(FormatSocketMapReply(SocketMapReply::Temp("a\nb\r\t")),
            "10:TEMP a b  ,");
}

TEST(NetstringBufferTest, TakesOneAfterTheOtherHoweverTheyCome) {
  const std::string octets = "3:abc,0:,5:d,e:f,";
  NetstringBuffer whole(10), drip(10);
  whole.Append(octets);
  std::vector<std::string> found;
  for (const char c : octets) {
    drip.Append({&c, 1});
    const auto content = drip.Take();
    ASSERT_TRUE(content);
    if (*content) found.push_back(**content);
  }
  EXPECT_EQ(found, (std::vector<std::string>{"abc", "", "d,e:f"}));
  EXPECT_TRUE(drip.empty());
  for (const std::string& expected : found) {
    const auto content = whole.Take();
    ASSERT_TRUE(content && *content);
    EXPECT_EQ(**content, expected);
  }
  EXPECT_TRUE(whole.empty());
  EXPECT_FALSE(whole.Take()->has_value());
}

TEST(NetstringBufferTest, RefusesWhatIsNoNetstringBeforeItsContentCame) {
  for (const char* text :
       {"x", ":", ",", "-1:", "01:a,", "11:", "99999999999999999999999", "3abc",
        "3:abcd", "1 :a,", "+1:a,", "3 ", "00:,", "GET / HTTP/1.1"}) {
    SCOPED_TRACE(text);
    NetstringBuffer buffer(10);
    buffer.Append(text);
    const auto content = buffer.Take();
    ASSERT_FALSE(content);
    EXPECT_EQ(content.error().reason(), Reason::kRequestInvalid);
    EXPECT_FALSE(buffer.Take());  // and it stays so
  }
}

}  // namespace
}  // namespace postern
