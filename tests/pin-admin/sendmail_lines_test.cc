// What is to be pasted into Sendmail: which destinations go by the strict
// mailers, and what must stand in the rules (tests/lab runs a real Sendmail
// with them).
#include "pin-admin/sendmail_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const SendmailPlaces kPlaces{"/run/postern/sendmail-map", "local:/run/m"};

std::vector<PolicyLine> Lines(std::initializer_list<std::string_view> texts) {
  std::vector<PolicyLine> lines;
  for (const std::string_view text : texts) {
    Result<PolicyLine> line = ParsePolicyLine(text);
    EXPECT_TRUE(line.ok()) << text;
    if (line) lines.push_back(*std::move(line));
  }
  return lines;
}

TEST(SendmailLinesTest, AMapThatDoesNotAnswerIsNeverOptional) {
  for (const SendmailLines& lines :
       {SendmailByRecipient(kPlaces), SendmailStrict(kPlaces, {25, 587})}) {
    EXPECT_THAT(lines.after, HasSubstr("Kpostern socket -f -q -d30 -T<TMPF> "
                                       "unix:/run/postern/sendmail-map\n"));
    EXPECT_THAT(lines.after, HasSubstr("\nRPASS\t\t$@ OK\n"));
    EXPECT_THAT(lines.after, HasSubstr("\nR$*\t\t$#error $@ 4.7.5 "));
    EXPECT_THAT(lines.before, HasSubstr("`confMCI_CACHE_SIZE', `1'"));
    EXPECT_THAT(lines.before,
                HasSubstr("`confTLS_FALLBACK_TO_CLEAR', `false'"));
    EXPECT_THAT(lines.before, HasSubstr("S=local:/run/m, F=T,"));
    // postern-milter reads only what Sendmail sends by itself.
    EXPECT_THAT(lines.before, Not(HasSubstr("MILTER_MACROS")));
    for (const char* name : {"@MAP@", "@MILTER@", "@FIELDS@", "@PORT@"}) {
      EXPECT_THAT(lines.before + lines.after, Not(HasSubstr(name)));
    }
  }
}

TEST(SendmailLinesTest, HooksStandWhereSendmailCallsThem) {
  const std::string after = SendmailByRecipient(kPlaces).after;
  EXPECT_THAT(after, HasSubstr("\nLOCAL_TLS_SERVER\n"));
  EXPECT_THAT(after, HasSubstr("\nLOCAL_TLS_RCPT\n"));
  EXPECT_THAT(after, Not(HasSubstr("SLocal_tls")));
}

TEST(SendmailLinesTest, AStrictMailerCarriesOneRecipientAConnection) {
  const std::string after = SendmailStrict(kPlaces, {25, 587}).after;
  EXPECT_THAT(after, HasSubstr("Mpostern-strict, P=[IPC]"));
  EXPECT_THAT(after, HasSubstr("Mpostern-strict-587, P=[IPC]"));
  EXPECT_THAT(after, HasSubstr("m=1, r=1, T=DNS/RFC822/SMTP, A=TCP $h 587\n"));
}

TEST(SendmailTableTest, AuthenticatingDestinationsGoByTheStrictMailer) {
  const SendmailTable table = SendmailTableFor(
      Lines({"* may", ".partner.example secure", "a.partner.example may",
             "auto.example auto floor=verify", "bank.example fingerprint"}));
  EXPECT_EQ(table.mailertable,
            ".partner.example\tpostern-strict:%1.partner.example\n"
            "a.partner.example\tesmtp:a.partner.example\n"
            "auto.example\tpostern-strict:auto.example\n"
            "bank.example\tpostern-strict:bank.example\n");
  EXPECT_THAT(table.ports, ElementsAre(25U));
}

TEST(SendmailTableTest, ARouteIsItsOwnPortsMailer) {
  const SendmailTable table = SendmailTableFor(
      Lines({"* secure", "clinic.example hosted route=[relay.example]:587"}));
  EXPECT_EQ(table.mailertable,
            ".\tpostern-strict:%1\n"
            "clinic.example\tpostern-strict-587:[relay.example]\n");
  EXPECT_THAT(table.ports, ElementsAre(25U, 587U));
}

TEST(SendmailTableTest, WhatSendmailCanNotDoIsSaid) {
  const SendmailTable table = SendmailTableFor(Lines(
      {"* may", "old.example hosted route=[relay.example]:465 wrapper=yes"}));
  EXPECT_EQ(table.mailertable, "");
  EXPECT_THAT(table.not_held,
              ElementsAre(HasSubstr("old.example: wrapper=yes")));
}

TEST(SendmailTableTest, WithoutStrictLinesThereIsNone) {
  EXPECT_EQ(SendmailTableFor(Lines({"* may", "a.example encrypt"})).mailertable,
            "");
}

}  // namespace
}  // namespace postern
