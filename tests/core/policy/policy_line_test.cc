// A policy line means what it says, and its canonical form says the same.
#include "core/policy/policy_line.h"

#include <gtest/gtest.h>

#include "tests/core/policy/policy_fixtures.h"

namespace postern {
namespace {

// Canonical form of a good line, the error of another.
std::string Canonical(std::string_view text) {
  const Result<PolicyLine> line = ParsePolicyLine(text);
  return line ? Format(*line) : "error: " + line.error().detail();
}

TEST(PolicyLineTest, ReadsEveryLevel) {
  const struct {
    const char* token;
    Level level;
    bool authenticating;
  } cases[] = {
      {"none", Level::kNone, false},
      {"may", Level::kMay, false},
      {"encrypt", Level::kEncrypt, false},
      {"fingerprint", Level::kFingerprint, true},
      {"verify", Level::kVerify, true},
      {"secure", Level::kSecure, true},
      {"hosted", Level::kHosted, true},
      {"dane", Level::kDane, false},
      {"dane-only", Level::kDaneOnly, true},
      {"sts", Level::kSts, true},
      {"auto", Level::kAuto, false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.token);
    const PolicyLine line = Line("example.org " + std::string(c.token));
    EXPECT_EQ(line.level, c.level);
    EXPECT_EQ(ToString(line.level), c.token);
    EXPECT_EQ(IsAuthenticating(line.level), c.authenticating);
    EXPECT_EQ(line, Line("example.org\t" + std::string(c.token) + "  "));
  }
  EXPECT_EQ(Line("example.org Secure").level, Level::kSecure);
}

TEST(PolicyLineTest, ReadsTheExamplesOfTheDesign) {
  EXPECT_EQ(Canonical("bank.example        fingerprint  owner=treasury"),
            "bank.example fingerprint owner=treasury");
  EXPECT_EQ(Canonical(".partner.example    secure       "
                      "match=mx.partner.example:.partner.example "
                      "protocols=>=TLSv1.3"),
            ".partner.example secure match=mx.partner.example:.partner.example "
            "protocols=>=TLSv1.3");
  EXPECT_EQ(Canonical("clinic.example hosted route=[relay.clinic.example]:465 "
                      "wrapper=yes servername=relay.clinic.example"),
            "clinic.example hosted route=[relay.clinic.example]:465 "
            "wrapper=yes servername=relay.clinic.example");
  EXPECT_EQ(Canonical("old.example may until=2027-01-31 "
                      "note=\"their STARTTLS is broken, ticket 4711\""),
            "old.example may until=2027-01-31T00:00:00Z "
            "note=\"their STARTTLS is broken, ticket 4711\"");
  EXPECT_EQ(Canonical("* auto floor=encrypt"), "* auto floor=encrypt");
}

TEST(PolicyLineTest, ReadsEveryAttribute) {
  const PolicyLine line = Line(
      "d.example secure match=hostname:nexthop:dot-nexthop:domain:ptr:"
      "mx.d.example:.d.example cn=no-san mx=mx1.d.example:.mail.example "
      "servername=MX.d.example protocols=>=tlsv1.2 ciphers=HIGH exclude=3DES "
      "ca=/etc/ssl/d.pem crl=/etc/ssl/d.crl "
      "route=[r1.example]:465,r2.example wrapper=yes source=192.0.2.9 "
      "helo=Out.example family=ipv4 client-cert=/etc/c.pem "
      "client-key=/etc/k.pem "
      "also=auto on-fail=bounce until=2030-06-01T12:00:00+02:00 owner=me "
      "note=\"a \\\"b\\\" \\\\ c\"");
  const std::vector<MatchItem> match{
      MatchToken::kHostname,
      MatchToken::kNextHop,
      MatchToken::kDotNextHop,
      MatchToken::kDomain,
      MatchToken::kPtr,
      ReferenceIdentity::Exact(Name("mx.d.example")),
      ReferenceIdentity::Below(Name("d.example"))};
  EXPECT_EQ(line.match, match);
  EXPECT_EQ(line.cn, CommonName::kNoSan);
  ASSERT_EQ(line.mx.size(), 2U);
  EXPECT_TRUE(line.mx[1].below());
  EXPECT_EQ(line.servername->str(), "mx.d.example");
  EXPECT_EQ(line.protocols, ">=TLSv1.2");
  EXPECT_EQ(line.ciphers, "high");
  EXPECT_EQ(line.exclude, "3DES");
  EXPECT_EQ(line.ca, "/etc/ssl/d.pem");
  EXPECT_EQ(line.crl, "/etc/ssl/d.crl");
  ASSERT_EQ(line.route.size(), 2U);
  EXPECT_EQ(line.route[0], Hop("[r1.example]:465"));
  EXPECT_EQ(line.route[1], Hop("r2.example"));
  EXPECT_TRUE(line.wrapper);
  EXPECT_EQ(line.source->str(), "192.0.2.9");
  EXPECT_EQ(line.helo, "out.example");
  EXPECT_EQ(line.family, Family::kIpv4);
  EXPECT_EQ(line.client_cert, "/etc/c.pem");
  EXPECT_EQ(line.client_key, "/etc/k.pem");
  EXPECT_TRUE(line.also_auto);
  EXPECT_EQ(line.on_fail, OnFail::kBounce);
  EXPECT_EQ(*line.until, Time("2030-06-01T10:00:00Z"));
  EXPECT_EQ(line.owner, "me");
  EXPECT_EQ(line.note, "a \"b\" \\ c");
  EXPECT_EQ(Line(Format(line)), line);
}

TEST(PolicyLineTest, WhatIsTheDefaultIsLeftOut) {
  EXPECT_EQ(Canonical("d.example secure cn=never wrapper=no family=any "
                      "on-fail=defer match=nexthop:nexthop"),
            "d.example secure match=nexthop");
  EXPECT_EQ(Canonical("d.example encrypt helo=[192.0.2.1]"),
            "d.example encrypt helo=[192.0.2.1]");
  EXPECT_EQ(Canonical("d.example encrypt helo=[2001:db8::1]"),
            "d.example encrypt helo=[IPv6:2001:db8::1]");
  EXPECT_EQ(Canonical("d.example secure ca=anchor:our-ca.2026"),
            "d.example secure ca=anchor:our-ca.2026");
  EXPECT_EQ(Canonical("d.example secure mx=a.example,b.example"),
            "d.example secure mx=a.example:b.example");
}

TEST(PolicyLineTest, ANameThatReadsLikeATokenStaysAName) {
  PolicyLine line = Line("d.example verify match=domain.:ptr");
  ASSERT_EQ(line.match.size(), 2U);
  EXPECT_EQ(std::get<ReferenceIdentity>(line.match[0]).str(), "domain");
  EXPECT_EQ(Line(Format(line)), line);
}

TEST(PolicyLineTest, TakesCiscosSettings) {
  const struct {
    const char* alias;
    const char* canonical;
  } cases[] = {
      {"no", "none"},
      {"preferred", "may"},
      {"required", "encrypt"},
      {"required-verify", "verify match=domain:ptr cn=always"},
      {"preferred-verify",
       "verify match=domain:ptr cn=always on-fail=deliver-clear"},
      {"required-verify-hosted", "hosted"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.alias);
    const PolicyLine line = Line("d.example " + std::string(c.alias));
    EXPECT_EQ(line.alias, c.alias);
    EXPECT_EQ(Format(line),
              "d.example " + std::string(c.canonical) + " alias=" + c.alias);
    EXPECT_EQ(Line(Format(line)), line);
    PolicyLine plain = Line("d.example " + std::string(c.canonical));
    plain.alias = c.alias;
    EXPECT_EQ(plain, line) << "the alias decides nothing";
  }
  EXPECT_EQ(Format(Line("d.example required-verify mx=mx.d.example owner=x")),
            "d.example verify match=domain:ptr cn=always mx=mx.d.example "
            "owner=x alias=required-verify");
}

TEST(PolicyLineTest, KnowsWhatTheLevelMeansForNames) {
  using V = std::vector<MatchItem>;
  const V host{MatchToken::kHostname};
  const V hop{MatchToken::kNextHop, MatchToken::kDotNextHop};
  EXPECT_EQ(MatchRule(Line("d.example verify")), host);
  EXPECT_EQ(MatchRule(Line("d.example secure")), hop);
  EXPECT_EQ(MatchRule(Line("d.example fingerprint")), hop);
  EXPECT_EQ(MatchRule(Line("d.example auto floor=verify")), host);
  EXPECT_EQ(MatchRule(Line("d.example verify match=domain")),
            V{MatchToken::kDomain});
  for (const char* level : {"none", "may", "encrypt", "hosted", "dane",
                            "dane-only", "sts", "auto"}) {
    EXPECT_TRUE(MatchRule(Line("d.example " + std::string(level))).empty());
  }
  EXPECT_EQ(CommonNameRule(Line("d.example hosted")), CommonName::kNoSan);
  EXPECT_EQ(CommonNameRule(Line("d.example secure")), CommonName::kNever);
  EXPECT_EQ(LocalLevel(Line("d.example auto")), Level::kMay);
  EXPECT_EQ(LocalLevel(Line("d.example auto floor=hosted")), Level::kHosted);
  EXPECT_EQ(LocalLevel(Line("d.example sts")), Level::kSts);
}

}  // namespace
}  // namespace postern
