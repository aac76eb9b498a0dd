// Whatever ciphers= and exclude= say, OpenSSL is told nothing below the floor.
#include "core/tls/tls_parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace postern {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// TLS-05
TEST(TlsCiphersTest, EndInTheFloorWhateverIsAskedFor) {
  for (const char* ciphers : {"", "high", "medium"}) {
    SCOPED_TRACE(ciphers);
    const Result<CipherChoice> choice = ChooseCiphers(ciphers, "");
    ASSERT_TRUE(choice.ok());
    EXPECT_THAT(choice->list,
                EndsWith(":!aNULL:!eNULL:!EXPORT:!LOW:!DES:!3DES:!RC2:!RC4"
                         ":!MD5:!PSK:!SRP"));
  }
}

TEST(TlsCiphersTest, KnowGrades) {
  EXPECT_THAT(ChooseCiphers("", "")->list, StartsWith("HIGH:!"));
  EXPECT_THAT(ChooseCiphers("High", "")->list, StartsWith("HIGH:!"));
  EXPECT_THAT(ChooseCiphers("medium", "")->list, StartsWith("HIGH:MEDIUM:!"));
}

TEST(TlsCiphersTest, RefuseWordsThatCouldLiftTheFloor) {
  for (const char* ciphers :
       {"ALL:@SECLEVEL=0", "@STRENGTH", "HIGH;x", "!", "low", "export", "null",
        "ALL", "eNULL", "aNULL:RC4"}) {
    SCOPED_TRACE(ciphers);
    const Result<CipherChoice> choice = ChooseCiphers(ciphers, "");
    ASSERT_FALSE(choice.ok());
    EXPECT_EQ(choice.error().reason(), Reason::kPolicyInvalid);
    EXPECT_THAT(choice.error().detail(), HasSubstr("ciphers="));
  }
  EXPECT_FALSE(ChooseCiphers("", "!AES").ok());
  EXPECT_FALSE(ChooseCiphers("", "@SECLEVEL=0").ok());
}

TEST(TlsCiphersTest, ExcludeTypesAndSuitesOfTls13) {
  const Result<CipherChoice> choice =
      ChooseCiphers("high", "kRSA, SHA1 TLS_AES_128_GCM_SHA256");
  ASSERT_TRUE(choice.ok());
  EXPECT_THAT(choice->list, StartsWith("HIGH:!kRSA:!SHA1:!"));
  EXPECT_THAT(choice->suites, Not(HasSubstr("TLS_AES_128_GCM_SHA256")));
  EXPECT_THAT(choice->suites, HasSubstr("TLS_AES_256_GCM_SHA384"));
}

}  // namespace
}  // namespace postern
