// The certificates come out of the message as they went in, or not at all.
#include "core/tls/certificate_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern {
namespace {

using testing::ElementsAre;
using Octets = std::vector<std::uint8_t>;

const Octets kTls12 = {11, 0, 0,  13,             // Certificate, 13 octets
                       0,  0, 10,                 // a list of 10
                       0,  0, 3,  'a', 'b', 'c',  // one of 3
                       0,  0, 1,  'd'};           // one of 1
const Octets kTls13 = {11, 0, 0,  15,             // Certificate, 15 octets
                       0,                         // no context
                       0,  0, 11,                 // a list of 11
                       0,  0, 2,  'a', 'b',       // one of 2
                       0,  4, 1,  2,   3,   4};   // 4 octets of extensions

TEST(CertificateMessageTest, GivesTheChainInTheServersOrder) {
  const auto chain = ParseCertificateMessage(kTls12, false);
  ASSERT_TRUE(chain.ok());
  EXPECT_THAT(*chain, ElementsAre(Octets{'a', 'b', 'c'}, Octets{'d'}));
}

TEST(CertificateMessageTest, PassesOverExtensionsInTls13) {
  const auto chain = ParseCertificateMessage(kTls13, true);
  ASSERT_TRUE(chain.ok());
  EXPECT_THAT(*chain, ElementsAre(Octets{'a', 'b'}));
}

TEST(CertificateMessageTest, AnEmptyListIsNoCertificate) {
  const auto chain =
      ParseCertificateMessage(Octets{11, 0, 0, 3, 0, 0, 0}, false);
  ASSERT_TRUE(chain.ok());
  EXPECT_TRUE(chain->empty());
}

TEST(CertificateMessageTest, RefusesEveryMessageCutShortOrLong) {
  for (const bool tls13 : {false, true}) {
    const Octets& good = tls13 ? kTls13 : kTls12;
    for (std::size_t size = 0; size < good.size(); ++size) {
      SCOPED_TRACE(size);
      EXPECT_FALSE(
          ParseCertificateMessage(std::span(good).first(size), tls13).ok());
    }
    Octets longer = good;
    longer.push_back(0);
    EXPECT_FALSE(ParseCertificateMessage(longer, tls13).ok());
  }
}

TEST(CertificateMessageTest, RefusesLengthsThatDoNotFit) {
  // Every octet that is a length, one too large.
  for (const std::size_t at : {3U, 6U, 9U, 15U}) {
    SCOPED_TRACE(at);
    Octets wrong = kTls12;
    ++wrong[at];
    EXPECT_FALSE(ParseCertificateMessage(wrong, false).ok());
  }
}

}  // namespace
}  // namespace postern
