// tests/pin-admin/check_rules_test.cc
//
// What `check` and `probe` make of what was found: who asks before mail stops
// has to be told, and "could not find out" is never good.
#include "pin-admin/check_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pin-admin/certificate_facts.h"
#include "pin-admin/probe_meaning.h"
#include "tests/testlib/certificates.h"

namespace postern {
namespace {

using std::chrono::hours;
using testing::HasSubstr;

const TimePoint kNow{hours(500'000)};
const CheckOptions kOptions{kNow, hours(14 * 24)};

const Remark* Find(const std::vector<Remark>& remarks, std::string_view code) {
  for (const Remark& remark : remarks) {
    if (remark.code == code) return &remark;
  }
  return nullptr;
}

Json Connection(const std::string& host, const std::string& decision,
                const std::string& reason) {
  return Json::MakeObject()
      .Set("host", host)
      .Set("port", 25)
      .Set("address", "192.0.2.1")
      .Set("chain", Json::MakeArray())
      .Set("verdict", Json::MakeObject()
                          .Set("decision", decision)
                          .Set("reason", reason)
                          .Set("sentence", "as it was")
                          .Set("findings", Json::MakeArray()));
}

Json Probe(std::vector<Json> connections, const std::string& line) {
  Json list = Json::MakeArray();
  for (Json& connection : connections) list.Add(std::move(connection));
  return Json::MakeObject()
      .Set("plan",
           Json::MakeObject().Set("line", line).Set("hosts", Json::MakeArray()))
      .Set("verdict", Json())
      .Set("connections", std::move(list));
}

TEST(CheckProbeTest, GoodIsGood) {
  const auto remarks = CheckProbe(
      Probe({Connection("mx1.d", "pass", "pass")}, "d secure"), kOptions);
  EXPECT_EQ(StatusOf(remarks), ExitStatus::kGood);
}

TEST(CheckProbeTest, TheBackupKeyIsAWarning) {
  Json connection = Connection("mx1.d", "pass", "pass");
  Json finding = Json::MakeObject()
                     .Set("source", "pin")
                     .Set("noteworthy", true)
                     .Set("detail", "backup pin 'mx 2027'");
  Json verdict = connection["verdict"];
  verdict.Set("findings", Json::MakeArray().Add(finding));
  connection.Set("verdict", verdict);
  const auto remarks =
      CheckProbe(Probe({connection}, "d fingerprint"), kOptions);
  EXPECT_EQ(StatusOf(remarks), ExitStatus::kWarning);
  ASSERT_NE(Find(remarks, "backup-key"), nullptr);
  EXPECT_THAT(Find(remarks, "backup-key")->text,
              HasSubstr("switched to the backup key"));
}

TEST(CheckProbeTest, AnUnknownKeyBesideAKnownOneIsToldBeforeMailStops) {
  const auto remarks =
      CheckProbe(Probe({Connection("mx1.d", "pass", "pass"),
                        Connection("mx2.d", "defer", "pin-mismatch")},
                       "d fingerprint"),
                 kOptions);
  EXPECT_EQ(StatusOf(remarks), ExitStatus::kWarning);
  ASSERT_NE(Find(remarks, "unknown-key"), nullptr);
  EXPECT_THAT(Find(remarks, "unknown-key")->text, HasSubstr("compare"));
}

TEST(CheckProbeTest, NoHostThatPassesIsNo) {
  const auto remarks = CheckProbe(
      Probe({Connection("mx1.d", "defer", "pin-mismatch")}, "d fingerprint"),
      kOptions);
  EXPECT_EQ(StatusOf(remarks), ExitStatus::kNo);
}

TEST(CheckProbeTest, ADryRunOfAPolicyIsAWarning) {
  const auto remarks =
      CheckProbe(Probe({Connection("mx1.d", "defer", "certificate-expired")},
                       "d.example secure on-fail=deliver"),
                 kOptions);
  EXPECT_EQ(StatusOf(remarks), ExitStatus::kWarning);
}

TEST(CheckProbeTest, WhatWasNotFoundOutIsNeverGood) {
  EXPECT_EQ(StatusOf(CheckProbe(
                Probe({Connection("mx1.d", "defer", "connection-timeout")},
                      "d secure"),
                kOptions)),
            ExitStatus::kUnknown);
  EXPECT_EQ(StatusOf(CheckProbe(Probe({}, "d secure"), kOptions)),
            ExitStatus::kUnknown);
  const Json verdict = Json::MakeObject()
                           .Set("decision", "defer")
                           .Set("reason", "dns-lookup-failed")
                           .Set("sentence", "timeout");
  EXPECT_EQ(StatusOf(CheckProbe(
                Json::MakeObject().Set("plan", Json()).Set("verdict", verdict),
                kOptions)),
            ExitStatus::kUnknown);
  EXPECT_EQ(StatusOf(CheckProbe(Json::MakeObject(), kOptions)),
            ExitStatus::kUnknown);
}

TEST(CheckProbeTest, AHostThatIsRefusedWhileOthersPassIsAWarning) {
  Json probe = Probe({Connection("mx1.d", "pass", "pass")}, "d secure");
  Json plan = probe["plan"];
  plan.Set("hosts",
           Json::MakeArray().Add(
               Json::MakeObject()
                   .Set("host", "mx2.d")
                   .Set("failure", Json())
                   .Set("refused", Json::MakeObject()
                                       .Set("reason", "mx-not-allowed")
                                       .Set("detail", "not in mx="))
                   .Set("notes", Json::MakeArray().Add("weak: mx1.d"))));
  probe.Set("plan", plan);
  const auto remarks = CheckProbe(probe, kOptions);
  EXPECT_EQ(StatusOf(remarks), ExitStatus::kWarning);
  EXPECT_NE(Find(remarks, "mx-not-allowed"), nullptr);
  EXPECT_NE(Find(remarks, "weak-name"), nullptr);
}

TEST(CheckProbeTest, ALineWeakerThanWhatIsPublishedIsAWarning) {
  Json probe = Probe({Connection("mx1.d", "pass", "pass")}, "d may");
  Json plan = probe["plan"];
  plan.Set("hosts", Json::MakeArray().Add(
                        Json::MakeObject()
                            .Set("host", "mx1.d")
                            .Set("failure", Json())
                            .Set("refused", Json())
                            .Set("weaker", "the destination publishes dane")));
  probe.Set("plan", plan);
  const auto remarks = CheckProbe(probe, kOptions);
  EXPECT_EQ(StatusOf(remarks), ExitStatus::kWarning);
  EXPECT_NE(Find(remarks, "weaker-than-published"), nullptr);
}

TEST(CheckRowTest, PinsAndExceptionsRemindBeforeAndAfter) {
  PolicyRow row;
  row.key = *PolicyKey::Parse("bank.example");
  EXPECT_TRUE(CheckRow(row, kOptions).empty());

  PolicyLine exception = *ParsePolicyLine("bank.example may");
  exception.until = kNow + hours(3);
  row.exception = exception;
  auto remarks = CheckRow(row, kOptions);
  ASSERT_NE(Find(remarks, "exception"), nullptr);
  EXPECT_THAT(Find(remarks, "exception")->text, HasSubstr("in 3 hours"));
  EXPECT_EQ(StatusOf(remarks), ExitStatus::kWarning);
  row.exception->until = kNow - hours(3);
  remarks = CheckRow(row, kOptions);
  EXPECT_NE(Find(remarks, "exception-ended"), nullptr);
  EXPECT_EQ(StatusOf(remarks), ExitStatus::kGood);

  row.exception.reset();
  Pin pin;
  pin.key = "bank.example";
  pin.digest = std::string(32, 'a');
  pin.valid_until = kNow + hours(14 * 24 + 1);
  row.pins = {pin};
  EXPECT_TRUE(CheckRow(row, kOptions).empty());
  row.pins[0].valid_until = kNow + hours(14 * 24 - 1);
  EXPECT_NE(Find(CheckRow(row, kOptions), "pin-ends"), nullptr);
  row.pins[0].valid_until = kNow;
  EXPECT_NE(Find(CheckRow(row, kOptions), "pin-ended"), nullptr);
}

// A walk with one host and one address that shows `leaf`.
Json Walk(const Json& leaf, const std::string& security) {
  Json look = Json::MakeObject()
                  .Set("error", Json())
                  .Set("server_name", "mx.bank.example")
                  .Set("trust", Json::MakeObject().Set("trusted", true))
                  .Set("chain", Json::MakeArray().Add(leaf));
  Json address = Json::MakeObject()
                     .Set("address", "192.0.2.1")
                     .Set("with_sni", look)
                     .Set("without_sni", Json())
                     .Set("same_certificate", Json());
  Json host = Json::MakeObject()
                  .Set("host", "mx.bank.example")
                  .Set("error", Json())
                  .Set("tlsa", Json())
                  .Set("addresses", Json::MakeArray().Add(address));
  return Json::MakeObject()
      .Set("trust_error", Json())
      .Set("mx", Json::MakeObject()
                     .Set("presence", "found")
                     .Set("security", security)
                     .Set("null_mx", false))
      .Set("hosts", Json::MakeArray().Add(host));
}

class MeaningTest : public testing::Test {
 protected:
  static Json Facts(const CertificateSpec& spec) {
    return ToJson(*Certificate::Parse(MakeSelfSigned(spec).der));
  }
  const NextHop target_ = *NextHop::Parse("bank.example");
};

TEST_F(MeaningTest, SaysWhichNamesTheCertificateMustCarry) {
  const Json names =
      NamesToCarry(Walk(Facts(ForHost("mx.bank.example")), "secure"), target_);
  ASSERT_EQ(names.size(), 2u);
  const Json& host = (*names.array())[0];
  EXPECT_EQ(host["name"].text(), "mx.bank.example");
  EXPECT_TRUE(*host["carried"].boolean());
  const Json& domain = (*names.array())[1];
  EXPECT_EQ(domain["name"].text(), "bank.example");
  EXPECT_TRUE(*domain["carried"].boolean());  // a name below it

  const Json others = NamesToCarry(
      Walk(Facts(ForHost("mx.hoster.example")), "secure"), target_);
  EXPECT_FALSE(*(*others.array())[0]["carried"].boolean());
  EXPECT_FALSE(*(*others.array())[1]["carried"].boolean());
}

TEST_F(MeaningTest, UnsignedMxIsSaidToBeWeak) {
  const Json leaf = Facts(ForHost("mx.bank.example"));
  EXPECT_NE(
      Find(MeaningOf(Walk(leaf, "insecure"), target_, kNow), "mx-insecure"),
      nullptr);
  EXPECT_NE(Find(MeaningOf(Walk(leaf, "secure"), target_, kNow), "mx-secure"),
            nullptr);
}

TEST_F(MeaningTest, ExpiryIsSaidBeforeAndAfter) {
  CertificateSpec spec = ForHost("mx.bank.example");
  spec.not_after = kNow + hours(24);
  EXPECT_NE(Find(MeaningOf(Walk(Facts(spec), "secure"), target_, kNow),
                 "certificate-expires"),
            nullptr);
  spec.not_after = kNow - hours(24);
  const auto over = MeaningOf(Walk(Facts(spec), "secure"), target_, kNow);
  EXPECT_NE(Find(over, "certificate-expired"), nullptr);
  EXPECT_EQ(StatusOf(over), ExitStatus::kNo);
}

TEST_F(MeaningTest, BothCertificatesAreNamedWhereTheyDependOnSni) {
  Json walk = Walk(Facts(ForHost("mx.bank.example")), "secure");
  Json host = (*walk["hosts"].array())[0];
  Json address = (*host["addresses"].array())[0];
  Json without = address["with_sni"];
  without.Set("chain",
              Json::MakeArray().Add(Facts(ForHost("somebody-else.example"))));
  address.Set("without_sni", without).Set("same_certificate", false);
  host.Set("addresses", Json::MakeArray().Add(address));
  walk.Set("hosts", Json::MakeArray().Add(host));
  const auto meaning = MeaningOf(walk, target_, kNow);
  const Remark* remark = Find(meaning, "depends-on-sni");
  ASSERT_NE(remark, nullptr);
  EXPECT_THAT(remark->text, HasSubstr("mx.bank.example"));
  EXPECT_THAT(remark->text, HasSubstr("somebody-else.example"));
}

TEST_F(MeaningTest, TlsaCountsWhereItIsSigned) {
  const Json leaf = Facts(ForHost("mx.bank.example"));
  const auto with = [&](const char* result, const char* security) {
    Json walk = Walk(leaf, "secure");
    Json host = (*walk["hosts"].array())[0];
    Json address = (*host["addresses"].array())[0];
    address.Set("tlsa", Json::MakeObject()
                            .Set("result", result)
                            .Set("reason", "told as it is"));
    host.Set("addresses", Json::MakeArray().Add(address));
    host.Set(
        "tlsa",
        Json::MakeObject().Set("presence", "found").Set("security", security));
    walk.Set("hosts", Json::MakeArray().Add(host));
    return MeaningOf(walk, target_, kNow);
  };
  EXPECT_NE(Find(with("accept", "secure"), "tlsa-matches"), nullptr);
  EXPECT_NE(Find(with("accept", "insecure"), "tlsa-insecure"), nullptr);
  EXPECT_EQ(Find(with("accept", "insecure"), "tlsa-matches"), nullptr);
  const auto refused = with("reject", "secure");
  const Remark* remark = Find(refused, "tlsa-mismatch");
  ASSERT_NE(remark, nullptr);
  EXPECT_THAT(remark->text, HasSubstr("told as it is"));
  // Where DANE is not built in, nothing is said.
  EXPECT_EQ(Find(with("error", "secure"), "tlsa-mismatch"), nullptr);
}

}  // namespace
}  // namespace postern
