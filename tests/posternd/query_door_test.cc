// tests/posternd/query_door_test.cc
//
// What docs/protocol.md promises of the query door: every verb, its JSON, and a
// refusal for everything else.
#include "posternd/query_door.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/gate/explain.h"
#include "tests/testlib/fake_resolver.h"
#include "tests/testlib/memory_policy_store.h"

namespace postern {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

class FirstOnes final : public Random {
 public:
  std::uint64_t Below(std::uint64_t) override { return 0; }
};

class QueryDoorTest : public testing::Test {
 protected:
  QueryDoorTest() {
    store_.Set("* may");
    store_.Set("bank.test secure owner=treasury");
    store_.Set("cut.test encrypt mx=mx.other.test");
    resolver_.SetMx("bank.test",
                    MxHosts({{10, "mx1.bank.test"}}, Security::kSecure));
    resolver_.SetA("mx1.bank.test", Addresses({"192.0.2.1"}));
    resolver_.SetMx("cut.test", MxHosts({{10, "mx1.bank.test"}}));
    resolver_.SetMx("broken.test", Failed<MxRecord>());
  }

  Reply Ask(const Request& request, uid_t uid = 0) {
    Call call;
    call.request = request;
    call.peer.uid = uid;
    return QueryDoor(gate_, nullptr, controls_, std::chrono::seconds(1))
        .Handle(call);
  }

  json Explain(const std::string& domain) {
    const Reply reply = Ask({"explain", {{"domain", domain}}});
    EXPECT_EQ(reply.word, "ok") << reply.rest;
    return json::parse(reply.rest);
  }

