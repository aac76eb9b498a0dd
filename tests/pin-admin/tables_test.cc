// tests/pin-admin/tables_test.cc
//
// Tables as they are found on real hosts: what is taken says what the line
// said, whatever is not taken is told with its line, and nothing comes out
// weaker than it went in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "core/policy/strength.h"
#include "pin-admin/tables/cisco_table.h"
#include "pin-admin/tables/pin_list.h"
#include "pin-admin/tables/postfix_table.h"
#include "pin-admin/tables/source_lines.h"

namespace postern {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Sample(const std::string& name) {
  std::ifstream in(POSTERN_TABLES "/" + name, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_FALSE(text.str().empty()) << name;
  return text.str();
}

// The entry of a key as text, its pins behind it; "absent" without one.
std::string Taken(const ImportedTable& table, const std::string& key) {
  for (const ImportedEntry& entry : table.entries) {
    if (entry.line.key.str() != key) continue;
    std::string text = Format(entry.line);
    for (const Pin& pin : entry.pins) {
      EXPECT_EQ(pin.key, key);
      EXPECT_EQ(pin.kind, PinKind::kAny);
      text += " +" + std::string(ToString(pin.algorithm)) + ":" +
              ToHex(pin.digest).substr(0, 4);
    }
    return text;
  }
  return "absent";
}

std::string Complaint(const ImportedTable& table, const std::string& subject,
                      TableComplaint::Weight weight) {
  std::string text;
  for (const TableComplaint& complaint : table.complaints) {
    if (complaint.subject == subject && complaint.weight == weight) {
      text += complaint.text + "\n";
    }
  }
  return text;
}
std::string Refusal(const ImportedTable& table, const std::string& subject) {
  return Complaint(table, subject, TableComplaint::Weight::kRefused);
}
std::string NoteOn(const ImportedTable& table, const std::string& subject) {
  return Complaint(table, subject, TableComplaint::Weight::kNote);
}

// One line, by Postfix's own defaults.
ImportedTable One(const std::string& line,
                  const PostfixTableOptions& options = {}) {
  return ReadPostfixTable(line + "\n", options);
}

TEST(SourceLinesTest, ContinueAcrossCommentsAndEmptyLines) {
  const auto lines = ReadSourceLines(
      "# a comment\n\na.example secure\n # another\n\n\tmatch=x\nb.example "
      "may\n");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].number, 3);
  EXPECT_EQ(lines[0].key, "a.example");
  EXPECT_EQ(lines[0].value, "secure\tmatch=x");
  EXPECT_EQ(lines[1].number, 7);
  EXPECT_EQ(lines[1].value, "may");
}

TEST(SourceLinesTest, TakeCrlfAndNoNewlineAtTheEnd) {
  const auto lines = ReadSourceLines("a.example\tsecure\r\n\r\nb.example  may");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].value, "secure");
  EXPECT_EQ(lines[1].value, "may");
}

TEST(SourceLinesTest, SayWhatPostfixIgnores) {
  const auto lines =
      ReadSourceLines("  a.example secure\nb.example\n\"c.example secure\n");
  ASSERT_EQ(lines.size(), 3u);
  for (const SourceLine& line : lines) {
    EXPECT_THAT(line.trouble, HasSubstr("ignores")) << line.key;
  }
}

class PostfixTableTest : public testing::Test {
 protected:
  const ImportedTable plain_ = ReadPostfixTable(Sample("tls_policy"), {});
};

