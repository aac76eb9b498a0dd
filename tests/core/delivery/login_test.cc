// tests/core/delivery/login_test.cc
//
// Relays that want a login: credentials go to the right hop, after "pass" on
// that very connection, and nowhere else; what goes wrong with a login defers.
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/core/delivery/delivery_fixture.h"

namespace postern {
namespace {

using testing::HasSubstr;
using testing::Not;

class LoginTest : public DeliveryTest {
 protected:
  LoginTest() {
    ConnectionLimits limits;
    limits.kept = 10;
    limits.idle = limits.life = seconds(600);
    logging_in_.emplace(with_credentials_, sink_, clock_, nullptr, limits,
                        [this] { return now_; });
  }
  ~LoginTest() override { unlink(path_.c_str()); }

  static ServerBehaviour Relay(const TestCertificate& certificate,
                               const std::string& answer = "235 2.7.0 in") {
    ServerBehaviour behaviour = Tls(certificate);
    behaviour.keywords = {"PIPELINING", "AUTH PLAIN"};
    behaviour.replies = {{"AUTH", answer}};
    return behaviour;
  }

  void Write(const std::vector<std::pair<std::string, std::string>>& who,
             mode_t mode = 0600) {
    {
      std::ofstream file(path_ + ".new");
      file << "# who logs in where\n";  // an empty file is refused
      for (const auto& [hop, words] : who) file << hop << ' ' << words << '\n';
    }
    ASSERT_EQ(chmod((path_ + ".new").c_str(), mode), 0);
    ASSERT_EQ(rename((path_ + ".new").c_str(), path_.c_str()), 0);
  }
  static std::string Hop(const ScriptedSmtpServer& server, int number = 1) {
    return "[mx" + std::to_string(number) +
           ".bank.test]:" + std::to_string(server.port().value);
  }
  RecipientResult One() { return DeliverBy(*logging_in_).front(); }

  // What the server saw, once all connections have ended.
  std::vector<ConnectionRecord> EndOf(ScriptedSmtpServer& server,
                                      std::size_t at_least = 1) {
    logging_in_.reset();
    return server.Records(at_least);
  }

