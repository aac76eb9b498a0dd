// tests/core/delivery/dry_run_test.cc
//
// on-fail=: what a dry run may pass over and a bounce may say, proven by what
// the servers saw. Each test holds a way in which mail could leak or bounce
// wrongly.
#include "tests/core/delivery/delivery_fixture.h"

namespace postern {
namespace {

TEST_F(DeliveryTest, BounceOnFailNeedsANoOfEveryHost) {
  ScriptedSmtpServer first(Ordinary(Tls(bad_)));
  ScriptedSmtpServer second(Ordinary(Tls(bad_)), "127.0.0.2");
  Route("secure on-fail=bounce", {&first, &second});
  const auto bounced = Deliver();
  EXPECT_EQ(bounced[0].outcome, Outcome::kBounced);
  EXPECT_EQ(bounced[0].status, "5.7.5");

  ScriptedSmtpServer clear(Ordinary(), "127.0.0.3");
  Route("secure on-fail=bounce", {&first, &clear});
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDeferred);

  source_.undecided = Error(Reason::kCrlUnavailable, "no list");
  Route("secure on-fail=bounce", {&first, &second});
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDeferred);
}

// STS-27
TEST_F(DeliveryTest, NothingBouncesOverWhatMayHaveChanged) {
  ScriptedSmtpServer server(Ordinary(Tls(bad_)));
  Route("secure on-fail=bounce", {&server});
  source_.afresh = [] {
    return Error(Reason::kDnsLookupFailed, "_mta-sts.bank.test: SERVFAIL");
  };
  const auto unknown = Deliver();
  EXPECT_EQ(unknown[0].outcome, Outcome::kDeferred);
  EXPECT_NE(unknown[0].text.find("_mta-sts.bank.test: SERVFAIL"),
            std::string::npos);

  source_.afresh = [&] {
    Route("secure note=other on-fail=bounce", {&server});
    return Status{};
  };
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDeferred);

  int asked = 0;
  source_.afresh = [&asked] {
    ++asked;
    return Status{};
  };
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kBounced);
  EXPECT_EQ(asked, 1);
}

TEST_F(DeliveryTest, ADryRunDeliversOverTlsAndRecordsTheFailure) {  // DANE-30
  ScriptedSmtpServer server(Ordinary(Tls(bad_)));
  Route("secure on-fail=deliver", {&server});

  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDelivered);

  const auto records = server.Records(2);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_FALSE(records[0].Saw("MAIL"));
  EXPECT_TRUE(records[1].encrypted);
  EXPECT_EQ(sink_.records.back().verdict.decision, Decision::kDeliverAnyway);
  EXPECT_EQ(sink_.records.back().verdict.reason,
            Reason::kCertificateHostMismatch);
}

TEST_F(DeliveryTest, ADryRunPassesOverARefusedHostOnlyWhereTheRestIsKnown) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  Route("secure mx=elsewhere.test on-fail=deliver", {&server});
  source_.undecided = Error(Reason::kCrlUnavailable, "no list");
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDeferred);
  for (const auto& record : server.Records()) EXPECT_FALSE(record.Saw("MAIL"));

  source_.undecided = Error(Reason::kOk, "");
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDelivered);
  EXPECT_EQ(sink_.records.back().verdict.reason, Reason::kMxNotAllowed);
  EXPECT_EQ(sink_.records.back().verdict.decision, Decision::kDeliverAnyway);
}

TEST_F(DeliveryTest, BounceOnFailNeedsEveryAddressToHaveBeenAsked) {
  ScriptedSmtpServer server(Ordinary(Tls(bad_)));
  Route("secure on-fail=bounce", {&server});
  resolver_.SetAaaa("mx1.bank.test", Failed<IpAddress>());
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDeferred);
  resolver_.SetAaaa("mx1.bank.test", NoData<IpAddress>());
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kBounced);
}

TEST_F(DeliveryTest, ADryRunPrefersAHostThatPasses) {
  ScriptedSmtpServer first(Ordinary(Tls(bad_)));
  ScriptedSmtpServer second(Ordinary(Tls(good_)), "127.0.0.2");
  Route("secure on-fail=deliver", {&first, &second});
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDelivered);
  EXPECT_EQ(sink_.records.back().verdict.decision, Decision::kPass);
  EXPECT_FALSE(first.Records().front().Saw("MAIL"));
}

TEST_F(DeliveryTest, ADryRunNeedsTlsUnlessClearIsAllowed) {
  ScriptedSmtpServer clear(Ordinary());
  Route("secure on-fail=deliver", {&clear});
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDeferred);
  EXPECT_FALSE(clear.Records().front().Saw("MAIL"));

  Route("secure on-fail=deliver-clear", {&clear});
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDelivered);
}

TEST_F(DeliveryTest, ADryRunAsksAHostOfAWrongRouteOnce) {
  ScriptedSmtpServer first(Ordinary());
  ScriptedSmtpServer second(Ordinary(), "127.0.0.2");
  Route("encrypt on-fail=deliver", {&first, &second});

  const auto results = Deliver({"a@bank.test"}, "[elsewhere.test]");

  EXPECT_EQ(results[0].outcome, Outcome::kDeferred);
  ASSERT_EQ(first.Records().size(), 1u);
  ASSERT_EQ(second.Records().size(), 1u);
  EXPECT_FALSE(first.Records().front().Saw("MAIL"));
  EXPECT_FALSE(second.Records().front().Saw("MAIL"));
}

TEST_F(DeliveryTest, ADryRunNeverPassesOverWhatCouldNotBeDecided) {
  ScriptedSmtpServer server(Ordinary(Tls(good_)));
  Route("secure on-fail=deliver-clear", {&server});
  source_.undecided = Error(Reason::kTrustStoreUnavailable, "gone");
  EXPECT_EQ(Deliver()[0].outcome, Outcome::kDeferred);
  for (const auto& record : server.Records()) EXPECT_FALSE(record.Saw("MAIL"));
}

}  // namespace
}  // namespace postern
