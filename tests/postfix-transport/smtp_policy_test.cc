// tests/postfix-transport/smtp_policy_test.cc
//
// What smtp(8) is told of each line: the whole of it or nothing. Every
// attribute that its words can't hold is refused, and a pin is only ever left
// out, never put in another's place.
#include "postfix-transport/smtp_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern {
namespace {

using std::chrono::hours;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kTls =
    " protocols=>=TLSv1.2 ciphers=high exclude=aNULL:3DES:RC4:MD5"
    " connection_reuse=no";

class SmtpPolicyTest : public testing::Test {
 protected:
  static Pin MakePin(char octet,
                     DigestAlgorithm algorithm = DigestAlgorithm::kSha256) {
    Pin pin;
    pin.key = "bank.example";
    pin.algorithm = algorithm;
    pin.digest = std::string(DigestLength(algorithm), octet);
    return pin;
  }
  static std::string Hex(const char* octet) {
    std::string hex;
    for (int i = 0; i < 32; ++i) hex += octet;
    return hex;
  }

  SmtpPolicy Told(const std::string& line, const std::string& key) const {
    ServedPolicy policy;
    policy.line = ParsePolicyLine(line).value();
    policy.pins = pins_;
    return ToSmtpPolicy(policy, NextHop::Parse(key).value(), client_, now_);
  }
  SmtpPolicy Told(const std::string& attributes) const {
    return Told("bank.example " + attributes, "bank.example");
  }

