// tests/plugins/dane/tlsa_test.cc
//
// Which records can be used, which of those count, and their text form.
#include "plugins/dane/tlsa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/plugins/dane/tlsa_maker.h"

namespace postern {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> Forms(const std::vector<TlsaRecord>& records) {
  std::vector<std::string> forms;
  for (const TlsaRecord& record : records) {
    forms.push_back(Presentation(record).substr(0, 5));
  }
  return forms;
}

TlsaChoice Choose(std::vector<TlsaRecord> records) {
  return ChooseTlsa(records, kUsualDigests);
}

// DANE7671-01: SHA2-256 and SHA2-512 are supported.
TEST(Tlsa, EveryFormOfUsages2And3CanBeUsed) {
  const TestCertificate mx = MakeSelfSigned(ForHost("mx.example"));
  for (const std::uint8_t usage : {kDaneTa, kDaneEe}) {
    for (const std::uint8_t selector : {kCert, kSpki}) {
      for (const std::uint8_t matching : kMatchings) {
        const TlsaRecord record = MakeTlsa(usage, selector, matching, mx.der);
        const TlsaChoice choice = Choose({record});
        EXPECT_EQ(choice.records.size(), 1U) << Presentation(record);
        EXPECT_THAT(choice.unusable, IsEmpty());
      }
    }
  }
}

// DANE-08, DANE-22
TEST(Tlsa, WhatCannotBeUsedSaysWhy) {
  const TestCertificate mx = MakeSelfSigned(ForHost("mx.example"));
  const DerCertificate cut = Truncated(mx.der);
  const struct {
    TlsaRecord record;
    const char* why;
  } cases[] = {
      {MakeTlsa(0, 0, 1, mx.der), "web PKI"},
      {MakeTlsa(1, 1, 1, mx.der), "web PKI"},
      {{3, 5, 1, std::string(32, 'x')}, "selector"},
      {{4, 1, 1, std::string(32, 'x')}, "usage"},
      {{255, 1, 1, std::string(32, 'x')}, "usage"},
      {{3, 1, 3, std::string(32, 'x')}, "matching type"},
      {{3, 1, 1, std::string(31, 'x')}, "31 octets"},
      {{3, 1, 1, std::string(33, 'x')}, "33 octets"},
      {{3, 1, 2, std::string(32, 'x')}, "32 octets"},
      {{3, 1, 1, ""}, "0 octets"},
      {{3, 1, 0, ""}, "no data"},
      {{2, 0, 0, std::string(cut.begin(), cut.end())}, "does not parse"},
      {{3, 1, 0, "no key"}, "does not parse"},
      {{2, 1, 0, TlsaData(mx.der, kSpki, 0) + "x"}, "stray"},
  };
  for (const auto& c : cases) {
    const TlsaChoice choice = Choose({c.record});
    EXPECT_THAT(choice.records, IsEmpty()) << Presentation(c.record);
    ASSERT_EQ(choice.unusable.size(), 1U);
    EXPECT_THAT(choice.unusable.front(), HasSubstr(c.why));
  }
}

// DANE7671-01
TEST(Tlsa, OfEachUsageAndSelectorOnlyTheStrongestDigestCounts) {
  const DerCertificate mx = MakeSelfSigned(ForHost("mx.example")).der;
  const std::vector<TlsaRecord> all{
      MakeTlsa(3, 1, 1, mx), MakeTlsa(3, 1, 2, mx), StaleTlsa(3, 1, 2),
      MakeTlsa(3, 0, 1, mx), MakeTlsa(2, 1, 1, mx), MakeTlsa(3, 1, 0, mx)};
  EXPECT_THAT(Forms(Choose(all).records),
              ElementsAre("2 1 1", "3 0 1", "3 1 0", "3 1 2", "3 1 2"));
  EXPECT_THAT(Choose(all).unusable, IsEmpty());
}

// A record that can't be used does not make a weaker one count for less.
TEST(Tlsa, AMalformedStrongDigestHidesNothing) {
  const DerCertificate mx = MakeSelfSigned(ForHost("mx.example")).der;
  EXPECT_THAT(
      Forms(Choose({MakeTlsa(3, 1, 1, mx), {3, 1, 2, "short"}}).records),
      ElementsAre("3 1 1"));
}

// DANE7671-02
TEST(Tlsa, TheOrderOfDigestsIsConfigured) {
  const DerCertificate mx = MakeSelfSigned(ForHost("mx.example")).der;
  const std::vector<TlsaRecord> both{MakeTlsa(3, 1, 1, mx),
                                     MakeTlsa(3, 1, 2, mx)};
  const auto with = [&both](std::vector<std::string> words) {
    return Forms(ChooseTlsa(both, ParseTlsaDigests(words).value()).records);
  };
  EXPECT_THAT(with({"sha512", "sha256"}), ElementsAre("3 1 2"));
  EXPECT_THAT(with({"sha256", "sha512"}), ElementsAre("3 1 1"));
  EXPECT_THAT(with({"sha256"}), ElementsAre("3 1 1"));
  const TlsaChoice choice =
      ChooseTlsa(std::span(both).subspan(1), {DigestAlgorithm::kSha256});
  EXPECT_THAT(choice.records, IsEmpty());
  EXPECT_THAT(choice.unusable.front(), HasSubstr("switched off"));
}

TEST(Tlsa, TheSettingIsHeldToWhatTheRfcAsks) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"sha512"},
                                                {"sha256", "md5"},
                                                {"sha256", "sha256"},
                                                {"SHA256"},
                                                {"sha256", "sha1"}}) {
    EXPECT_FALSE(ParseTlsaDigests(words).ok());
  }
}

TEST(Tlsa, TheOrderOfTheAnswerDoesNotShow) {
  const TlsaRecord a = StaleTlsa(3, 1, 1);
  const TlsaRecord b = StaleTlsa(3, 1, 1);
  EXPECT_EQ(Choose({a, b, a}).records.size(), 2U);
  const auto one = Choose({a, b}).records;
  const auto other = Choose({b, a}).records;
  EXPECT_EQ(Presentation(one.front()), Presentation(other.front()));
}

TEST(Tlsa, TheTextFormComesBackAsItWas) {
  const TlsaRecord record = StaleTlsa(2, 1, 2);
  const std::string text = Presentation(record);
  const auto read = ParseTlsa(text);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(Presentation(*read), text);
  // As dig and zone files show it: upper case, in groups.
  const auto spaced = ParseTlsa("3 1 1 AB12 \tcd34");
  ASSERT_TRUE(spaced.ok());
  EXPECT_EQ(Presentation(*spaced), "3 1 1 ab12cd34");
}

TEST(Tlsa, WhatIsNoRecordIsRefused) {
  for (const char* text :
       {"", "3", "3 1", "3 1 1", "3 1 1 ", "3 1 1 xyz", "3 1 1 abc",
        "256 1 1 ab", "-1 1 1 ab", "3 1 ab 1", "three 1 1 ab", "3 1 1 ab\n"}) {
    EXPECT_FALSE(ParseTlsa(text).ok()) << text;
  }
}

TEST(Tlsa, LongDataIsShownByItsDigest) {
  const TlsaRecord a = StaleTlsa(3, 0, 0);
  EXPECT_LT(ShortPresentation(a).size(), 120U);
  EXPECT_NE(ShortPresentation(a), ShortPresentation(StaleTlsa(3, 0, 0)));
  EXPECT_EQ(ShortPresentation(StaleTlsa(3, 1, 2)).size(), 6U + 128U);
}

}  // namespace
}  // namespace postern
