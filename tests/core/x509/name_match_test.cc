// tests/core/x509/name_match_test.cc
//
// A certificate matches a name it carries and no other: never by a URI or an
// e-mail address (SUB-03), never an address by a DNS name (ID-06), never by a
// common name that does not count (ID-05, DANE-26 in spirit).
#include "core/x509/name_match.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testlib/certificates.h"

namespace postern {
namespace {

using testing::HasSubstr;

Domain D(const char* text) { return Domain::Parse(text).value(); }

AcceptedNames Accept(std::vector<const char*> references,
                     CommonNameUse use = CommonNameUse::kNever) {
  AcceptedNames names;
  for (const char* text : references) {
    names.references.push_back(ReferenceIdentity::Parse(text).value());
  }
  names.common_name = use;
  return names;
}

Certificate With(const std::string& common_name, std::vector<std::string> dns,
                 std::vector<std::string> ips = {}) {
  CertificateSpec spec;
  spec.common_name = common_name;
  spec.dns_names = std::move(dns);
  spec.ip_addresses = std::move(ips);
  return Certificate::Parse(MakeSelfSigned(spec).der).value();
}

TEST(NameMatchTest, TakesTheFirstReferenceThatHolds) {
  const Certificate leaf = With("x", {"*.example.org", "mx.example.net"});
  const NameMatch match =
      MatchNames(leaf, Accept({"mx.example.net", ".example.org"}));
  EXPECT_TRUE(match.matched);
  EXPECT_EQ(match.detail, "dNSName mx.example.net for mx.example.net");
  EXPECT_FALSE(match.weak);
}

TEST(NameMatchTest, AWeakNameIsSaidToBeWeak) {
  AcceptedNames names;
  names.references = {ReferenceIdentity::Exact(D("mx.example.org")).AsWeak()};
  const NameMatch match = MatchNames(With("x", {"mx.example.org"}), names);
  EXPECT_TRUE(match.matched);
  EXPECT_TRUE(match.weak);
  EXPECT_THAT(match.detail, HasSubstr("unsigned DNS"));
}

// ID-05
TEST(NameMatchTest, TheCommonNameCountsOnlyAsFarAsItMay) {
  const Certificate only_cn = With("mx.example.org", {});
  const Certificate both = With("mx.example.org", {"other.example"});
  const struct {
    CommonNameUse use;
    bool alone;
    bool beside;
  } cases[] = {{CommonNameUse::kNever, false, false},
               {CommonNameUse::kNoDnsName, true, false},
               {CommonNameUse::kAlways, true, true}};
  for (const auto& c : cases) {
    const AcceptedNames names = Accept({"mx.example.org"}, c.use);
    const NameMatch alone = MatchNames(only_cn, names);
    const NameMatch beside = MatchNames(both, names);
    EXPECT_EQ(alone.matched, c.alone);
    EXPECT_EQ(beside.matched, c.beside);
    EXPECT_EQ(alone.reason,
              c.alone ? Reason::kOk : Reason::kCertificateCommonNameOnly);
    EXPECT_EQ(beside.reason,
              c.beside ? Reason::kOk : Reason::kCertificateCommonNameOnly);
  }
}

TEST(NameMatchTest, ThePtrNameIsComparedWithTheCommonNameAlone) {
  AcceptedNames names = Accept({"nothing.example"});
  names.confirmed_ptr = D("mx0a.emailhosted.test");
  const NameMatch by_cn =
      MatchNames(With("*.emailhosted.test", {"x.example"}), names);
  EXPECT_TRUE(by_cn.matched);
  EXPECT_TRUE(by_cn.weak);
  EXPECT_TRUE(by_cn.common_name);
  EXPECT_FALSE(MatchNames(With("x", {"mx0a.emailhosted.test"}), names).matched);
  names.confirmed_ptr.reset();
  EXPECT_FALSE(MatchNames(With("*.emailhosted.test", {}), names).matched);
}

// ID-06
TEST(NameMatchTest, AddressesMatchAddressesOctetByOctet) {
  AcceptedNames names;
  names.addresses = {IpAddress::Parse("192.0.2.1").value()};
  EXPECT_TRUE(MatchNames(With("x", {}, {"192.0.2.1"}), names).matched);
  EXPECT_FALSE(MatchNames(With("x", {}, {"192.0.2.2"}), names).matched);
  EXPECT_FALSE(MatchNames(With("192.0.2.1", {"192.0.2.1"}), names).matched);
  names.common_name = CommonNameUse::kAlways;
  EXPECT_FALSE(MatchNames(With("192.0.2.1", {}), names).matched);
}

TEST(NameMatchTest, OtherKindsOfNamesAreNotLookedAt) {
  CertificateSpec spec;
  spec.common_name = "x";
  spec.extensions = {
      {"subjectAltName", "URI:https://mx.example.org,email:a@mx.example.org"}};
  const auto leaf = Certificate::Parse(MakeSelfSigned(spec).der).value();
  EXPECT_FALSE(MatchNames(leaf, Accept({"mx.example.org"})).matched);
}

TEST(NameMatchTest, AnEmbeddedNulOrANameThatIsNoneMatchesNothing) {
  for (const std::string& name :
       {std::string("mx.example.org\0.evil.example", 28),
        std::string("mx.example.org\0", 15), std::string("m*.example.org"),
        std::string("*"), std::string(), std::string("mx_.example.org")}) {
    const NameMatch match = MatchNames(
        With("x", {name}), Accept({"mx.example.org", "mx_.example.org"}));
    EXPECT_FALSE(match.matched) << name;
    EXPECT_EQ(match.reason, Reason::kCertificateHostMismatch);
  }
}

TEST(NameMatchTest, NothingAcceptedIsNothingMatched) {
  EXPECT_FALSE(
      MatchNames(With("mx.example.org", {"mx.example.org"}), {}).matched);
}

TEST(NameMatchTest, TellsWhatTheCertificateNamesInsteadInABoundedLine) {
  std::vector<std::string> many{"a\nverdict=pass"};
  for (int i = 0; i < 1000; ++i)
    many.push_back("n" + std::to_string(i) + ".example");
  const NameMatch match =
      MatchNames(With("x", many), Accept({"mx.example.org"}));
  EXPECT_THAT(match.detail, HasSubstr("not mx.example.org"));
  EXPECT_THAT(match.detail, HasSubstr("a?verdict=pass"));
  EXPECT_LT(match.detail.size(), 400u);
}

}  // namespace
}  // namespace postern
