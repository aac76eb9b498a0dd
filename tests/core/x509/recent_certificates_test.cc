// tests/core/x509/recent_certificates_test.cc
//
// A certificate seen again is not parsed again; strangers who show a new one
// each time can't make us keep them all.
#include "core/x509/recent_certificates.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "core/x509/certificate.h"
#include "tests/testlib/certificates.h"

namespace postern {
namespace {

using Details = std::shared_ptr<const CertificateDetails>;

Details WithOctets(const std::string& octets) {
  auto details = std::make_shared<CertificateDetails>();
  details->der.assign(octets.begin(), octets.end());
  return details;
}

TEST(RecentCertificatesTest, FindsByTheOctetsAndNothingElse) {
  RecentCertificates recent;
  const Details kept = WithOctets("a certificate");
  recent.Keep(kept);

  EXPECT_EQ(recent.Find(kept->der), kept);
  EXPECT_EQ(recent.Find(WithOctets("a certificat")->der), nullptr);
  EXPECT_EQ(recent.Find(WithOctets("a certificatE")->der), nullptr);
  EXPECT_EQ(recent.Find({}), nullptr);
}

TEST(RecentCertificatesTest, KeepsABoundedNumber) {
  RecentCertificates recent;
  std::vector<Details> shown;
  for (std::size_t i = 0; i < 5 * RecentCertificates::kMaxCertificates; ++i) {
    shown.push_back(WithOctets(std::to_string(i)));
    recent.Keep(shown.back());
  }

  std::size_t held = 0;
  for (const Details& details : shown) held += details.use_count() > 1 ? 1 : 0;
  EXPECT_LE(held, 2 * RecentCertificates::kMaxCertificates);
  EXPECT_GE(held, RecentCertificates::kMaxCertificates);
  EXPECT_EQ(recent.Find(shown.back()->der), shown.back());
  EXPECT_EQ(recent.Find(shown.front()->der), nullptr);
}

TEST(RecentCertificatesTest, WhatIsAskedForStaysWhileStrangersPass) {
  RecentCertificates recent;
  const Details ours = WithOctets("ours");
  recent.Keep(ours);
  for (std::size_t i = 0; i < 5 * RecentCertificates::kMaxCertificates; ++i) {
    recent.Keep(WithOctets(std::to_string(i)));
    if (i % 100 == 0) {
      ASSERT_EQ(recent.Find(ours->der), ours) << i;
    }
  }
}

TEST(RecentCertificatesTest, ALargeOneIsNotKept) {
  RecentCertificates recent;
  const Details just =
      WithOctets(std::string(RecentCertificates::kMaxSize, 'x'));
  const Details over =
      WithOctets(std::string(RecentCertificates::kMaxSize + 1, 'x'));
  recent.Keep(just);
  recent.Keep(over);

  EXPECT_EQ(recent.Find(just->der), just);
  EXPECT_EQ(recent.Find(over->der), nullptr);
}

TEST(RecentCertificatesTest, ParsingTheSameOctetsSharesTheirForm) {
  const TestCertificate made = MakeSelfSigned(ForHost("mx.example.org"));
  const TestCertificate other = MakeSelfSigned(ForHost("mx.example.org"));

  const auto first = Certificate::Parse(made.der);
  const auto again = Certificate::Parse(made.der);
  const auto another = Certificate::Parse(other.der);

  ASSERT_TRUE(first && again && another);
  EXPECT_EQ(&first->details(), &again->details());
  EXPECT_NE(&first->details(), &another->details());
  EXPECT_EQ(another->der(), other.der);
}

TEST(RecentCertificatesTest, ThreadsMayShareIt) {
  RecentCertificates recent;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&recent] {
      for (int i = 0; i < 2000; ++i) {
        const Details details = WithOctets(std::to_string(i % 300));
        if (const Details found = recent.Find(details->der)) {
          EXPECT_EQ(found->der, details->der);
        } else {
          recent.Keep(details);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace postern
