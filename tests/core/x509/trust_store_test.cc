// tests/core/x509/trust_store_test.cc
//
// A trust store finds issuers by name, from a hashed directory too, and what
// can't be read is an error, never an empty store.
#include "core/x509/trust_store.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "core/x509/certificate_details.h"
#include "core/x509/file_cache.h"
#include "tests/testlib/certificates.h"

namespace postern {
namespace {

Certificate ParsedAnchor(const TestCertificate& made) {
  return Certificate::Parse(made.der).value();
}

class TrustStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "postern-trust-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // Replaced by rename, as installers do it.
  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
    return path;
  }

  static std::string HashedName(const TestCertificate& made, int number) {
    char name[32];
    const Certificate certificate = ParsedAnchor(made);
    std::snprintf(name, sizeof name, "%08lx.%d",
                  X509_subject_name_hash(certificate.details().x509.get()),
                  number);
    return name;
  }

  std::string directory_;
  const TestAuthority ca_ = TestAuthority::Make("CA");
  const TestAuthority twin_ = TestAuthority::Make("CA");  // the same name
  const TestAuthority other_ = TestAuthority::Make("Other");
  const Certificate leaf_ = ParsedAnchor(ca_.Issue(ForHost("a.example")));
};

TEST_F(TrustStoreTest, FindsAllAnchorsOfTheIssuersName) {
  const auto store =
      TrustStore::FromPem(ca_.certificate.pem() + other_.certificate.pem() +
                          twin_.certificate.pem());
  ASSERT_TRUE(store);
  EXPECT_EQ((*store)->size(), 3u);
  EXPECT_EQ((*store)->FindIssuers(leaf_).size(), 2u);
  EXPECT_TRUE((*store)->Contains(ParsedAnchor(other_.certificate)));
  EXPECT_FALSE((*store)->Contains(leaf_));
}

TEST_F(TrustStoreTest, ReadsAHashedDirectoryAndOnlyIt) {
  Write(HashedName(ca_.certificate, 0), ca_.certificate.pem());
  Write(HashedName(twin_.certificate, 1), twin_.certificate.pem());
  Write(HashedName(other_.certificate, 0), "damaged");
  Write("unhashed.pem", other_.certificate.pem());
  std::filesystem::create_symlink(directory_ + "/gone",
                                  directory_ + "/01234567.0");
  const auto store = TrustStore::Load(directory_);
  ASSERT_TRUE(store) << store.error().ToString();
  const auto issuers = (*store)->FindIssuers(leaf_);
  ASSERT_EQ(issuers.size(), 2u);
  EXPECT_EQ(issuers[0], ParsedAnchor(ca_.certificate));
  EXPECT_TRUE((*store)->FindIssuers(ParsedAnchor(other_.certificate)).empty());
  // What was read stays: nothing is asked of the disk later.
  std::filesystem::remove_all(directory_);
  EXPECT_EQ((*store)->FindIssuers(leaf_).size(), 2u);
}

TEST_F(TrustStoreTest, WhatCannotBeReadIsAnErrorAndNeverAnEmptyStore) {
  const std::string empty = Write("empty.pem", "");
  const std::string damaged = Write(
      "damaged.pem", ca_.certificate.pem() + "-----BEGIN CERTIFICATE-----\nx");
  for (const std::string& path :
       {directory_, directory_ + "/missing", empty, damaged}) {
    const auto store = TrustStore::Load(path);
    ASSERT_FALSE(store) << path;
    EXPECT_EQ(store.error().reason(), Reason::kTrustStoreUnavailable);
    EXPECT_NE(store.error().detail().find(path), std::string::npos);
  }
  EXPECT_FALSE(TrustStore::FromAnchors({}));
}

TEST_F(TrustStoreTest, ADirectoryOfWhichAFileCannotBeReadIsNotReadByHalf) {
  FileCache cache;
  Write(HashedName(ca_.certificate, 0), ca_.certificate.pem());
  const std::string loop = directory_ + "/01234567.0";
  std::filesystem::create_symlink(loop, loop);
  const auto half = cache.Trust(directory_);
  ASSERT_FALSE(half);
  EXPECT_EQ(half.error().reason(), Reason::kTrustStoreUnavailable);
  EXPECT_NE(half.error().detail().find(loop), std::string::npos);
  std::filesystem::remove(loop);
  EXPECT_TRUE(cache.Trust(directory_));
}

TEST_F(TrustStoreTest, AShortageOfDescriptorsIsOverWhenItIsOver) {
  FileCache cache;
  Write(HashedName(ca_.certificate, 0), ca_.certificate.pem());
  struct rlimit usual {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
  // Room for the directory and for no file in it.
  const int next = dup(STDIN_FILENO);
  ASSERT_GE(next, 0);
  close(next);
  struct rlimit one = usual;
  one.rlim_cur = static_cast<rlim_t>(next) + 1;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &one), 0);
  const auto short_of = cache.Trust(directory_);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
  ASSERT_FALSE(short_of);
  EXPECT_NE(short_of.error().detail().find("Too many open files"),
            std::string::npos)
      << short_of.error().detail();
  EXPECT_TRUE(cache.Trust(directory_)) << "the directory is the one it was";
}

TEST_F(TrustStoreTest, ACachedFileIsReadAgainWhenItIsAnother) {
  FileCache cache;
  const std::string path = Write("ca.pem", ca_.certificate.pem());
  const auto first = cache.Trust(path);
  ASSERT_TRUE(first);
  EXPECT_EQ(cache.Trust(path)->get(), first->get()) << "read once";
  Write("ca.pem", other_.certificate.pem());
  const auto second = cache.Trust(path);
  ASSERT_TRUE(second);
  EXPECT_NE((*second)->fingerprint(), (*first)->fingerprint());
  EXPECT_TRUE((*first)->Contains(ParsedAnchor(ca_.certificate)))
      << "handed out, kept";
  std::filesystem::remove(path);
  EXPECT_FALSE(cache.Trust(path)) << "a file that is gone is not trusted on";
}

TEST_F(TrustStoreTest, ACachedListIsReadAgainWhenItIsAnother) {
  FileCache cache;
  const std::string path = Write("crl.pem", MakeCrl(ca_.certificate, {}));
  const auto first = cache.Crls(path);
  ASSERT_TRUE(first);
  EXPECT_EQ(cache.Crls(path)->get(), first->get());
  Write("crl.pem", "damaged");
  EXPECT_FALSE(cache.Crls(path));
}

}  // namespace
}  // namespace postern
