// An end that weakens is found, whichever way the line is weaker.
#include "core/policy/strength.h"

#include <gtest/gtest.h>

#include "tests/core/policy/policy_fixtures.h"

namespace postern {
namespace {

bool Weakens(std::string_view line, std::string_view beneath) {
  return WouldWeaken(Line("d.example " + std::string(line)),
                     Line("* " + std::string(beneath)))
      .has_value();
}

const char* const kLines[] = {"none",
                              "may",
                              "encrypt",
                              "fingerprint",
                              "verify",
                              "secure",
                              "hosted",
                              "dane",
                              "dane-only",
                              "sts",
                              "auto",
                              "auto floor=encrypt",
                              "auto floor=secure",
                              "may also=auto",
                              "secure also=auto",
                              "secure cn=always",
                              "secure mx=mx.d.example",
                              "secure crl=/x",
                              "secure protocols=>=TLSv1.3",
                              "secure ciphers=high",
                              "secure exclude=3DES",
                              "secure on-fail=deliver",
                              "secure on-fail=bounce",
                              "secure match=x.test",
                              "required-verify",
                              "preferred-verify"};

TEST(StrengthTest, NoLineIsWeakerThanItself) {
  for (const char* line : kLines) EXPECT_FALSE(Weakens(line, line)) << line;
}

TEST(StrengthTest, IsTransitive) {
  for (const char* a : kLines) {
    for (const char* b : kLines) {
      if (Weakens(a, b)) continue;
      for (const char* c : kLines) {
        if (Weakens(b, c)) continue;
        EXPECT_FALSE(Weakens(a, c)) << a << " | " << b << " | " << c;
      }
    }
  }
}

TEST(StrengthTest, LevelsFall) {
  const char* const rising[] = {"none", "may", "encrypt", "secure"};
  for (std::size_t high = 0; high < 4; ++high) {
    for (std::size_t low = 0; low < 4; ++low) {
      EXPECT_EQ(Weakens(rising[high], rising[low]), low < high)
          << rising[high] << " " << rising[low];
    }
  }
  for (const char* level :
       {"fingerprint", "verify", "secure", "hosted", "dane-only", "sts"}) {
    for (const char* weak :
         {"none", "may", "encrypt", "dane", "auto", "auto floor=encrypt",
          "auto floor=secure", "may also=auto"}) {
      EXPECT_TRUE(Weakens(level, weak)) << level << " " << weak;
    }
    EXPECT_FALSE(Weakens("may", level));
    EXPECT_FALSE(Weakens("dane", level));
    EXPECT_FALSE(Weakens("auto", level));
  }
}

TEST(StrengthTest, WhatIsPublishedIsLost) {
  EXPECT_TRUE(Weakens("dane", "may"));
  EXPECT_TRUE(Weakens("dane", "encrypt"));
  EXPECT_FALSE(Weakens("dane", "auto"));
  EXPECT_FALSE(Weakens("dane", "dane-only"));
  EXPECT_TRUE(Weakens("auto", "dane")) << "MTA-STS is lost";
  EXPECT_TRUE(Weakens("auto", "may"));
  EXPECT_TRUE(Weakens("auto floor=secure", "auto floor=encrypt"));
  EXPECT_FALSE(Weakens("auto floor=encrypt", "auto floor=secure"));
  EXPECT_TRUE(Weakens("secure also=auto", "secure"));
  EXPECT_FALSE(Weakens("secure", "secure also=auto"));
  EXPECT_FALSE(Weakens("may also=auto", "auto"));
}

TEST(StrengthTest, NamesFromInsecureDnsAreWeaker) {
  EXPECT_TRUE(Weakens("secure", "verify"));
  EXPECT_TRUE(Weakens("fingerprint", "hosted"));
  EXPECT_TRUE(Weakens("secure", "verify match=domain:ptr"));
  EXPECT_FALSE(Weakens("secure", "verify mx=mx.d.example"));
  EXPECT_FALSE(Weakens("secure cn=no-san", "hosted route=[r.test]"));
  EXPECT_TRUE(Weakens("secure", "hosted route=[r.test]")) << "by its cn= rule";
  EXPECT_FALSE(Weakens("secure", "verify match=x.test"));
  EXPECT_FALSE(Weakens("verify", "secure"));
  EXPECT_FALSE(Weakens("verify cn=no-san", "hosted"));
  EXPECT_FALSE(Weakens("encrypt", "verify"));
}

TEST(StrengthTest, AttributesFall) {
  EXPECT_TRUE(Weakens("secure", "secure on-fail=deliver"));
  EXPECT_TRUE(
      Weakens("secure on-fail=deliver", "secure on-fail=deliver-clear"));
  EXPECT_FALSE(Weakens("secure", "secure on-fail=bounce"));
  EXPECT_TRUE(Weakens("secure", "secure cn=no-san"));
  EXPECT_TRUE(Weakens("secure cn=no-san", "secure cn=always"));
  EXPECT_TRUE(Weakens("secure mx=.d.example", "secure"));
  EXPECT_TRUE(Weakens("secure mx=a.d.example", "secure mx=.d.example"));
  EXPECT_FALSE(Weakens("secure mx=.d.example", "secure mx=a.d.example"));
  EXPECT_TRUE(Weakens("secure crl=/x", "secure"));
  EXPECT_TRUE(Weakens("secure protocols=>=TLSv1.3", "secure"));
  EXPECT_TRUE(Weakens("secure ciphers=high", "secure ciphers=medium"));
  EXPECT_TRUE(Weakens("secure", "secure ciphers=medium"));
  EXPECT_FALSE(Weakens("secure ciphers=high", "secure"));
  EXPECT_TRUE(Weakens("secure exclude=3DES", "secure"));
  EXPECT_FALSE(Weakens("secure", "secure exclude=3DES protocols=>=TLSv1.3"));
  EXPECT_FALSE(Weakens("secure note=x owner=y helo=z.test", "secure"));
}

TEST(StrengthTest, SaysWhatIsLost) {
  EXPECT_EQ(*WouldWeaken(Line("d.example secure"), Line("* may")),
            "the level falls from secure to may");
  EXPECT_EQ(*WouldWeaken(Line("d.example auto floor=secure"),
                         Line("* auto floor=encrypt")),
            "the level falls from auto floor=secure to auto floor=encrypt");
}

}  // namespace
}  // namespace postern
