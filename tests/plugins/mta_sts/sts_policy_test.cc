// tests/plugins/mta_sts/sts_policy_test.cc
//
// The policy file: byte by byte by the grammar, and which hosts it allows.
#include "plugins/mta_sts/sts_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/testlib/fake_resolver.h"

namespace postern {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kGood =
    "version: STSv1\nmode: enforce\nmx: mx.d.test\nmax_age: 86400\n";

TEST(StsPolicyTest, ReadsAllFields) {
  const ReadPolicy read = ReadStsPolicy(
      "version: STSv1\r\nmode: testing\r\nmx: mx1.example.com\r\n"
      "mx: *.example.net\r\nmax_age: 604800\r\n");
  ASSERT_TRUE(read.policy) << read.faults.front();
  EXPECT_EQ(read.policy->mode, StsMode::kTesting);
  EXPECT_EQ(read.policy->max_age, seconds(604800));
  ASSERT_EQ(read.policy->mx.size(), 2U);
  EXPECT_EQ(read.policy->mx[0].str(), "mx1.example.com");
  EXPECT_EQ(read.policy->mx[1].str(), "*.example.net");
}

// STS-06, STS-05: ends of lines, blanks, order, unknown fields, the first
// counts.
TEST(StsPolicyTest, TakesEveryFormThatTheGrammarHas) {
  for (const std::string& body : {
           kGood,
           std::string("version: STSv1\r\nmode: enforce\r\nmx: mx.d.test\r\n"
                       "max_age: 86400"),
           std::string("max_age:86400 \t\nmx:\t mx.d.test\nmode:enforce \r\n"
                       "version:STSv1"),
           kGood + "x-new.field_1: anything at all: \xc3\xa4 = ;\n",
           kGood + "mode: none\nmax_age: 1\nversion: STSv2\n",
           kGood + "\n \r\n\n",
       }) {
    SCOPED_TRACE(body);
    const ReadPolicy read = ReadStsPolicy(body);
    ASSERT_TRUE(read.policy) << read.faults.front();
    EXPECT_EQ(*read.policy, *ReadStsPolicy(kGood).policy);
  }
}

// STS-07, STS-08
TEST(StsPolicyTest, RefusesEachViolationAndNamesIt) {
  const struct {
    std::string body;
    const char* fault;
  } cases[] = {
      {"", "no version"},
      {"mode: enforce\nmx: a.test\nmax_age: 1\n", "no version"},
      {"version: STSv2\nmode: none\nmax_age: 1\n", "version: 'STSv2'"},
      {"version: stsv1\nmode: none\nmax_age: 1\n", "version: 'stsv1'"},
      {"version: STSv1\nmx: a.test\nmax_age: 1\n", "no mode"},
      {"version: STSv1\nmode: Enforce\nmx: a.test\nmax_age: 1\n", "mode:"},
      {"version: STSv1\nmode: enforce\nmx: a.test\n", "no max_age"},
      {"version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 31557601\n",
       "max_age:"},
      {"version: STSv1\nmode: enforce\nmx: a.test\nmax_age: -1\n", "max_age:"},
      {"version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 00000000001\n",
       "max_age:"},
      {"version: STSv1\nmode: enforce\nmx: a.test\nmax_age: 1d\n", "max_age:"},
      {"version: STSv1\nmode: enforce\nmax_age: 1\n", "no mx"},
      {"version: STSv1\nmode: testing\nnmx: a.test\nmax_age: 1\n", "no mx"},
      {kGood + "mx: 192.0.2.1\n", "line 5: mx:"},
      {kGood + "mx: [192.0.2.1]\n", "mx:"},
      {kGood + "mx: *\n", "mx:"},
      {kGood + "mx: *.\n", "mx:"},
      {kGood + "mx: *x.d.test\n", "mx:"},
      {kGood + "mx: a.*.d.test\n", "mx:"},
      {kGood + "mx: .d.test\n", "mx:"},
      {kGood + "mx: d.test.\n", "mx:"},
      {kGood + "mx: a_b.test\n", "mx:"},
      {kGood + "mx: b\xc3\xbc"
               "cher.test\n",
       "mx:"},
      {kGood + "mx: a.test, b.test\n", "mx:"},
      {kGood + "mx:\n", "mx"},
      {kGood + "no colon\n", "line 5: 'no colon'"},
      {kGood + "bad name: x\n", "not a name"},
      {kGood + "x: \x01\n", "not a value"},
      {kGood + "x: \xff\n", "not a value"},
      {kGood + "x: \xc0\x80\n", "not a value"},
      {kGood + "x: a\rb\n", "not a value"},
      {kGood + std::string("x: \0\n", 5), "not a value"},
      {"\n" + kGood, "empty line"},
      {" " + kGood, "not a name"},
      {"\xef\xbb\xbf" + kGood, "not a name"},
      {"<html>\n", "NAME: VALUE"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.body);
    const ReadPolicy read = ReadStsPolicy(c.body);
    EXPECT_FALSE(read.policy);
    EXPECT_THAT(read.faults, Contains(HasSubstr(c.fault)));
  }
}

TEST(StsPolicyTest, NamesAllFaultsAtOnce) {
  const ReadPolicy read =
      ReadStsPolicy("version: STSv2\nmode: on\nmx: *\nmax_age: soon\n");
  EXPECT_EQ(read.faults.size(), 4U);
}

TEST(StsPolicyTest, NoneNeedsNoHostsAndTheRangeIsInclusive) {
  for (const char* const age : {"0", "31557600"}) {
    const ReadPolicy read = ReadStsPolicy(
        std::string("version: STSv1\nmode: none\nmax_age: ") + age);
    ASSERT_TRUE(read.policy);
    EXPECT_THAT(read.policy->mx, IsEmpty());
  }
}

// STS-23, STS-09
TEST(StsPolicyTest, AWildcardIsExactlyOneLabel) {
  const StsPolicy policy =
      *ReadStsPolicy(
           "version: STSv1\nmode: enforce\nmx: *.D.test\nmx: One.test\n"
           "mx: xn--bcher-kva.test\nmax_age: 1\n")
           .policy;
  for (const char* const yes :
       {"a.d.test", "A.D.TEST", "one.test", "xn--bcher-kva.test",
        "b\xc3\xbc"
        "cher.test"}) {
    EXPECT_TRUE(policy.Allows(TestDomain(yes))) << yes;
  }
  for (const char* const no : {"d.test", "a.b.d.test", "xd.test", "a.one.test",
                               "test", "a.d.test.evil.test"}) {
    EXPECT_FALSE(policy.Allows(TestDomain(no))) << no;
  }
}

TEST(StsPolicyTest, LinesAreWithoutTheirEnds) {
  EXPECT_THAT(PolicyLines("a: b \r\n\nc: d"),
              testing::ElementsAre("a: b", "c: d"));
}

}  // namespace
}  // namespace postern