TEST_F(PostfixTableTest, TakesWhatItCanHoldTo) {
  EXPECT_EQ(Taken(plain_, "bank.example"),
            "bank.example fingerprint +sha256:3f9a +sha256:a1b2");
  EXPECT_EQ(Taken(plain_, "sparkasse.example"),
            "sparkasse.example fingerprint +sha256:0123 +sha256:fedc");
  EXPECT_EQ(Taken(plain_, ".partner.example"),
            ".partner.example secure match=mx.partner.example:.partner.example "
            "cn=no-san protocols=>=TLSv1.3");
  EXPECT_EQ(Taken(plain_, "clinic.example"),
            "clinic.example verify match=hostname:nexthop cn=no-san "
            "ciphers=high exclude=aNULL:MD5");
  EXPECT_EQ(Taken(plain_, "agency.example"), "agency.example encrypt");
  EXPECT_EQ(Taken(plain_, "dane.example"), "dane.example dane-only");
  EXPECT_EQ(Taken(plain_, "legacy.example"),
            "legacy.example may protocols=!SSLv2:!SSLv3");
  EXPECT_EQ(Taken(plain_, "internal.example"), "internal.example none");
  EXPECT_EQ(Taken(plain_, "smarthost.example"),
            "smarthost.example secure cn=no-san "
            "ca=/etc/postfix/partner-ca.pem");
  EXPECT_EQ(Taken(plain_, "[192.0.2.25]:25"), "[192.0.2.25]:25 encrypt");
  EXPECT_EQ(Taken(plain_, "xn--bcher-kva.example"),
            "xn--bcher-kva.example encrypt");
}

TEST_F(PostfixTableTest, ANameThatIsATokenOfOursStaysAName) {
  EXPECT_EQ(Taken(plain_, "ptr.example"),
            "ptr.example secure match=domain.:ptr.:nexthop cn=no-san");
}

