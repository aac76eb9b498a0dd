// Postfix's words for protocols and ciphers mean what Postfix means by them,
// and none of them reaches below the floor.
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

// "12", "13", "12 13", or "-" where the words can't be used.
std::string Allowed(std::string_view words) {
  const Result<ProtocolChoice> choice = ChooseProtocols(words);
  if (!choice.ok()) {
    EXPECT_EQ(choice.error().reason(), Reason::kPolicyInvalid);
    return "-";
  }
  if (choice->tls12 && choice->tls13) return "12 13";
  return choice->tls12 ? "12" : "13";
}

// TLS-01
TEST(TlsProtocolsTest, MeanWhatPostfixMeansAndNeverLessThanTls12) {
  const struct {
    const char* words;
    const char* allowed;
  } cases[] = {
      {"", "12 13"},
      {">=TLSv1.2", "12 13"},
      {">=TLSv1", "12 13"},
      {">=tlsv1.3", "13"},
      {"<=TLSv1.2", "12"},
      {"TLSv1.3", "13"},
      {"TLSv1.2", "12"},
      {"TLSv1.1, TLSv1.2", "12"},
      {"!TLSv1.3", "12"},
      {"!SSLv2:!SSLv3 !TLSv1,!TLSv1.1", "12 13"},
      {">=TLSv1.2 <=TLSv1.2", "12"},
      {"SSLv3", "-"},
      {"TLSv1.1", "-"},
      {"<=TLSv1.1", "-"},
      {"!TLSv1.2 !TLSv1.3", "-"},
      {"TLSv1.3 !TLSv1.3", "-"},
      {"TLSv1.4", "-"},
      {">TLSv1.2", "-"},
      {"=TLSv1.2", "-"},
      {"all", "-"},
      {"!", "-"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.words);
    EXPECT_EQ(Allowed(c.words), c.allowed);
  }
}

// TLS-05
TEST(TlsCiphersTest, EndInTheFloorWhateverIsAskedFor) {
  for (const char* ciphers :
       {"", "high", "medium", "low", "ALL", "eNULL", "aNULL:RC4", "3DES"}) {
    SCOPED_TRACE(ciphers);
    const Result<CipherChoice> choice = ChooseCiphers(ciphers, "");
    ASSERT_TRUE(choice.ok());
    EXPECT_THAT(choice->list,
                EndsWith(":!aNULL:!eNULL:!EXPORT:!LOW:!DES:!3DES:!RC2:!RC4"
                         ":!MD5:!PSK:!SRP"));
  }
}

TEST(TlsCiphersTest, KnowGradesAndOpenSslLists) {
  EXPECT_THAT(ChooseCiphers("", "")->list, StartsWith("HIGH:!"));
  EXPECT_THAT(ChooseCiphers("High", "")->list, StartsWith("HIGH:!"));
  EXPECT_THAT(ChooseCiphers("medium", "")->list, StartsWith("HIGH:MEDIUM:!"));
  EXPECT_THAT(ChooseCiphers("ECDHE+AESGCM:!SHA1", "")->list,
              StartsWith("ECDHE+AESGCM:!SHA1:!"));
}

TEST(TlsCiphersTest, RefuseWordsThatCouldLiftTheFloor) {
  for (const char* ciphers : {"ALL:@SECLEVEL=0", "@STRENGTH", "HIGH;x", "!"}) {
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
