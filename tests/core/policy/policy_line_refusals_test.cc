// A line that is wrong is refused where it is written, and the error names the
// wrong word and the right ones.
#include <gtest/gtest.h>

#include "tests/core/policy/policy_fixtures.h"

namespace postern {
namespace {

using std::string_literals::operator""s;

void ExpectRefused(const std::string& text, std::string_view what) {
  SCOPED_TRACE(text.substr(0, 200));
  const Result<PolicyLine> line = ParsePolicyLine(text);
  ASSERT_FALSE(line) << Format(*line);
  EXPECT_EQ(line.error().reason(), Reason::kPolicyInvalid);
  EXPECT_NE(line.error().detail().find(what), std::string::npos)
      << line.error().detail();
}

TEST(PolicyLineRefusalsTest, KeyAndLevel) {
  ExpectRefused("", "empty");
  ExpectRefused(" \t ", "empty");
  ExpectRefused("d.example", "the level is missing after 'd.example'");
  ExpectRefused("d..example may", "'d..example'");
  ExpectRefused("a=b may", "'a=b'");
  ExpectRefused("d.example maybe", "'maybe' is none: none, may, encrypt");
  ExpectRefused("d.example fingerprnt",
                "'fingerprnt' is none; did you mean fingerprint? The levels "
                "are none, may");
  ExpectRefused("d.example Secur", "did you mean secure?");
  ExpectRefused("d.example match=x", "'match=x' is none");
  ExpectRefused("d.example half-dane", "dane-only");
  ExpectRefused("# a comment", "'#'");
}

TEST(PolicyLineRefusalsTest, WordsThatAreNoAttributes) {
  ExpectRefused("d.example may encrypt", "'encrypt' is no attribute");
  ExpectRefused("d.example may colour=red", "no attribute 'colour': there are");
  ExpectRefused("d.example may protocol=TLSv1.3",
                "no attribute 'protocol'; did you mean protocols? There are");
  ExpectRefused("d.example may =x", "no attribute ''");
  ExpectRefused("d.example may owner=", "has no value");
  ExpectRefused("d.example may owner=\"\"", "has no value");
  ExpectRefused("d.example secure tafile=/x", "ca=FILE");
  ExpectRefused("d.example may owner=a owner=a", "owner= is there twice");
  ExpectRefused("d.example may owner=a Owner=b", "owner= is there twice");
}

TEST(PolicyLineRefusalsTest, Quotes) {
  ExpectRefused("d.example may note=\"open", "never closed");
  ExpectRefused("d.example may note=\"a\"b", "blank is missing");
  ExpectRefused("d.example may note=a\"b\"", "around the whole value");
  ExpectRefused("d.example may \"note=a b\"", "around the whole value");
  ExpectRefused("d.example may note=\"a\\n\"", "backslash");
  ExpectRefused("d.example may note=\"a\\", "backslash");
}

TEST(PolicyLineRefusalsTest, OctetsThatAreNoText) {
  ExpectRefused("d.example may note=a\nx.example none", "control character");
  ExpectRefused("d.example may note=a\0b"s, "control character");
  ExpectRefused("d.example may note=a\x7f", "control character");
  for (const char* bad :
       {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xe0\x80\x80", "\x80", "\xc2\x9b"}) {
    ExpectRefused("d.example may note=" + std::string(bad), "UTF-8");
  }
  ExpectRefused("d.example may note=" + std::string(9000, 'a'), "8192");
  ExpectRefused("d.example may note=" + std::string(513, 'a'), "512");
  EXPECT_EQ(Line("d.example may note=größer").note, "größer");
}

TEST(PolicyLineRefusalsTest, Values) {
  const struct {
    const char* attribute;
    const char* what;
  } cases[] = {
      {"match=mx..example", "hostname, nexthop, dot-nexthop, domain, ptr"},
      {"match=*.example", "'*.example'"},
      {"match=nexthop:", "''"},
      {"match=3D:95:34", "pins"},
      {"cn=yes", "one of never, no-san, always"},
      {"mx=192.0.2.1", "host names and .suffixes"},
      {"servername=[192.0.2.1]", "a host name is right"},
      {"protocols=TLSv1.1", "TLS 1.2 is the least"},
      {"protocols=ssl", "write >=TLSv1.2"},
      {"ciphers=low", "medium or high"},
      {"exclude=!aNULL", "names of ciphers"},
      {"ca=roots.pem", "absolute path"},
      {"ca=anchor:", "an anchor's name"},
      {"ca=anchor:a/b", "an anchor's name"},
      {"crl=x.crl", "absolute path"},
      {"route=[relay.example", "[host]:port and domains"},
      {"route=192.0.2.1", "in brackets"},
      {"route=a.example,", "[host]:port and domains"},
      {"wrapper=on", "yes or no"},
      {"source=eth0", "an address of this machine"},
      {"helo=[relay.example]", "a host name or an [address]"},
      {"helo=[192.0.2.1]:25", "a host name or an [address]"},
      {"helo=a..b", "a host name or an [address]"},
      {"family=ipv5", "any, ipv4, ipv6"},
      {"client-cert=x", "absolute path"},
      {"also=dane", "only also=auto"},
      {"on-fail=ignore", "defer, bounce, deliver, deliver-clear"},
      {"until=tomorrow", "2027-01-31"},
      {"until=2027-02-30", "2027-01-31"},
      {"until=9999-12-31", "2027-01-31"},
      {"until=0001-01-01", "2027-01-31"},
      {"alias=sometimes", "required-verify-hosted"},
  };
  for (const auto& c : cases) {
    ExpectRefused("d.example secure " + std::string(c.attribute), c.what);
  }
  ExpectRefused("d.example auto floor=dane", "may, encrypt, verify");
  ExpectRefused("d.example auto floor=none", "may, encrypt, verify");
}

// Whoever writes an attribute believes that it does something.
TEST(PolicyLineRefusalsTest, AttributesThatMeanNothingAtTheLevel) {
  for (const char* line : {"none match=a.example",
                           "may match=nexthop",
                           "encrypt match=nexthop",
                           "hosted match=nexthop",
                           "dane match=nexthop",
                           "sts match=nexthop",
                           "auto match=nexthop",
                           "auto floor=encrypt match=nexthop",
                           "encrypt cn=always",
                           "hosted cn=always",
                           "dane-only cn=no-san",
                           "encrypt ca=/x",
                           "fingerprint ca=/x",
                           "sts ca=/x",
                           "auto ca=/x",
                           "encrypt crl=/x",
                           "dane crl=/x",
                           "none servername=a.example",
                           "none protocols=>=TLSv1.2",
                           "none ciphers=high",
                           "none exclude=3DES",
                           "none client-cert=/a client-key=/a",
                           "none wrapper=yes",
                           "may wrapper=yes",
                           "secure floor=may",
                           "dane floor=may",
                           "none also=auto",
                           "dane also=auto",
                           "dane-only also=auto",
                           "sts also=auto",
                           "auto also=auto",
                           "none on-fail=bounce",
                           "may on-fail=deliver",
                           "none on-fail=deliver-clear"}) {
    ExpectRefused("d.example " + std::string(line), "means nothing at");
  }
  for (const char* line : {"dane on-fail=deliver", "dane-only on-fail=deliver",
                           "sts on-fail=deliver-clear", "auto on-fail=deliver",
                           "auto floor=may on-fail=deliver"}) {
    ExpectRefused("d.example " + std::string(line),
                  "never passes over a published policy");
  }
  for (const char* line :
       {"encrypt on-fail=deliver-clear", "auto floor=secure on-fail=deliver",
        "sts on-fail=bounce", "dane on-fail=bounce", "fingerprint match=domain",
        "auto floor=secure match=domain ca=/x", "encrypt wrapper=yes",
        "may also=auto", "none mx=.d.example route=[r.example]"}) {
    Line("d.example " + std::string(line));
  }
}

TEST(PolicyLineRefusalsTest, AttributesThatContradictEachOther) {
  ExpectRefused("d.example secure client-cert=/a", "come together");
  ExpectRefused("d.example secure client-key=/a", "come together");
  ExpectRefused("d.example secure source=192.0.2.1 family=ipv6", "contradict");
  ExpectRefused("d.example secure source=2001:db8::1 family=ipv4",
                "contradict");
}

TEST(PolicyLineRefusalsTest, AliasesStandForThemselves) {
  ExpectRefused("d.example required-verify match=hostname",
                "already decided by required-verify");
  ExpectRefused("d.example required-verify cn=never", "already decided");
  ExpectRefused("d.example preferred-verify on-fail=defer", "already decided");
  ExpectRefused("d.example no alias=no", "already decided");
  ExpectRefused("d.example secure alias=required-verify", "not what");
  ExpectRefused("d.example may alias=no", "not what");
}

TEST(PolicyLineRefusalsTest, ErrorsCarryNoControlCharacters) {
  const Result<PolicyLine> line = ParsePolicyLine("d.example \xc2\xa0may");
  ASSERT_FALSE(line);
  for (const char c : line.error().detail()) {
    EXPECT_TRUE(c >= 0x20 && c < 0x7f) << line.error().detail();
  }
}

// What is read must be readable again, however much longer A-labels are.
TEST(PolicyLineRefusalsTest, CanonicalFormsThatAreTooLong) {
  std::string text = "d.example secure route=[a]";
  for (int i = 0; i < 1400; ++i) text += ",[a" + std::to_string(i) + "]";
  const Result<PolicyLine> line = ParsePolicyLine(text.substr(0, 8000) + "]");
  ASSERT_FALSE(line);
  EXPECT_NE(line.error().detail().find("canonical form"), std::string::npos)
      << line.error().detail();
}

TEST(PolicyLineRefusalsTest, LinesPutTogetherByHandAreCheckedToo) {
  PolicyLine line = Line("d.example secure");
  EXPECT_TRUE(CheckPolicyLine(line));
  line.floor = Level::kMay;
  EXPECT_FALSE(CheckPolicyLine(line));
  line = Line("d.example auto");
  line.floor = Level::kDaneOnly;
  EXPECT_FALSE(CheckPolicyLine(line));
}

}  // namespace
}  // namespace postern