  FakeResolver resolver_;
  FirstOnes random_;
  MemoryPolicyStore store_;
  Router router_{resolver_, random_, {}};
  TlsClient tls_;
  SystemClock clock_;
  Gate gate_{Gate::Parts{
      store_, resolver_, router_, {}, {}, tls_, clock_, "mta.sender.test", {}}};
  ServiceControls controls_{
      [] { return std::string("{\"pid\":1}"); },
      [] {
        return Result<std::vector<std::string>>(
            std::vector<std::string>{"user: needs a restart"});
      },
      [](const PeerCredentials& peer) { return peer.uid == 0; }};
};

TEST_F(QueryDoorTest, AnswersTheSmallQuestions) {
  EXPECT_EQ(Ask({"ping", {}}), (Reply{"ok", "{\"alive\":true}"}));
  EXPECT_EQ(json::parse(Ask({"version", {}}).rest)["protocol"], 1);
  EXPECT_EQ(Ask({"status", {}}).rest, "{\"pid\":1}");
}

TEST_F(QueryDoorTest, OnlyWhoMayControlReloads) {
  const Reply reply = Ask({"reload", {}});
  EXPECT_EQ(reply.rest,
            "{\"reloaded\":true,\"unchanged\":[\"user: needs a restart\"]}");
  EXPECT_THAT(Ask({"reload", {}}, 1000).rest, HasSubstr("client-not-allowed"));
  controls_.reload = [] {
    return Result<std::vector<std::string>>(
        Error{Reason::kRequestInvalid, "no such option"});
  };
  EXPECT_THAT(Ask({"reload", {}}).rest, HasSubstr("no such option"));
}

// Here no source publishes or keeps anything.
TEST_F(QueryDoorTest, OnlyWhoMayControlPurges) {
  const Request purge{"sts-purge", {{"domain", "a.test"}}};
  EXPECT_EQ(Ask(purge).rest, "{\"purged\":false}");
  EXPECT_THAT(Ask(purge, 1000).rest, HasSubstr("client-not-allowed"));
  EXPECT_THAT(Ask({"sts-refresh", {{"domain", "a.test"}}}, 1000).rest,
              HasSubstr("none of the verifiers"));
}

TEST_F(QueryDoorTest, RefusesEveryOtherRequest) {
  const Request cases[] = {
      {"deliver", {}},
      {"ping", {{"domain", "a.test"}}},
      {"explain", {}},
      {"explain", {{"domain", ""}}},
      {"explain", {{"domain", "a..test"}}},
      {"explain", {{"domain", "192.0.2.1"}}},
      {"explain", {{"domain", "[mx.a.test]"}}},
      {"explain", {{"domain", "a.test"}, {"nexthop", "a b"}}},
      {"explain", {{"domain", "a.test"}, {"host", "b.test"}}},
      {"probe", {{"domain", "a.test"}, {"nexthop", ""}}},
      {"sts-refresh", {}},
      {"sts-refresh", {{"domain", "[192.0.2.1]"}}},
      {"sts-purge", {{"domain", "a.test"}, {"all", "yes"}}},
  };
  for (const Request& request : cases) {
    SCOPED_TRACE(*FormatRequest(request));
    const Reply reply = Ask(request);
    EXPECT_EQ(reply.word, "error");
    EXPECT_THAT(reply.rest, StartsWith("4.3.5 request-invalid"));
  }
}

TEST_F(QueryDoorTest, ExplainsAPlanAsDocumented) {
  const json answer = Explain("Bank.Test");
  EXPECT_TRUE(answer["verdict"].is_null());
  const json& plan = answer["plan"];
  EXPECT_EQ(plan["recipient"], "bank.test");
  EXPECT_EQ(plan["next_hop"], "bank.test");
  EXPECT_EQ(plan["own_mx"], true);
  EXPECT_EQ(plan["origin"], "bank.test");
  EXPECT_THAT(plan["line"].get<std::string>(), HasSubstr("secure"));
  EXPECT_TRUE(plan["hop_line"].is_null());
  EXPECT_EQ(plan["mx_security"], "secure");
  EXPECT_FALSE(plan["digest"].get<std::string>().empty());
  ASSERT_EQ(plan["hosts"].size(), 1u);
  const json& host = plan["hosts"][0];
  EXPECT_EQ(host["host"], "mx1.bank.test");
  EXPECT_EQ(host["port"], 25);
  EXPECT_EQ(host["tls"], "required");
  EXPECT_EQ(host["addresses"], json::parse("[\"192.0.2.1\"]"));
  for (const char* member :
       {"preference", "mx_security", "address_security", "expanded", "failure",
        "refused", "wrapper", "published", "requires", "records", "servername",
        "protocols", "ciphers", "exclude", "needs_ptr", "login", "notes",
        "published_policies", "weaker"}) {
    EXPECT_TRUE(host.contains(member)) << member;
  }
}

TEST_F(QueryDoorTest, ExplainsARefusedHostAndAFailedLookup) {
  const json cut = Explain("cut.test");
  const json& refused = cut["plan"]["hosts"][0]["refused"];
  EXPECT_EQ(refused["reason"], "mx-not-allowed");
  EXPECT_EQ(refused["state"], "violated");

  const json broken = Explain("broken.test");
  EXPECT_TRUE(broken["plan"].is_null());
  EXPECT_EQ(broken["verdict"]["decision"], "defer");
  EXPECT_EQ(broken["verdict"]["reason"], "dns-lookup-failed");

  store_.Break();
  EXPECT_EQ(Explain("bank.test")["verdict"]["reason"],
            "policy-store-unavailable");
}

TEST_F(QueryDoorTest, AProbeOfARefusedHostConnectsToNothing) {
  const Reply reply = Ask({"probe", {{"domain", "cut.test"}}});
  ASSERT_EQ(reply.word, "ok") << reply.rest;
  const json answer = json::parse(reply.rest);
  EXPECT_EQ(answer["connections"], json::array());
  EXPECT_FALSE(answer["plan"].is_null());
}

TEST(ExplainTest, WhateverAPeerSentIsOneLineOfAscii) {
  Verdict verdict =
      DeferFor({Reason::kGreetingRefused, "554 \xff\xfe\r\nx\x80"});
  verdict.findings.push_back(
      Finding::Violated(Reason::kPinMismatch, "\xc3\xbc \"\\"));
  const std::string text = VerdictJson(verdict);
  for (const char c : text) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
  EXPECT_EQ(json::parse(text)["findings"][0]["detail"], "\xc3\xbc \"\\");
}

TEST(ExplainTest, ChainsAreBase64) {
  ProbedAddress probed{
      TestDomain("mx.test"), Port{}, TestAddress("192.0.2.1"), {}};
  probed.connection.evidence = TlsEvidence(
      {{'f'}, {'f', 'o'}, {'f', 'o', 'o'}, {0xff, 0xfe, 0xfd, 0xfc}});
  const json answer =
      json::parse(ProbeJson(DeferFor({Reason::kInternal, ""}), {&probed, 1}));
  EXPECT_EQ(answer["connections"][0]["chain"],
            json::parse("[\"Zg==\",\"Zm8=\",\"Zm9v\",\"//79/A==\"]"));
}

}  // namespace
}  // namespace postern
