// doctor's look at a sendmail.cf: good as pin-admin prints it, and each way
// around the map told by its own code.
#include "pin-admin/doctor/sendmail_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kGood[] =
    "# a comment\n"
    "DS\n"
    "Kpostern socket -f -q -d30 -T<TMPF> unix:/run/m\n"
    "O ConnectionCacheSize=1\nO TLSFallbacktoClear=false\n"
    "O CertFingerprintAlgorithm=sha256\nO SetCertAltnames=true\n"
    "O DontExpandCnames=true\n"
    "#O FallbackMXhost=fall.back.host.net\n"
    "Stls_rcpt\nR$*\t$: $1 $| $>\"Local_tls_rcpt\" $1\n"
    "Stls_server\nR$*\t$: $1 $| $>\"Local_tls_server\" $1\n"
    "SLocal_tls_server\nR$*\t$: $(postern S<> $)\n"
    "SLocal_tls_rcpt\nR$*\t$: $(postern R<> $)\n"
    "STlsVerdict\nRPASS\t\t$@ OK\nR$*\t\t$#error $@ 4.7.5 $: \"403 no\"\n"
    "Xpostern, S=local:/run/milter, F=T, T=C:5m;S:30s;R:30s;E:60s\n"
    "Mesmtp, P=[IPC], F=mDFMuXa,\n\tA=TCP $h\n";

std::vector<std::string> Codes(std::string text) {
  std::vector<std::string> codes;
  for (const Diagnosis& found :
       InspectSendmailConfig(ParseSendmailConfig(text), "/run/m", "x.cf")) {
    codes.push_back(found.code);
  }
  return codes;
}

std::string With(const std::string& old, const std::string& fresh) {
  std::string text = kGood;
  const std::size_t at = text.find(old);
  EXPECT_NE(at, std::string::npos) << old;
  return text.replace(at, old.size(), fresh);
}

TEST(SendmailConfigTest, WhatPinAdminPrintsIsGood) {
  EXPECT_THAT(Codes(kGood), IsEmpty());
  EXPECT_EQ(ParseSendmailConfig(kGood).mailers.count("esmtp"), 1U);
}

TEST(SendmailConfigTest, OtherFiltersAreNotOurs) {
  EXPECT_THAT(Codes(With("Xpostern, S=local:/run/milter, F=T,", "Xother,")),
              IsEmpty());
  EXPECT_THAT(Codes(With("F=T, T=", "\n\tF = T, T=")), IsEmpty());
}

TEST(SendmailConfigTest, AnEmptyFileIsNotGood) {
  EXPECT_THAT(Codes(""),
              ElementsAre("sendmail-no-map", "sendmail-no-hook",
                          "sendmail-no-hook", "sendmail-connection-cache",
                          "sendmail-cnames", "sendmail-fingerprint",
                          "sendmail-clear-fallback", "sendmail-names"));
}

TEST(SendmailConfigTest, EachWayAroundTheMapIsToldByItsCode) {
  const struct {
    const char *old, *fresh, *code;
  } cases[] = {
      {"Stls_server\nR$*\t$: $1 $| $>\"Local_tls_server\" $1\n",
       "Stls_server\n", "sendmail-no-hook"},
      {"$(postern R<> $)", "$(access $1 $)", "sendmail-no-hook"},
      {"socket -f", "socket -o -f", "sendmail-map-optional"},
      {" -T<TMPF>", "", "sendmail-map-flags"},
      {"unix:/run/m", "unix:/run/other", "sendmail-map-elsewhere"},
      {"R$*\t\t$#error $@ 4.7.5 $: \"403 no\"", "R$*\t\t$@ OK",
       "sendmail-verdict-open"},
      {"CacheSize=1", "CacheSize=2", "sendmail-connection-cache"},
      {"sha256", "sha512", "sendmail-fingerprint"},
      {"O DontExpandCnames=true\n", "", "sendmail-cnames"},
      {", F=T,", ",", "sendmail-milter-optional"},
      {", F=T,", ", F=,", "sendmail-milter-optional"},
      {", F=T,", ", F=R,", "sendmail-milter-optional"},
      {"toClear=false", "toClear=true", "sendmail-clear-fallback"},
      {"O TLSFallbacktoClear=false\n", "", "sendmail-clear-fallback"},
      {"O SetCertAltnames=true\n", "", "sendmail-names"},
      {"#O FallbackMXhost", "O FallbackMXhost", "sendmail-fallback-mx"},
      {"DS\n", "DSrelay.example\n", "sendmail-smarthost"},
      {"DS\n", "Kauthinfo hash /etc/mail/authinfo\n", "sendmail-client-auth"},
      {"DS\n", "O HostStatusDirectory=.hoststat\n", "sendmail-host-status"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.fresh);
    EXPECT_THAT(Codes(With(c.old, c.fresh)), ElementsAre(c.code));
  }
}

}  // namespace
}  // namespace postern
