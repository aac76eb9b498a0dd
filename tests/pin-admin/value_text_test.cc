// tests/pin-admin/value_text_test.cc
//
// The small parsers and printers of pin-admin.
#include "pin-admin/value_text.h"

#include <gtest/gtest.h>

#include "core/x509/digest.h"
#include "pin-admin/json.h"
#include "pin-admin/output.h"
#include "pin-admin/policy_text.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

TEST(DigestTextTest, ReadsHexadecimalAndBase64) {
  const std::string octets(32, '\xfb');
  for (const char* text :
       {"fbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfb",
        "FB:fb:FB:fb:FB:fb:FB:fb:FB:fb:FB:fb:FB:fb:FB:fb:FB:fb:FB:fb:FB:fb:FB:"
        "fb:FB:fb:FB:fb:FB:fb:FB:fb",
        "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s=",
        "+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s"}) {
    const Result<DigestText> digest = ParseDigest(text);
    ASSERT_TRUE(digest) << text;
    EXPECT_EQ(digest->octets, octets);
    EXPECT_EQ(digest->algorithm, DigestAlgorithm::kSha256);
  }
  EXPECT_EQ(ParseDigest(std::string(128, 'a'))->algorithm,
            DigestAlgorithm::kSha512);
}

TEST(DigestTextTest, ReadsWhatOpensslPrints) {
  std::string colons = "FB";
  for (int i = 1; i < 32; ++i) colons += ":FB";
  const std::string octets(32, '\xfb');
  for (const char* words : {"sha256 Fingerprint=", "SHA256 Fingerprint=",
                            "SHA2-256(stdin)= ", "SHA256(key.der)= "}) {
    SCOPED_TRACE(words);
    const Result<DigestText> digest = ParseDigest(words + colons);
    ASSERT_TRUE(digest);
    EXPECT_EQ(digest->octets, octets);
    EXPECT_EQ(digest->of_certificate,
              std::string(words).find("Fingerprint") != std::string::npos);
  }
  EXPECT_FALSE(ParseDigest("Fingerprint"));
  EXPECT_FALSE(ParseDigest("sha256 Fingerprint="));
  EXPECT_FALSE(ParseDigest("sha256 Fingerprint=FB:FB"));
  EXPECT_FALSE(ParseDigest("something=" + colons));
}

TEST(DigestTextTest, RefusesEverythingElse) {
  for (const std::string& text :
       {std::string(), std::string("abc"), std::string(40, 'a'),
        std::string(32, 'a'), std::string(63, 'a'), std::string(66, 'a'),
        std::string(63, 'a') + "g", std::string(64, 'a') + ":",
        ":" + std::string(64, 'a'), "sha512:" + std::string(64, 'a'),
        "sha1:" + std::string(40, 'a'), "md5:" + std::string(32, 'a'),
        // Bits left over at the end of base64.
        std::string("+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/t")}) {
    EXPECT_FALSE(ParseDigest(text)) << text;
  }
}

TEST(SpanTextTest, ReadsWholeNumbersWithAUnit) {
  EXPECT_EQ(*ParseSpan("90m"), seconds(5400));
  EXPECT_EQ(*ParseSpan("4h"), hours(4));
  EXPECT_EQ(*ParseSpan("2d"), hours(48));
  EXPECT_EQ(*ParseSpan("1w"), hours(168));
  for (const char* text : {"", "4", "h", "0h", "-4h", "4hh", "4 h", "367d",
                           "99999999999999999999h", "1.5h"}) {
    EXPECT_FALSE(ParseSpan(text)) << text;
  }
}

TEST(MomentTextTest, ReadsDatesTimesAndSpans) {
  const TimePoint now{hours(500'000)};
  EXPECT_EQ(*ParseMoment("+4h", now), now + hours(4));
  EXPECT_EQ(FormatTime(*ParseMoment("2027-01-31", now)),
            "2027-01-31T00:00:00Z");
  EXPECT_FALSE(ParseMoment("tomorrow", now));
  EXPECT_EQ(Relative(now + hours(50), now), "in 2 days");
  EXPECT_EQ(Relative(now - hours(1), now), "1 hour ago");
  EXPECT_EQ(Relative(now + seconds(5), now), "in less than a minute");
}

TEST(CleanTest, TakesTheTerminalAwayFromAPeer) {
  EXPECT_EQ(Clean("a\033[31mb\x07\r\tc"), "a [31mb   c");
  EXPECT_EQ(Clean("a\nb"), "a\nb");
  EXPECT_EQ(Clean("m\xc3\xbcnchen"), "m\xc3\xbcnchen");
  EXPECT_EQ(Clean("\xc2\x9b"), " ");
  EXPECT_EQ(Clean("\xe2\x80\xae"), " ");
  EXPECT_EQ(Clean("a\xff\xc3"), "a\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(JsonTest, KeepsTheOrderAndReadsWhatItWrites) {
  Json json = Json::MakeObject();
  json.Set("z", 1)
      .Set("a", Json::MakeArray().Add("x").Add(Json()))
      .Set("z", true);
  EXPECT_EQ(json.Dump(), R"({"z":true,"a":["x",null]})");
  EXPECT_EQ(Json::Parse(json.Dump())->Dump(), json.Dump());
  EXPECT_EQ(Json("\xff").Dump(), "\"\xef\xbf\xbd\"");
  EXPECT_TRUE(json["nothing"]["at"]["all"].is_null());
  EXPECT_FALSE(Json::Parse("{"));
  EXPECT_FALSE(Json::Parse(std::string(100, '[') + std::string(100, ']')));
  EXPECT_EQ(Json::Parse("18446744073709551615")->text(),
            "18446744073709551615");
}

TEST(JoinWordsTest, GivesBackTheQuotesThatAShellTook) {
  const std::vector<std::string> words{"old.example", "may",
                                       "note=it is broken"};
  EXPECT_EQ(JoinWords(words), "old.example may note=\"it is broken\"");
}

TEST(ExitStatusTest, TheGravestIsFourThenOneThenThree) {
  using enum ExitStatus;
  EXPECT_EQ(Gravest(kGood, kWarning), kWarning);
  EXPECT_EQ(Gravest(kNo, kWarning), kNo);
  EXPECT_EQ(Gravest(kNo, kUnknown), kUnknown);
  EXPECT_EQ(Gravest(kUnknown, kNo), kUnknown);
  EXPECT_EQ(ToNagios(kWarning), 1);
  EXPECT_EQ(ToNagios(kNo), 2);
  EXPECT_EQ(ToNagios(kUnknown), 3);
}

}  // namespace
}  // namespace postern
