// tests/core/tls/negotiated_test.cc
//
// What an MTA's own handshake came to is held to the words that ours is told.
#include "core/tls/negotiated.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

TlsEvidence Evidence(std::string protocol, std::string cipher) {
  TlsEvidence evidence;
  evidence.protocol = std::move(protocol);
  evidence.cipher = std::move(cipher);
  return evidence;
}

TEST(CheckNegotiated, NothingBelowTls12IsEverTaken) {
  for (const char* protocol :
       {"", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.4", "TLS", "tlsv1.3"}) {
    SCOPED_TRACE(protocol);
    const Status status = CheckNegotiated(Evidence(protocol, "x"), "", "", "");
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().reason(), Reason::kTlsHandshakeFailed);
  }
  EXPECT_TRUE(CheckNegotiated(Evidence("TLSv1.2", "x"), "", "", "").ok());
  EXPECT_TRUE(CheckNegotiated(Evidence("TLSv1.3", "x"), "", "", "").ok());
}

TEST(CheckNegotiated, TheLinesProtocolsHold) {
  EXPECT_FALSE(
      CheckNegotiated(Evidence("TLSv1.2", "x"), ">=TLSv1.3", "", "").ok());
  EXPECT_FALSE(
      CheckNegotiated(Evidence("TLSv1.3", "x"), "<=TLSv1.2", "", "").ok());
  EXPECT_TRUE(
      CheckNegotiated(Evidence("TLSv1.3", "x"), ">=TLSv1.3", "", "").ok());
}

TEST(CheckNegotiated, ACipherIsKnownByEitherOfItsNames) {
  const auto high = [](const char* cipher) {
    return CheckNegotiated(Evidence("TLSv1.2", cipher), "", "high", "").ok();
  };
  EXPECT_TRUE(high("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"));
  EXPECT_TRUE(high("ECDHE-RSA-AES256-GCM-SHA384"));
  EXPECT_FALSE(high("TLS_RSA_WITH_NULL_SHA256"));
  EXPECT_FALSE(high(""));
  EXPECT_FALSE(high("something of its own"));
}

TEST(CheckNegotiated, AnExcludedCipherIsRefused) {
  const Status status =
      CheckNegotiated(Evidence("TLSv1.3", "TLS_AES_128_GCM_SHA256"), "", "",
                      "TLS_AES_128_GCM_SHA256");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().reason(), Reason::kTlsHandshakeFailed);
  EXPECT_FALSE(
      CheckNegotiated(Evidence("TLSv1.2", "ECDHE-RSA-AES256-GCM-SHA384"), "",
                      "high", "AESGCM")
          .ok());
  EXPECT_FALSE(
      CheckNegotiated(Evidence("TLSv1.3", "x"), "", "no such grade", "").ok());
}

}  // namespace
}  // namespace postern
