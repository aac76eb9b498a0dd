// tests/sendmail-milter/map_question_test.cc
//
// A key of Sendmail's map is read whole or not at all, and TLS is believed only
// where every macro that tells of it agrees.
#include "sendmail-milter/map_question.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern {
namespace {

using Asks = MapQuestion::Asks;

std::string Fingerprint() {
  std::string text = "00";
  for (int i = 1; i < 32; ++i) text += ":AB";
  return text;
}

std::string Key(const std::string& changed_verify = "OK",
                const std::string& version = "TLSv1.3") {
  return "R<bank.test><mx1.bank.test.><192.0.2.1><" + changed_verify + "><" +
         version + "><256><" + Fingerprint() + "><SAN><mx1.bank.test>";
}

TEST(MapQuestionTest, ReadsEveryField) {
  const auto read = ParseMapQuestion(
      Key() + "<4AM4NRxx012345><[relay.test]><TLS_AES_256_GCM_SHA384>");
  ASSERT_TRUE(read) << read.error().detail();
  EXPECT_EQ(read->asks, Asks::kRecipient);
  EXPECT_EQ(ToString(*read->destination), "bank.test");
  EXPECT_EQ(ToString(read->server), "mx1.bank.test");
  EXPECT_EQ(read->address.str(), "192.0.2.1");
  EXPECT_TRUE(read->encrypted);
  EXPECT_EQ(read->protocol, "TLSv1.3");
  EXPECT_EQ(read->leaf_sha256.size(), 32u);
  EXPECT_EQ(read->leaf_sha256.substr(0, 2), std::string("\0\xab", 2));
  EXPECT_EQ(read->queue_id, "4AM4NRxx012345");
  EXPECT_EQ(read->hop->str(), "[relay.test]:25");
  EXPECT_EQ(read->cipher, "TLS_AES_256_GCM_SHA384");
}

TEST(MapQuestionTest, TheLastThreeMayBeLeftOut) {
  const auto read = ParseMapQuestion(Key());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->queue_id, "");
  EXPECT_FALSE(read->hop);
  EXPECT_EQ(read->cipher, "");
}

TEST(MapQuestionTest, ReadsSendmailsAddressesAndHosts) {
  const auto read = ParseMapQuestion(
      "R<[IPv6:2001:db8::1]><[IPv6:2001:db8::1]><IPv6:2001:db8::1><NONE><><><>"
      "<><>");
  ASSERT_TRUE(read) << read.error().detail();
  EXPECT_EQ(read->address.str(), "2001:db8::1");
  EXPECT_EQ(read->server, HostName(read->address));
  EXPECT_EQ(*read->destination, HostName(read->address));
}

// Way 5 of the quick start: what an inbound client left in the macros.
TEST(MapQuestionTest, TlsNeedsAVersionAndAHandshakeThatWentWell) {
  EXPECT_TRUE(ParseMapQuestion(Key("FAIL"))->encrypted);
  EXPECT_FALSE(ParseMapQuestion(Key("OK", ""))->encrypted);
  for (const char* verify :
       {"", "NONE", "NO", "NOT", "TEMP", "PROTOCOL", "SOFTWARE", "CONFIG",
        "CLEAR", "DANE_FAIL", "ok", "OKAY"}) {
    SCOPED_TRACE(verify);
    const auto read = ParseMapQuestion(Key(verify));
    EXPECT_TRUE(!read || !read->encrypted);
  }
}

TEST(MapQuestionTest, AFingerprintThatIsNoSha256IsNone) {
  for (const char* text :
       {"", "AB:CD", "d41d8cd98f00b204e9800998ecf8427e",
        "ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:ab:"
        "ab:ab:ab:ab:ab:ab:ab:ab:ab",
        "AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB"}) {
    SCOPED_TRACE(text);
    std::string key = Key();
    key.replace(key.find(Fingerprint()), Fingerprint().size(), text);
    const auto read = ParseMapQuestion(key);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->leaf_sha256, "");
  }
}

TEST(MapQuestionTest, TheConnectionsDestinationMayBeUnknown) {
  const std::string rest = Key().substr(Key().find("><") + 1);
  for (const char* unknown : {"", "?", "[relay.test]", "[192.0.2.9]"}) {
    SCOPED_TRACE(unknown);
    const auto read =
        ParseMapQuestion("S<" + std::string(unknown) + ">" + rest);
    ASSERT_TRUE(read) << read.error().detail();
    EXPECT_EQ(read->asks, Asks::kConnection);
    EXPECT_FALSE(read->destination);
  }
  const auto known = ParseMapQuestion("S<bank.test.>" + rest);
  ASSERT_TRUE(known);
  EXPECT_EQ(ToString(*known->destination), "bank.test");
}

TEST(MapQuestionTest, ARouteThatIsNoNextHopIsLeftOut) {
  for (const char* hop : {"", "[a.test]:[b.test]", "a.test:b.test", "/tmp/x"}) {
    SCOPED_TRACE(hop);
    const auto read =
        ParseMapQuestion(Key() + "<Q1><" + std::string(hop) + "><>");
    ASSERT_TRUE(read) << read.error().detail();
    EXPECT_FALSE(read->hop);
  }
}

TEST(MapQuestionTest, RefusesEverythingElse) {
  const std::string rest = Key().substr(Key().find("><") + 1);
  const std::string cases[] = {
      "",
      "R",
      "X<bank.test>" + rest,
      "r<bank.test>" + rest,
      "R<?>" + rest,                              // not known
      "R<>" + rest,                               //
      "R<a b>" + rest,                            //
      "R<x><y><z@may.test\"@strip.test>" + rest,  // forged by a quoted part
      "R<bank.test" + rest,                       // not closed
      "R bank.test>" + rest,                      //
      "R<bank.test> " + rest,                     // something between
      Key() + "x",                                // and behind
      Key() + "<Q1>",                             // ten
      Key() + "<Q1><h>",                          // eleven
      Key() + "<Q1><h><c><more>",                 // thirteen
      Key() + "<Q 1><h><c>",                      //
      Key() + "<Q1><h><c;d>",                     //
      Key().substr(0, Key().size() - 1),          // cut
      Key().substr(0, Key().rfind('<')),          // eight
      Key() + "<" + std::string(1100, 'a') + "><h><c>",
      "R<bank.test><mx1.bank.test><nowhere><OK><TLSv1.3><256><><><>",
      "R<bank.test><><192.0.2.1><OK><TLSv1.3><256><><><>",
      "R<bank.test><mx1.bank.test><192.0.2.1><O K><TLSv1.3><256><><><>",
      "R<bank.test><mx1.bank.test><192.0.2.1><OK><TLS v1><256><><><>",
      "R<bank\n.test>" + rest,
      std::string("R<bank.test\0>", 13) + rest,
  };
  for (const std::string& key : cases) {
    SCOPED_TRACE(key);
    const auto read = ParseMapQuestion(key);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().reason(), Reason::kRequestInvalid);
  }
}

}  // namespace
}  // namespace postern