  const std::string path_ =
      testing::TempDir() + "login." + std::to_string(getpid());
  CredentialStore credentials_{path_};
  SaslClient sasl_;
  Gate with_credentials_{Gate::Parts{store_,
                                     resolver_,
                                     router_,
                                     sources_,
                                     {},
                                     tls_,
                                     clock_,
                                     "own.test",
                                     {},
                                     &credentials_,
                                     &sasl_}};
  Moment now_ = MonotonicNow();
  std::optional<Delivery> logging_in_;
};

TEST_F(LoginTest, LogsInOnceForSeveralMessages) {
  ScriptedSmtpServer server(Ordinary(Relay(good_)));
  Route("secure", {&server});
  Write({{Hop(server), "alice s3cret"}});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(One().outcome, Outcome::kDelivered);
    EXPECT_THAT(sink_.records.back().verdict.sentence,
                HasSubstr("logged in by PLAIN"));
    EXPECT_THAT(sink_.records.back().plan, Not(HasSubstr("alice")));
  }
  const auto records = EndOf(server);
  EXPECT_EQ(records.size(), 1u);
  EXPECT_EQ(Count(records, "AUTH"), 1u);
  EXPECT_EQ(Count(records, "MAIL"), 3u);
}

TEST_F(LoginTest, AChangeOfTheCredentialsEndsTheConnection) {
  ScriptedSmtpServer server(Ordinary(Relay(good_)));
  Route("secure", {&server});
  Write({{Hop(server), "alice s3cret"}});
  EXPECT_EQ(One().outcome, Outcome::kDelivered);
  Write({{Hop(server), "alice other"}});
  EXPECT_EQ(One().outcome, Outcome::kDelivered);
  // Without a line for it, the hop is not logged in to; not by an old login
  // either.
  Write({});
  EXPECT_EQ(One().outcome, Outcome::kDelivered);
  const auto records = EndOf(server, 3);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(Count(records, "AUTH"), 2u);
  EXPECT_FALSE(records[2].Saw("AUTH"));
}

TEST_F(LoginTest, AConnectionThatDidNotPassGetsNothing) {
  for (const char* line :
       {"secure", "secure on-fail=deliver", "secure on-fail=deliver-clear",
        "secure on-fail=bounce mx=elsewhere.test",
        "secure on-fail=deliver mx=elsewhere.test"}) {
    SCOPED_TRACE(line);
    ScriptedSmtpServer server(Ordinary(Relay(bad_)));
    Route(line, {&server});
    Write({{Hop(server), "alice s3cret"}});
    EXPECT_NE(One().outcome, Outcome::kDelivered);
    const auto records = server.Records(0);
    EXPECT_EQ(Count(records, "AUTH"), 0u);
    EXPECT_EQ(Count(records, "MAIL"), 0u);
  }
}

TEST_F(LoginTest, WithoutTlsNobodyIsToldAnything) {
  ServerBehaviour clear;
  clear.keywords = {"AUTH PLAIN"};
  clear.replies = {{"AUTH", "235 in"}};
  for (const char* line :
       {"secure on-fail=deliver-clear", "may", "none", "encrypt"}) {
    SCOPED_TRACE(line);
    ScriptedSmtpServer server(Ordinary(clear));
    Route(line, {&server});
    Write({{Hop(server), "alice s3cret"}});
    EXPECT_EQ(One().outcome, Outcome::kDeferred);
    EXPECT_EQ(Count(server.Records(0), "AUTH"), 0u);
    EXPECT_EQ(Count(server.Records(0), "MAIL"), 0u);
  }
}

TEST_F(LoginTest, ALevelThatProvesNothingGetsNoCredentials) {
  for (const char* line : {"may", "encrypt", "required-verify"}) {
    SCOPED_TRACE(line);
    ScriptedSmtpServer server(Ordinary(Relay(good_)));
    Route(line, {&server});
    Write({{Hop(server), "alice s3cret"}});
    const auto result = One();
    EXPECT_EQ(result.outcome, Outcome::kDeferred);
    EXPECT_THAT(result.text, HasSubstr("credentials-withheld"));
    EXPECT_TRUE(server.Records(0).empty());
  }
}

TEST_F(LoginTest, AnotherHopsCredentialsStayHere) {
  ScriptedSmtpServer first(Ordinary(Relay(good_)));
  ScriptedSmtpServer second(Ordinary(Relay(good_)), "127.0.0.2");
  Route("secure", {&first, &second});
  Write(
      {{Hop(second, 2), "alice s3cret"}, {"[mx1.bank.test]:25", "bob other"}});
  EXPECT_EQ(One().outcome, Outcome::kDelivered);
  const auto records = EndOf(first);
  EXPECT_EQ(Count(records, "AUTH"), 0u);
  EXPECT_EQ(Count(records, "MAIL"), 1u);
  EXPECT_TRUE(second.Records(0).empty());
}

TEST_F(LoginTest, ARefusedLoginDefersAndIsNotRepeatedAtOnce) {
  ScriptedSmtpServer server(Ordinary(Relay(good_, "535 5.7.8 wrong")));
  Route("secure", {&server});
  Write({{Hop(server), "alice s3cret"}});
  for (int i = 0; i < 3; ++i) {
    const auto result = One();
    EXPECT_EQ(result.outcome, Outcome::kDeferred);
    EXPECT_EQ(result.status, "4.7.8");
    EXPECT_THAT(result.text, HasSubstr("535 5.7.8 wrong"));
    EXPECT_THAT(result.text, Not(HasSubstr("s3cret")));
  }
  EXPECT_EQ(server.Records().size(), 1u);
  now_ += Credentials::kRefusalMemory;
  EXPECT_EQ(One().outcome, Outcome::kDeferred);
  EXPECT_EQ(server.Records(2).size(), 2u);
  Write({{Hop(server), "alice mended"}});
  EXPECT_EQ(One().outcome, Outcome::kDeferred);
  EXPECT_EQ(server.Records(3).size(), 3u);
  EXPECT_EQ(Count(server.Records(3), "MAIL"), 0u);
}

TEST_F(LoginTest, TheNextHopIsTriedAfterARefusedLogin) {
  ScriptedSmtpServer first(Ordinary(Relay(good_, "454 4.7.0 later")));
  ScriptedSmtpServer second(Ordinary(Relay(good_)), "127.0.0.2");
  Route("secure", {&first, &second});
  Write({{Hop(first), "alice s3cret"}, {Hop(second, 2), "bob other"}});
  EXPECT_EQ(One().outcome, Outcome::kDelivered);
  EXPECT_EQ(Count(EndOf(second), "AUTH"), 1u);
}

TEST_F(LoginTest, AFileThatCantBeUsedDefersWhatGoesToRelays) {
  ScriptedSmtpServer server(Ordinary(Relay(good_)));
  Route("secure", {&server});
  Write({{Hop(server), "alice s3cret"}}, 0644);
  const auto result = One();
  EXPECT_EQ(result.outcome, Outcome::kDeferred);
  EXPECT_EQ(result.status, "4.3.5");
  EXPECT_THAT(result.text, HasSubstr("credentials-unavailable"));
  EXPECT_TRUE(server.Records(0).empty());

  // Not what goes to a domain's own hosts: no credentials can be meant.
  store_.Set("bank.test secure");
  resolver_.SetMx("bank.test", MxHosts({{10, "nowhere.bank.test"}}));
  EXPECT_THAT(One().text, Not(HasSubstr("credentials-unavailable")));
}

TEST_F(LoginTest, AServerThatWantsALoginWeDoNotHaveDefers) {
  for (const char* command : {"MAIL", "RCPT", "DATA"}) {
    SCOPED_TRACE(command);
    ServerBehaviour behaviour = Tls(good_);
    behaviour.replies = {{command, "530 5.7.0 authentication required"}};
    ScriptedSmtpServer server(Ordinary(behaviour));
    Route("secure", {&server});
    Write({});
    const auto result = One();
    EXPECT_EQ(result.outcome, Outcome::kDeferred);
    EXPECT_EQ(result.status, "4.7.0");
    EXPECT_THAT(result.text, HasSubstr("auth-required"));
    EXPECT_THAT(result.text, HasSubstr("530 5.7.0 authentication required"));
  }
}

TEST_F(LoginTest, LookingNeverLogsIn) {
  ScriptedSmtpServer server(Ordinary(Relay(good_)));
  Route("secure", {&server});
  Write({{Hop(server), "alice s3cret"}});
  const Planned planned = with_credentials_.MakePlan(
      TestDomain("bank.test"), NextHop::Parse("bank.test").value(),
      Deadline::After(seconds(20)));
  const Plan& plan = std::get<Plan>(planned);
  ConnectRequest look;
  look.basis = Basis::kProbe;
  Connection found =
      with_credentials_.Connect(plan, plan.hosts[0], plan.hosts[0].facts.ips[0],
                                look, Deadline::After(seconds(20)));
  EXPECT_TRUE(found.verdict.pass());
  found.session->Quit();
  EXPECT_EQ(Count(server.Records(), "AUTH"), 0u);
}

}  // namespace
}  // namespace postern