  const TimePoint now_{hours(500'000)};
  SmtpClient client_;
  std::vector<Pin> pins_;
};

TEST_F(SmtpPolicyTest, SaysLevelsThatAuthenticateNobody) {
  EXPECT_EQ(Told("none").value, "none");
  EXPECT_EQ(Told("may").value,
            std::string("may") + kTls + " servername=hostname");
  EXPECT_EQ(Told("encrypt").value,
            std::string("encrypt") + kTls + " servername=hostname");
  EXPECT_EQ(Told("dane-only").value, std::string("dane-only") + kTls);
}

TEST_F(SmtpPolicyTest, SaysNamesInFull) {
  EXPECT_EQ(Told("secure cn=no-san").value,
            std::string("secure match=bank.example:.bank.example") + kTls +
                " servername=hostname");
  EXPECT_EQ(
      Told("verify cn=no-san").value,
      std::string("verify match=hostname") + kTls + " servername=hostname");
  EXPECT_EQ(Told("hosted").value,
            std::string("secure match=bank.example:hostname") + kTls +
                " servername=hostname");
  EXPECT_THAT(
      *Told("secure cn=no-san match=.partner.example:mx.partner.example").value,
      StartsWith("secure match=.partner.example:mx.partner.example "));
  EXPECT_THAT(
      *Told("[mx.example]:25 secure cn=no-san", "[mx.example]:25").value,
      StartsWith("secure match=mx.example:.mx.example "));
}

TEST_F(SmtpPolicyTest, SaysPinsThatAreValidNow) {
  Pin backup = MakePin('\x22');
  backup.role = PinRole::kBackup;
  Pin over = MakePin('\x33');
  over.valid_until = now_ - hours(1);
  Pin later = MakePin('\x44');
  later.valid_from = now_ + hours(1);
  pins_ = {MakePin('\x11'), over, backup, later};
  EXPECT_EQ(Told("fingerprint").value, "fingerprint match=" + Hex("11") + "|" +
                                           Hex("22") + kTls +
                                           " servername=hostname");
}

TEST_F(SmtpPolicyTest, LeavesOutPinsThatItCannotSayAndTellsSo) {
  Pin authority = MakePin('\x22');
  authority.kind = PinKind::kCa;
  pins_ = {MakePin('\x11'), authority,
           MakePin('\x33', DigestAlgorithm::kSha512)};
  const SmtpPolicy told = Told("fingerprint");
  EXPECT_THAT(*told.value, StartsWith("fingerprint match=" + Hex("11") + " "));
  ASSERT_EQ(told.notes.size(), 2u);
  EXPECT_THAT(told.notes[0], HasSubstr("ca pin"));
  EXPECT_THAT(told.notes[1], HasSubstr("sha512"));

  client_.digest = DigestAlgorithm::kSha512;
  EXPECT_THAT(*Told("fingerprint").value, HasSubstr("match=3333"));
}

TEST_F(SmtpPolicyTest, WithoutAPinThatHoldsThereIsNothingToSay) {
  EXPECT_THAT(Told("fingerprint").why, HasSubstr("without a pin"));
  pins_ = {MakePin('\x11')};
  pins_[0].valid_until = now_ - hours(1);
  EXPECT_FALSE(Told("fingerprint").value);
  EXPECT_THAT(Told("fingerprint").why, HasSubstr("no pin is valid"));
  pins_ = {MakePin('\x11', DigestAlgorithm::kSha512)};
  EXPECT_FALSE(Told("fingerprint").value);
  EXPECT_THAT(Told("fingerprint").why, HasSubstr("sha512"));
}

TEST_F(SmtpPolicyTest, WhatItCannotSayIsNotSaid) {
  pins_ = {MakePin('\x11')};
  const struct {
    const char* line;
    const char* why;
  } cases[] = {
      {"sts", "sts"},
      {"dane", "dane"},
      {"auto", "auto"},
      {"secure", "cn=never"},
      {"verify", "cn=never"},
      {"secure cn=always", "cn=always"},
      {"verify cn=no-san match=hostname:ptr", "ptr"},
      {"secure cn=no-san match=intranet", "match=intranet"},
      {"fingerprint on-fail=bounce", "on-fail"},
      {"encrypt on-fail=deliver", "on-fail"},
      {"fingerprint also=auto", "also"},
      {"fingerprint mx=mx.bank.example", "mx="},
      {"may mx=mx.bank.example", "mx="},
      {"fingerprint route=[relay.example]:25", "route"},
      {"encrypt wrapper=yes", "wrapper"},
      {"may source=192.0.2.1", "source"},
      {"may helo=mta.example", "helo"},
      {"may family=ipv4", "family"},
      {"encrypt client-cert=/c client-key=/k", "client-cert"},
      {"encrypt exclude=TLS_AES_128_GCM_SHA256", "exclude"},
      {"dane-only servername=mx.example", "servername"},
      {"secure cn=no-san crl=/etc/crl.pem", "crl"},
      {"secure cn=no-san ca=anchor:partner", "ca="},
      {"secure cn=no-san ca=/etc/roots/", "ca="},
      {"secure cn=no-san ca=\"/etc/my roots.pem\"", "ca="},
      {"secure cn=no-san ca=/etc/a,b.pem", "ca="},
      {"required-verify", "cn=always"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.line);
    const SmtpPolicy told = Told(c.line);
    EXPECT_FALSE(told.value);
    EXPECT_THAT(told.why, HasSubstr(c.why));
  }
}

TEST_F(SmtpPolicyTest, AtAHostsKeyTheRecipientIsUnknown) {
  EXPECT_FALSE(Told("[mx.example]:25 hosted", "[mx.example]:25").value);
  EXPECT_FALSE(
      Told("[mx.example]:25 secure cn=no-san match=domain", "[mx.example]:25")
          .value);
  // An address has no name to ask for or to compare with.
  EXPECT_EQ(Told("[192.0.2.1]:25 encrypt", "[192.0.2.1]:25").value,
            std::string("encrypt") + kTls);
  EXPECT_FALSE(Told("[192.0.2.1]:25 secure cn=no-san", "[192.0.2.1]:25").value);
}

TEST_F(SmtpPolicyTest, CarriesProtocolsCiphersAndSni) {
  const std::string told =
      *Told(
           "encrypt protocols=>=TLSv1.3 ciphers=medium exclude=kRSA "
           "servername=sni.example")
           .value;
  EXPECT_EQ(told,
            "encrypt protocols=>=TLSv1.3 ciphers=medium "
            "exclude=aNULL:3DES:RC4:MD5:kRSA connection_reuse=no "
            "servername=sni.example");
  EXPECT_THAT(*Told("encrypt protocols=TLSv1.2").value,
              HasSubstr("protocols=>=TLSv1.2:<=TLSv1.2"));
  EXPECT_THAT(*Told("secure cn=no-san ca=/etc/roots.pem").value,
              HasSubstr(" tafile=/etc/roots.pem "));
}

TEST_F(SmtpPolicyTest, SaysOnlyWhatThatPostfixKnows) {
  client_.version = {3, 5};
  EXPECT_THAT(*Told("encrypt").value,
              HasSubstr("protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1 "));
  EXPECT_THAT(*Told("encrypt protocols=>=TLSv1.3").value,
              HasSubstr("!TLSv1.1:!TLSv1.2 "));
  EXPECT_EQ(Told("encrypt").value->find("enable_rpk"), std::string::npos);
  EXPECT_THAT(*Told("encrypt").value, HasSubstr(" connection_reuse=no"));
  client_.version = {3, 3};
  EXPECT_EQ(Told("encrypt").value->find("connection_reuse"), std::string::npos);
  client_.version = {3, 9};
  EXPECT_THAT(*Told("encrypt").value, HasSubstr(" enable_rpk=no"));
}

}  // namespace
}  // namespace postern
