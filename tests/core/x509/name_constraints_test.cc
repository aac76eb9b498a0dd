// tests/core/x509/name_constraints_test.cc
//
// Names lie where their authority may name things, wildcards for every host
// they stand for, and what can't be compared is outside.
#include <gtest/gtest.h>

#include "core/x509/general_name.h"

namespace postern {
namespace {

using Kind = GeneralName::Kind;
using Outcome = NameConstraintResult;

Outcome Check(const NameConstraints& constraints, const GeneralName& name) {
  std::size_t budget = 1000;
  return CheckNames(constraints, {name}, budget).result;
}

TEST(NameConstraintsTest, DnsNamesByWholeLabels) {
  const struct {
    const char* tree;
    const char* name;
    bool permitted;
    bool excluded;
  } cases[] = {
      {"example.org", "example.org", true, true},
      {"example.org", "EXAMPLE.org", true, true},
      {"example.org", "a.b.example.org", true, true},
      {"example.org", "notexample.org", false, false},
      {"example.org", "org", false, false},
      {"", "anything.example", true, true},
      {"example.org", "*.example.org", true, true},
      // Every host it stands for has to be permitted, and none excluded.
      {"mx.example.org", "*.example.org", false, true},
      {"a.mx.example.org", "*.example.org", false, false},
      {"example.org", "*.org", false, true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.tree) + " / " + c.name);
    const GeneralName tree{Kind::kDns, c.tree};
    const GeneralName name{Kind::kDns, c.name};
    EXPECT_EQ(Check({{tree}, {}}, name),
              c.permitted ? Outcome::kWithin : Outcome::kViolated);
    EXPECT_EQ(Check({{}, {tree}}, name),
              c.excluded ? Outcome::kViolated : Outcome::kWithin);
  }
}

TEST(NameConstraintsTest, WhatCannotBeComparedIsOutside) {
  const NameConstraints dns{{{Kind::kDns, ""}}, {}};
  for (const std::string& name :
       {std::string(".example.org"), std::string("a_b.example.org"),
        std::string("mx.example.org\0.evil", 20), std::string(),
        std::string("a..b"), std::string("f*.example.org"), std::string("*")}) {
    EXPECT_EQ(Check(dns, {Kind::kDns, name}), Outcome::kViolated) << name;
  }
  const NameConstraints ip{{{Kind::kIp, std::string(8, '\0')}}, {}};
  EXPECT_EQ(Check(ip, {Kind::kIp, std::string(8, '\1')}), Outcome::kViolated);
  EXPECT_EQ(Check(ip, {Kind::kIp, std::string(4, '\1')}), Outcome::kWithin);
  EXPECT_EQ(Check(ip, {Kind::kIp, std::string(16, '\1')}), Outcome::kViolated);
  const NameConstraints other{{}, {{Kind::kOther, "0"}}};
  EXPECT_EQ(Check(other, {Kind::kOther, "0"}), Outcome::kViolated);
  EXPECT_EQ(Check(other, {Kind::kOther, "8"}), Outcome::kWithin);
  EXPECT_EQ(Check(other, {Kind::kDns, "a.example"}), Outcome::kWithin);
}

TEST(NameConstraintsTest, AddressesByTheirMask) {
  const std::string net("\xC0\x00\x02\x00\xFF\xFF\xFF\x00", 8);
  const GeneralName in{Kind::kIp, std::string("\xC0\x00\x02\x07", 4)};
  const GeneralName out{Kind::kIp, std::string("\xC0\x00\x03\x07", 4)};
  EXPECT_EQ(Check({{{Kind::kIp, net}}, {}}, in), Outcome::kWithin);
  EXPECT_EQ(Check({{{Kind::kIp, net}}, {}}, out), Outcome::kViolated);
  EXPECT_EQ(Check({{}, {{Kind::kIp, net}}}, in), Outcome::kViolated);
  EXPECT_EQ(Check({{}, {{Kind::kIp, net}}}, out), Outcome::kWithin);
}

TEST(NameConstraintsTest, MailAndUris) {
  const auto mail = [](const char* tree, const char* name) {
    return Check({{{Kind::kEmail, tree}}, {}}, {Kind::kEmail, name});
  };
  EXPECT_EQ(mail("a@example.org", "a@EXAMPLE.org"), Outcome::kWithin);
  EXPECT_EQ(mail("a@example.org", "A@example.org"), Outcome::kViolated);
  EXPECT_EQ(mail("example.org", "b@example.org"), Outcome::kWithin);
  EXPECT_EQ(mail("example.org", "b@x.example.org"), Outcome::kViolated);
  EXPECT_EQ(mail(".example.org", "b@x.example.org"), Outcome::kWithin);
  EXPECT_EQ(mail(".example.org", "b@example.org"), Outcome::kViolated);
  EXPECT_EQ(mail("example.org", "a@b@example.org"), Outcome::kViolated);
  const auto uri = [](const char* tree, const char* name) {
    return Check({{{Kind::kUri, tree}}, {}}, {Kind::kUri, name});
  };
  EXPECT_EQ(uri("h.example", "https://user@h.example:8443/path"),
            Outcome::kWithin);
  EXPECT_EQ(uri("h.example", "https://other.example/h.example"),
            Outcome::kViolated);
  EXPECT_EQ(uri(".example", "https://h.example"), Outcome::kWithin);
  EXPECT_EQ(uri("h.example", "urn:h.example"), Outcome::kViolated);
  EXPECT_EQ(uri("h.example", "https://[::1]/"), Outcome::kViolated);
}

TEST(NameConstraintsTest, ExclusionOutweighsPermission) {
  const GeneralName tree{Kind::kDns, "example.org"};
  EXPECT_EQ(Check({{tree}, {tree}}, tree), Outcome::kViolated);
}

TEST(NameConstraintsTest, MalformedConstraintsAreADefect) {
  for (const GeneralName& tree :
       {GeneralName{Kind::kDns, ".example.org"},
        GeneralName{Kind::kDns, "*.example"},
        GeneralName{Kind::kIp, std::string(4, '\1')},
        GeneralName{Kind::kIp, std::string("\1\2\3\4\xFF\x00\xFF\x00", 8)},
        GeneralName{Kind::kEmail, "a@b@c"}, GeneralName{Kind::kEmail, ""},
        GeneralName{Kind::kUri, "https://x"}}) {
    EXPECT_TRUE(FindDefect({{tree}, {}})) << tree.value;
    EXPECT_TRUE(FindDefect({{}, {tree}})) << tree.value;
  }
  EXPECT_FALSE(
      FindDefect({{{Kind::kDns, ""}, {Kind::kEmail, ".example.org"}}, {}}));
}

TEST(NameConstraintsTest, TheBudgetEndsInNeitherYesNorNo) {
  std::size_t budget = 2;
  const GeneralName name{Kind::kDns, "a.example"};
  EXPECT_EQ(CheckNames(
                {{}, {{Kind::kDns, "b"}, {Kind::kDns, "c"}, {Kind::kDns, "d"}}},
                {name}, budget)
                .result,
            Outcome::kTooCostly);
}

}  // namespace
}  // namespace postern