TEST_F(PostfixTableTest, RefusesWithTheLineAndTheReason) {
  const struct {
    const char* key;
    const char* why;
  } cases[] = {
      {"old-md5.example", "--allow-weak"},
      {"old-sha1.example", "sha1 digests can be forged"},
      {"typo.example", "no level"},
      {"comment.example", "comment"},
      {"user@person.example", "single recipients"},
      {"bank.example", "line 5 has the same key, and Postfix takes the first"},
      {"*", "smtp_tls_security_level"},
      {"onlykey.example", "nothing after the key"},
      {"empty.example", "--postconf"},
      {"192.0.2.99", "[192.0.2.1]"},
      {"sts.example", "MTA-STS"},
      {"wild.example", "*.wild.example"},
      {"rpk.example", "3 octets"},
      {"oldtls.example", "leaves no protocol"},
      {"null.example", "medium or high"},
      {"twice.example", "twice"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(Refusal(plain_, c.key), HasSubstr(c.why)) << c.key;
  }
  EXPECT_EQ(plain_.entries.size(), 12u);
  for (const TableComplaint& complaint : plain_.complaints) {
    EXPECT_GT(complaint.number, 0);
  }
}

TEST_F(PostfixTableTest, SaysWhatItLeavesOut) {
  EXPECT_THAT(NoteOn(plain_, "agency.example"), HasSubstr("ciphers=low"));
  EXPECT_THAT(NoteOn(plain_, "agency.example"), HasSubstr("connection_reuse"));
  EXPECT_THAT(NoteOn(plain_, "internal.example"), HasSubstr("match=foo"));
}

TEST_F(PostfixTableTest, TwoSpellingsOfOneKeyThatDisagreeAreBothRefused) {
  // Postfix asks for them apart; here they are one.
  EXPECT_EQ(Taken(plain_, "[relay.example]:587"), "absent");
  EXPECT_THAT(Refusal(plain_, "[relay.example]:587"), HasSubstr("same key"));
  EXPECT_THAT(Refusal(plain_, "[relay.example]:submission"),
              HasSubstr("same key"));
  const ImportedTable same = One("[r.example] encrypt\n[r.example]:25 encrypt");
  EXPECT_EQ(same.refused(), 0);
  EXPECT_EQ(same.entries.size(), 1u);
}

TEST_F(PostfixTableTest, NothingFollowsInThePlaceOfARefusedLine) {
  const ImportedTable table =
      One("a.example fingerprint match=aa:bb\na.example may\nA.Example. none");
  EXPECT_THAT(table.entries, IsEmpty());
  EXPECT_EQ(table.refused(), 3);
}

TEST_F(PostfixTableTest, WeakDigestsComeOnlyWhereTheyAreAllowed) {
  PostfixTableOptions options;
  options.allow_weak = true;
  const ImportedTable table = ReadPostfixTable(Sample("tls_policy"), options);
  EXPECT_EQ(Taken(table, "old-md5.example"),
            "old-md5.example fingerprint +md5:3d95");
  EXPECT_EQ(Taken(table, "old-sha1.example"),
            "old-sha1.example fingerprint +sha1:ec3b");
}

TEST_F(PostfixTableTest, ADigestThatPostfixNeverComparesIsNoPin) {
  PostfixTableOptions options;
  options.allow_weak = true;
  options.digest = DigestAlgorithm::kMd5;
  const ImportedTable table = ReadPostfixTable(Sample("tls_policy"), options);
  EXPECT_THAT(Refusal(table, "sparkasse.example"), HasSubstr("never matches"));
  EXPECT_EQ(Taken(table, "old-md5.example"),
            "old-md5.example fingerprint +md5:3d95");
  options.digest.reset();
  options.settings =
      PostfixSettings::Parse("smtp_tls_fingerprint_digest = sha3-256\n");
  EXPECT_THAT(Refusal(ReadPostfixTable(Sample("tls_policy"), options),
                      "sparkasse.example"),
              HasSubstr("sha3-256"));
}

TEST_F(PostfixTableTest, MainCfDecidesWhatTheLineLeavesOpen) {
  PostfixTableOptions options;
  options.settings = PostfixSettings::Parse(Sample("postconf-x"));
  const ImportedTable table = ReadPostfixTable(Sample("tls_policy"), options);
  EXPECT_EQ(Taken(table, "empty.example"),
            "empty.example fingerprint protocols=>=TLSv1.3 "
            "exclude=MD5:aDSS:RC4 +sha256:0011");
  // Its own words come first.
  EXPECT_EQ(Taken(table, "clinic.example"),
            "clinic.example verify match=hostname:nexthop cn=no-san "
            "protocols=>=TLSv1.3 ciphers=high exclude=aNULL:MD5 "
            "ca=/etc/postfix/house-ca.pem");
  EXPECT_EQ(Taken(table, "legacy.example"),
            "legacy.example may protocols=!SSLv2:!SSLv3 exclude=MD5:aDSS");
  const ImportedTable secure = One("s.example secure", options);
  EXPECT_EQ(Taken(secure, "s.example"),
            "s.example secure match=nexthop cn=no-san protocols=>=TLSv1.3 "
            "exclude=MD5:aDSS:RC4 ca=/etc/postfix/house-ca.pem");
}

TEST_F(PostfixTableTest, TrustIsThatOfMainCfOrTheLineIsRefused) {
  const auto trusting = [](const std::string& settings) {
    PostfixTableOptions options;
    options.settings = PostfixSettings::Parse(settings);
    return One("s.example secure", options);
  };
  EXPECT_EQ(Taken(trusting("smtp_tls_CApath = /etc/ssl/certs\n"), "s.example"),
            "s.example secure cn=no-san");
  EXPECT_THAT(
      Refusal(trusting("smtp_tls_CAfile =\nsmtp_tls_CApath =\n"), "s.example"),
      HasSubstr("no authority"));
  EXPECT_THAT(
      Refusal(trusting("smtp_tls_CAfile = /a.pem\nsmtp_tls_CApath = /b\n"),
              "s.example"),
      HasSubstr("tafile="));
  const ImportedTable both =
      trusting("smtp_tls_CAfile = /a.pem\nsmtp_tls_CApath = /etc/ssl/certs\n");
  EXPECT_EQ(Taken(both, "s.example"), "s.example secure cn=no-san");
  EXPECT_THAT(NoteOn(both, "s.example"), HasSubstr("/a.pem"));
  EXPECT_THAT(Refusal(trusting("smtp_tls_CAfile = $config_directory/ca.pem\n"),
                      "s.example"),
              HasSubstr("postconf -x"));
}

TEST_F(PostfixTableTest, ReadsWhatPostmapPrints) {
  const ImportedTable table = ReadPostfixTable(Sample("postmap-s"), {});
  EXPECT_THAT(table.complaints, IsEmpty());
  EXPECT_EQ(table.entries.size(), 3u);
  EXPECT_EQ(Taken(table, "bank.example"),
            "bank.example fingerprint +sha256:3f9a");
}

TEST_F(PostfixTableTest, ServernameNexthopIsTheDomain) {
  EXPECT_EQ(Taken(One("a.example encrypt servername=nexthop"), "a.example"),
            "a.example encrypt servername=a.example");
  EXPECT_THAT(
      Refusal(One(".a.example encrypt servername=nexthop"), ".a.example"),
      HasSubstr("each domain"));
  EXPECT_EQ(Taken(One("[r.example]:587 encrypt servername=nexthop"),
                  "[r.example]:587"),
            "[r.example]:587 encrypt servername=r.example");
}

TEST_F(PostfixTableTest, NoEntryIsWeakerThanItsLevel) {
  for (const ImportedEntry& entry : plain_.entries) {
    PolicyLine bare;
    bare.key = entry.line.key;
    bare.level = entry.line.level;
    bare.cn = entry.line.cn;
    bare.match = entry.line.match;
    EXPECT_EQ(WouldWeaken(bare, entry.line), std::nullopt)
        << Format(entry.line);
  }
}

class CiscoTableTest : public testing::Test {
 protected:
  const ImportedTable table_ = ReadCiscoTable(Sample("destconfig.ini"));
};

TEST_F(CiscoTableTest, TakesTheSixSettings) {
  EXPECT_EQ(Taken(table_, "*"), "* may alias=preferred");
  EXPECT_EQ(Taken(table_, "bank.example"),
            "bank.example verify match=domain:ptr cn=always family=ipv4 "
            "alias=required-verify");
  EXPECT_EQ(Taken(table_, ".partner.example"),
            ".partner.example hosted alias=required-verify-hosted");
  EXPECT_EQ(Taken(table_, "agency.example"),
            "agency.example encrypt alias=required");
  EXPECT_EQ(Taken(table_, "optional.example"),
            "optional.example verify match=domain:ptr cn=always "
            "on-fail=deliver-clear alias=preferred-verify");
  EXPECT_EQ(Taken(table_, "clear.example"), "clear.example none alias=no");
}

TEST_F(CiscoTableTest, RefusesWhatItCannotSay) {
  EXPECT_THAT(Refusal(table_, "odd.example"), HasSubstr("mandatory"));
  EXPECT_THAT(Refusal(table_, "dane.example"), HasSubstr("DANE"));
  EXPECT_THAT(Refusal(table_, "192.0.2.7"), HasSubstr("[192.0.2.1]"));
  EXPECT_EQ(table_.refused(), 3);
}

TEST_F(CiscoTableTest, NotesTheRestOnce) {
  EXPECT_THAT(NoteOn(table_, "limits-only.example"), HasSubstr("default's"));
  EXPECT_THAT(NoteOn(table_, "recipient_limit"), HasSubstr("in 2 sections"));
  EXPECT_THAT(NoteOn(table_, "bounce_profile"), HasSubstr("in 2 sections"));
  EXPECT_EQ(NoteOn(table_, "table_tls"), "");
}

TEST_F(CiscoTableTest, ASectionNeverFallsBackToADefaultThatIsNotTaken) {
  const ImportedTable without =
      ReadCiscoTable("[a.example]\nrecipient_limit = 5\n");
  EXPECT_THAT(Refusal(without, "a.example"), HasSubstr("[DEFAULT]"));
  for (const char* broken :
       {"[DEFAULT]\ntable_tls = bogus\n", "[DEFAULT]\nnonsense\n",
        "[DEFAULT]\ntable_tls = on\ndane = on\n"}) {
    const ImportedTable table =
        ReadCiscoTable(std::string(broken) +
                       "[a.example]\nrecipient_limit = 5\n"
                       "[b.example]\ntable_tls = require\n");
    EXPECT_THAT(table.entries, IsEmpty()) << broken;
    EXPECT_EQ(table.refused(), 3) << broken;
  }
}

TEST_F(CiscoTableTest, ADemandOfTheDefaultHoldsForItsSections) {
  const ImportedTable table = ReadCiscoTable(
      "[DEFAULT]\ntable_tls = require\nip_sort_pref = REQUIRE_V6\n"
      "[a.example]\ntable_tls = require_verify\n");
  EXPECT_THAT(Taken(table, "a.example"), HasSubstr("family=ipv6"));
}

TEST_F(CiscoTableTest, AnotherKindOfFileIsRefusedOnce) {
  const ImportedTable table =
      ReadCiscoTable("<?xml version=\"1.0\"?>\n<config>\n</config>\n");
  EXPECT_THAT(table.entries, IsEmpty());
  EXPECT_EQ(table.refused(), 1);
}

TEST(PinListTest, ReadsCsvAndBlanks) {
  PinListOptions options;
  options.allow_weak = true;
  const PinList list = ReadPinList(Sample("pins.csv"), options);
  std::vector<std::string> seen;
  for (const PinListEntry& entry : list.entries) {
    seen.push_back(entry.pin.key + "|" + entry.file + "|" + entry.pin.label +
                   "|" + (entry.pin.role == PinRole::kBackup ? "b" : "a") +
                   "|" + std::string(ToString(entry.pin.algorithm)));
  }
  EXPECT_THAT(seen,
              ElementsAre("bank.example||mx, 2026|a|sha256",
                          "bank.example||next key|b|sha256",
                          "clinic.example|||a|sha256", "old.example|||a|sha1",
                          "cert.example|certs/next.pem|from file|a|"
                          "sha256"));
  ASSERT_EQ(list.complaints.size(), 3u);
  EXPECT_EQ(list.complaints[0].number, 8);
  EXPECT_THAT(list.complaints[0].text, HasSubstr("3 octets"));
}

TEST(PinListTest, WeakDigestsAndBareAuthoritiesAreRefused) {
  EXPECT_EQ(ReadPinList(Sample("pins.csv"), {}).complaints.size(), 4u);
  PinListOptions options;
  options.kind = PinKind::kCa;
  const PinList list =
      ReadPinList("a.example " + std::string(64, 'a') + "\n", options);
  EXPECT_THAT(list.entries, IsEmpty());
  EXPECT_EQ(list.complaints.size(), 1u);
}

TEST(PinListTest, AnOpensslFingerprintIsNeverAKey) {
  const std::string text =
      "a.example,sha256 Fingerprint=" + std::string(64, 'A') + "\n";
  const PinList refused = ReadPinList(text, {});
  EXPECT_THAT(refused.entries, IsEmpty());
  ASSERT_EQ(refused.complaints.size(), 1u);
  EXPECT_THAT(refused.complaints[0].text, HasSubstr("--kind cert"));
  PinListOptions options;
  options.kind = PinKind::kCert;
  EXPECT_EQ(ReadPinList(text, options).entries.size(), 1u);
}

TEST(PinListTest, AMistypedFirstLineIsNoHeading) {
  const PinList list = ReadPinList("bank.example,3F9Z\n", {});
  EXPECT_EQ(list.complaints.size(), 1u);
}

}  // namespace
}  // namespace postern
