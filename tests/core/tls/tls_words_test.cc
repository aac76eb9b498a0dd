// protocols=, ciphers= and exclude= are Postfix's, and none of them can reach
// below TLS 1.2.
#include "core/tls/tls_words.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

std::string Text(const Result<std::string>& text) {
  return text ? *text : "error: " + text.error().detail();
}

// TLS-01
TEST(ProtocolsTest, ReadsPostfixSyntax) {
  const struct {
    const char* text;
    bool tls12, tls13;
  } cases[] = {
      {"", true, true},
      {">=TLSv1.2", true, true},
      {">=TLSv1.3", false, true},
      {">=tlsv1.3", false, true},
      {"<=TLSv1.2", true, false},
      {"TLSv1.3", false, true},
      {"TLSv1.2:TLSv1.3", true, true},
      {"TLSv1.2, TLSv1.3", true, true},
      {"!TLSv1.3", true, false},
      {"!SSLv2:!SSLv3", true, true},
      {"!SSLv2 !SSLv3 !TLSv1 !TLSv1.1", true, true},
      {"TLSv1:TLSv1.1:TLSv1.2", true, false},
      {"!TLSv1.0, TLSv1.2", true, false},
      {"!SSLv2:!SSLv3 !TLSv1,!TLSv1.1", true, true},
      {"TLSv1.1, TLSv1.2", true, false},
      {">=TLSv1", true, true},
      {">=TLSv1.2:<=TLSv1.2", true, false},
      {"TLSv1.2:TLSv1.3:!TLSv1.2", false, true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const Result<ProtocolSet> set = ParseProtocols(c.text);
    ASSERT_TRUE(set) << set.error().detail();
    EXPECT_EQ(set->tls12, c.tls12);
    EXPECT_EQ(set->tls13, c.tls13);
    EXPECT_EQ(*ParseProtocols(ToProtocols(*set)), *set);
  }
}

// STS-31
TEST(ProtocolsTest, NeverLeavesLessThanTls12) {
  for (const char* text :
       {"TLSv1", "TLSv1.1", "SSLv3", "<=TLSv1.1", "!TLSv1.2:!TLSv1.3",
        "TLSv1.3 !TLSv1.3", "TLSv1.3:<=TLSv1.2", "TLSv1.2:!TLSv1.2"}) {
    const Result<ProtocolSet> set = ParseProtocols(text);
    ASSERT_FALSE(set) << text;
    EXPECT_NE(set.error().detail().find("TLS 1.2 is the least"),
              std::string::npos);
  }
}

TEST(ProtocolsTest, RefusesWhatItDoesNotKnow) {
  for (const char* text :
       {"TLSv1.4", "TLS1.3", ">TLSv1.2", "=TLSv1.2", "high", "all", "!!TLSv1.2",
        ">= TLSv1.2", "!", ">=", "0304"}) {
    const Result<ProtocolSet> set = ParseProtocols(text);
    ASSERT_FALSE(set) << text;
    EXPECT_NE(set.error().detail().find("write >=TLSv1.2"), std::string::npos)
        << set.error().detail();
  }
}

TEST(ProtocolsTest, HasOneForm) {
  EXPECT_EQ(Text(CanonicalProtocols(">=tlsv1.3")), ">=TLSv1.3");
  EXPECT_EQ(Text(CanonicalProtocols("!sslv2, !TLSV1.2")), "!SSLv2:!TLSv1.2");
  EXPECT_FALSE(CanonicalProtocols(""));
  EXPECT_FALSE(CanonicalProtocols(" : , "));
}

TEST(CiphersTest, IsAGrade) {
  EXPECT_EQ(Text(CanonicalCiphers("HIGH")), "high");
  EXPECT_EQ(Text(CanonicalCiphers("medium")), "medium");
  for (const char* text : {"", "low", "export", "null", "HIGH:!aNULL"}) {
    EXPECT_FALSE(CanonicalCiphers(text)) << text;
  }
}

TEST(ExcludeTest, NamesCiphersAndCarriesNoOperators) {
  EXPECT_EQ(Text(CanonicalExclude("aNULL, 3DES")), "aNULL:3DES");
  EXPECT_EQ(Text(CanonicalExclude("kEDH+aRSA:ECDHE-RSA-AES128-GCM-SHA256")),
            "kEDH+aRSA:ECDHE-RSA-AES128-GCM-SHA256");
  for (const char* text : {"", "!aNULL", "-aNULL", "+aNULL", "@SECLEVEL=0",
                           "ALL:@STRENGTH", "a\"b", "a;b"}) {
    EXPECT_FALSE(CanonicalExclude(text)) << text;
  }
}

}  // namespace
}  // namespace postern
