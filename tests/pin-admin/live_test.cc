// tests/pin-admin/live_test.cc
//
// probe, check, explain and --from-live against servers in this process, by
// address: no DNS is needed, and nothing leaves the machine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <thread>

#include "core/clock/budgets.h"
#include "core/x509/digest.h"
#include "tests/pin-admin/run_pin_admin.h"
#include "tests/testlib/scripted_smtp_server.h"

namespace postern {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class LiveTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(store_.path("trust"));
    std::filesystem::permissions(store_.path("trust"),
                                 std::filesystem::perms(0755));
    store_.Write("trust/ca.pem", authority_.certificate.pem());
    std::filesystem::copy(store_.path("trust/ca.pem"), store_.path("ca.pem"));
    // A line for `*` too: addresses are looked at by their own lines.
    store_.Good({"init"});
  }

  static ServerBehaviour Behaviour(const ServerTls& tls) {
    ServerBehaviour behaviour;
    behaviour.tls = tls;
    return behaviour;
  }
  static std::string HopOf(const ScriptedSmtpServer& server) {
    return "[127.0.0.1]:" + std::to_string(server.port().value);
  }

  TestStore store_;
  const TestAuthority authority_ = TestAuthority::Make("Test CA");
  const TestKey key_ = TestKey::Generate();
  const TestCertificate certificate_ = MakeSelfSigned(ForHost("mx.test"), key_);
};

TEST_F(LiveTest, ProbeShowsWhatTheServerShows) {
  ScriptedSmtpServer server(Ordinary(Behaviour(Presenting(certificate_))));
  const Ran ran = store_.Run({"probe", HopOf(server), "--json"});
  const Json json = ran.json();
  ASSERT_EQ(json["hosts"].size(), 1u) << ran.out << ran.err;
  const Json& host = (*json["hosts"].array())[0];
  ASSERT_EQ(host["addresses"].size(), 1u);
  const Json& look = (*host["addresses"].array())[0]["with_sni"];
  EXPECT_EQ(look["protocol"].text(), "TLSv1.3");
  const Json& leaf = (*look["chain"].array())[0];
  EXPECT_EQ(leaf["spki_sha256"].text(), ToHex(key_.spki_hash()));
  EXPECT_EQ((*leaf["names"].array())[0].text(), "mx.test");
  for (const ConnectionRecord& record : server.Records()) {
    EXPECT_FALSE(record.Saw("MAIL"));
    EXPECT_TRUE(record.Saw("QUIT"));
  }
  const Ran text = store_.Run({"probe", HopOf(server)});
  EXPECT_THAT(text.out, HasSubstr(ToHex(key_.spki_hash())));
  EXPECT_THAT(text.out, HasSubstr("mx.test"));
}

TEST_F(LiveTest, ProbeSaysWhenThereIsNoTls) {
  ScriptedSmtpServer server(Ordinary());
  const Ran ran = store_.Run({"probe", HopOf(server), "--json"});
  EXPECT_EQ(ran.status, 1) << ran.out << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("starttls-not-supported"));
}

TEST_F(LiveTest, ProbeOfNobodyCouldNotFindOut) {
  std::string hop;
  {
    ScriptedSmtpServer server(Ordinary());
    hop = HopOf(server);
  }
  const Ran ran = store_.Run({"probe", hop});
  EXPECT_EQ(ran.status, 4) << ran.out << ran.err;
}

TEST_F(LiveTest, AServersNamesCannotDriveTheTerminal) {
  CertificateSpec spec = ForHost("mx.test");
  spec.common_name = "evil\033[2Jname";
  spec.dns_names.push_back("evil\033]0;title\007.test");
  ScriptedSmtpServer server(
      Ordinary(Behaviour(Presenting(MakeSelfSigned(spec, key_)))));
  const Ran ran = store_.Run({"probe", HopOf(server)});
  EXPECT_EQ(ran.out.find('\033'), std::string::npos);
  EXPECT_EQ(ran.out.find('\007'), std::string::npos);
}

TEST_F(LiveTest, FromLiveShowsAndTakesNothingUnconfirmed) {
  ScriptedSmtpServer server(Ordinary(Behaviour(Presenting(certificate_))));
  const std::string hop = HopOf(server);
  store_.Good({"policy", "set", hop, "fingerprint"});
  const std::string before = store_.Content();

  const Json shown =
      store_.GoodJson({"pin", "add", hop, "--from-live", "--dry-run"});
  ASSERT_EQ(shown["keys_seen"].size(), 1u);
  const Json& key = (*shown["keys_seen"].array())[0];
  EXPECT_EQ(key["pin"]["digest"].text(), ToHex(key_.spki_hash()));
  EXPECT_EQ(key["vouched_for_by"].size(), 0u);

  const Ran yes = store_.Run({"pin", "add", hop, "--from-live", "--yes"});
  EXPECT_EQ(yes.status, 1) << yes.out << yes.err;
  EXPECT_THAT(yes.err, HasSubstr("Compare"));
  EXPECT_EQ(store_.Run({"pin", "add", hop, "--from-live"}).status, 2);
  EXPECT_EQ(store_.Content(), before);
}

TEST_F(LiveTest, FromLivePinsWhatAPersonHasCompared) {
  ScriptedSmtpServer server(Ordinary(Behaviour(Presenting(certificate_))));
  const std::string hop = HopOf(server);
  store_.Good({"policy", "set", hop, "fingerprint"});
  EXPECT_EQ(
      store_.OnTerminal({"pin", "add", hop, "--from-live"}, "no\n").status, 1);
  EXPECT_EQ(store_.GoodJson({"pin", "list"})["pins"].size(), 0u);

  const Ran ran =
      store_.OnTerminal({"pin", "add", hop, "--from-live"}, "yes\n");
  EXPECT_EQ(ran.status, 0) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("nothing vouches for this key"));
  EXPECT_THAT(ran.out, HasSubstr("compared the digest"));
  const Json pins = store_.GoodJson({"pin", "list"});
  ASSERT_EQ(pins["pins"].size(), 1u);
  EXPECT_EQ((*pins["pins"].array())[0]["digest"].text(),
            ToHex(key_.spki_hash()));
  const Ran check = store_.OnTerminal({"check", hop}, "");
  EXPECT_EQ(check.status, 0) << check.out;
}

TEST_F(LiveTest, CheckFollowsAChangeOfKeys) {
  const TestKey next = TestKey::Generate();
  const TestCertificate renewed = MakeSelfSigned(ForHost("mx.test"), next);
  ScriptedSmtpServer old_server(Ordinary(Behaviour(Presenting(certificate_))));
  ScriptedSmtpServer new_server(Ordinary(Behaviour(Presenting(renewed))));
  for (const ScriptedSmtpServer* server : {&old_server, &new_server}) {
    store_.Good({"policy", "set", HopOf(*server), "fingerprint"});
    store_.Good({"pin", "add", HopOf(*server), "--digest",
                 ToHex(key_.spki_hash()), "--label", "old"});
  }
  const Ran good = store_.Run({"check", HopOf(old_server)});
  EXPECT_EQ(good.status, 0) << good.out << good.err;

  const Ran no = store_.Run({"check", HopOf(new_server)});
  EXPECT_EQ(no.status, 1) << no.out << no.err;
  EXPECT_THAT(no.out, HasSubstr("pin-mismatch"));

  store_.Good({"pin", "add", HopOf(new_server), "--digest",
               ToHex(next.spki_hash()), "--role", "backup"});
  const Ran backup = store_.Run({"check", HopOf(new_server), "--json"});
  EXPECT_EQ(backup.status, 3) << backup.out << backup.err;
  EXPECT_THAT(backup.out, HasSubstr("backup-key"));
  EXPECT_EQ(store_.Run({"check", "--nagios", "--here"}).status, 1);
  const Ran alone = store_.Run({"check", "--nagios"});
  EXPECT_EQ(alone.status, 2) << "nobody sends mail";
  EXPECT_THAT(
      alone.out,
      testing::StartsWith("POSTERN CRITICAL - the service doesn't answer: "));

  store_.Good({"pin", "promote", HopOf(new_server),
               ToHex(next.spki_hash()).substr(0, 8)});
  EXPECT_EQ(store_.Run({"check"}).status, 0);
  for (const ConnectionRecord& record : new_server.Records()) {
    EXPECT_FALSE(record.Saw("MAIL"));
  }
}

TEST_F(LiveTest, ExplainWithoutTheServiceComputesAndSaysSo) {
  store_.Good({"policy", "set", "[127.0.0.1]", "fingerprint"});
  store_.Good({"pin", "add", "[127.0.0.1]", "--digest", std::string(64, 'a')});
  const Ran ran = store_.Run({"explain", "[127.0.0.1]"});
  EXPECT_EQ(ran.status, 0) << ran.out << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("The service could not be asked"));
  EXPECT_THAT(ran.out, HasSubstr("Computed here"));
  EXPECT_THAT(store_.Run({"explain", "[127.0.0.1]", "--here"}).out,
              testing::Not(HasSubstr("could not be asked")));
  EXPECT_THAT(ran.out, HasSubstr("fingerprint"));
  const Json json = store_.GoodJson({"explain", "[127.0.0.1]"});
  EXPECT_EQ(json["answered_by"].text(), "pin-admin");
  EXPECT_EQ(json["plan"]["hosts"].size(), 1u);
}

// Answers one question at the query door and notes who asked what.
class FakeService {
 public:
  FakeService(const std::string& path, std::string reply)
      : reply_(std::move(reply)),
        listener_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    if (bind(listener_, generic, sizeof address) != 0 ||
        listen(listener_, 5) != 0 || chmod(path.c_str(), 0666) != 0) {
      std::abort();
    }
    thread_ = std::thread([this] { Serve(); });
  }
  ~FakeService() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  FakeService(const FakeService&) = delete;
  FakeService& operator=(const FakeService&) = delete;

  struct Asked {
    uid_t who = 0;
    std::string line;
  };
  Asked Wait() { return asked_.get_future().get(); }

 private:
  void Serve() {
    const int fd = accept(listener_, nullptr, nullptr);
    if (fd < 0) return;
    ucred peer{};
    socklen_t size = sizeof peer;
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
    Say(fd, "postern 1 ready\n");
    std::string line;
    char c = 0;
    while (read(fd, &c, 1) == 1 && c != '\n') line += c;
    Say(fd, reply_ + "\n");
    close(fd);
    asked_.set_value({peer.uid, line});
  }
  static void Say(int fd, std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = write(fd, text.data(), text.size());
      if (count <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  const std::string reply_;
  const int listener_;
  std::promise<Asked> asked_;
  std::thread thread_;
};

// Nobody answers there: the line that holds is known all the same.
TEST_F(LiveTest, ExplainOfAFailedLookupShowsTheLineAndCouldNotFindOut) {
  const std::vector<std::string> unreachable{"explain",
                                             "bank.example",
                                             "--here",
                                             "--set",
                                             "dns-forwarders=127.0.0.1@9",
                                             "--set",
                                             "dns-timeout=1s"};
  store_.Good({"policy", "set", ".example", "secure"});
  const Ran mx = store_.Run(unreachable);
  EXPECT_EQ(mx.status, 4) << mx.out;
  // Who asked for no text is told why all the same.
  std::vector<std::string> quiet = unreachable;
  quiet.emplace_back("-q");
  const Ran silent = store_.Run(quiet);
  EXPECT_EQ(silent.status, 4);
  EXPECT_EQ(silent.out, "");
  EXPECT_THAT(silent.err, HasSubstr("dns-lookup-failed"));
  EXPECT_THAT(mx.out, HasSubstr(".example secure\n   the line of .example"));
  EXPECT_THAT(mx.out, HasSubstr("dns-lookup-failed"));

  // All hosts there are could not be looked up: still no "no".
  store_.Good(
      {"policy", "set", "bank.example", "secure", "route=[relay.example]"});
  const Ran host = store_.Run(unreachable);
  EXPECT_EQ(host.status, 4) << host.out;
  EXPECT_THAT(host.out, HasSubstr("the line of bank.example"));
  EXPECT_THAT(host.out, HasSubstr("No host can be used"));
}

TEST_F(LiveTest, AsksTheServiceAndNotAsRoot) {
  FakeService service(
      store_.path("query"),
      R"(ok {"plan":{"recipient":"bank.example","line":)"
      R"("bank.example secure","origin":"bank.example",)"
      R"("hosts":[{"host":"mx.bank.example","failure":null,)"
      R"("refused":null,"notes":["weak: mx"]}]},"verdict":null})");
  const Json json = store_.GoodJson({"explain",
                                     "B\xc3\xbc"
                                     "cher.example"});
  EXPECT_EQ(json["answered_by"].text(), "service");
  EXPECT_EQ(json["plan"]["origin"].text(), "bank.example");
  const FakeService::Asked asked = service.Wait();
  EXPECT_THAT(asked.line, StartsWith("explain domain="));
  EXPECT_NE(asked.who, 0u);
}

TEST_F(LiveTest, ExplainShowsWhatIsPublishedAndWarnsOfAWeakerLine) {
  const std::string answer =
      R"(ok {"plan":{"recipient":"bank.example","line":"* may","origin":"*",)"
      R"("hosts":[{"host":"mx.bank.example","failure":null,"refused":null,)"
      R"("address_security":"secure","records":[{"source":"mta-sts",)"
      R"("what":"a name of mx.bank.example"}],"published_policies":[)"
      R"({"type":"tlsa","domain":"mx.bank.example","text":["3 1 1 00ff"],)"
      R"("mx_patterns":[],"mode":"","id":"","result":"pass","detail":""},)"
      R"({"type":"sts","domain":"bank.example","text":["version: STSv1"],)"
      R"("mx_patterns":["*.bank.example"],"mode":"testing","id":"7",)"
      R"("result":"pass","detail":"fetched 3 h ago"},)"
      R"({"type":"sts","domain":"hop.example","text":[],"mx_patterns":[],)"
      R"("mode":"","id":"","result":"sts-policy-fetch-error",)"
      R"("detail":"404"}],"weaker":"it publishes dane"}]},"verdict":null})";
  FakeService service(store_.path("query"), answer);
  const Ran ran = store_.Run({"explain", "bank.example"});
  EXPECT_EQ(ran.status, 3) << ran.err;
  for (const char* shown :
       {"(addresses secure)", "published TLSA of mx.bank.example", "3 1 1 00ff",
        "published MTA-STS of bank.example, mode testing, id 7, mx "
        "*.bank.example (fetched 3 h ago)",
        "hop.example: sts-policy-fetch-error: 404",
        "nothing depends on it: mta-sts", "weaker: it publishes dane"}) {
    EXPECT_THAT(ran.out, HasSubstr(shown));
  }
}

TEST_F(LiveTest, WhatTheServiceRefusesIsNotComputedHereInstead) {
  FakeService service(store_.path("query"),
                      "error 4.3.2 service-busy: all hands are full");
  const Ran ran = store_.Run({"explain", "bank.example"});
  EXPECT_EQ(ran.status, 4) << ran.out;
  EXPECT_THAT(ran.err, HasSubstr("service-busy"));
}

TEST_F(LiveTest, DoctorDoesNotTakeARefusalForAServiceThatIsDown) {
  FakeService service(store_.path("query"),
                      "error 4.3.5 client-not-allowed: uid 65534");
  const Ran ran = store_.Run({"doctor", "--no-mta", "--no-dns"});
  EXPECT_THAT(ran.out, HasSubstr("[service-refuses]"));
  EXPECT_THAT(ran.out, HasSubstr("sudo pin-admin doctor"));
  EXPECT_EQ(ran.out.find("all mail is deferred"), std::string::npos) << ran.out;
}

TEST_F(LiveTest, AnAnswerThatIsNoJsonIsAnError) {
  FakeService service(store_.path("query"), "ok {\"plan\":");
  EXPECT_EQ(store_.Run({"explain", "bank.example"}).status, 4);
}

TEST_F(LiveTest, RecordsThatAreNotThereYetAreNotAnError) {
  EXPECT_EQ(store_.GoodJson({"observations"})["observations"].size(), 0u);
  EXPECT_EQ(store_.GoodJson({"audit"})["verdicts"].size(), 0u);
  const Ran ran = store_.Run({"explain", "4Zb1cD2eF3z"});
  EXPECT_EQ(ran.status, 1);
  EXPECT_THAT(ran.err, HasSubstr("4Zb1cD2eF3z"));
}

TEST_F(LiveTest, PluginsAndPostfixNeedNoStore) {
  const TestStore empty;
  const Json plugins = empty.GoodJson({"plugins"});
  ASSERT_GE(plugins["plugins"].size(), 2u);
  EXPECT_TRUE(*(*plugins["plugins"].array())[0]["enabled"].boolean());

  const Json json = empty.GoodJson({"config", "postfix"});
  const std::string master(json["master_cf"].text());
  EXPECT_THAT(master, HasSubstr("flags=q. eol=\\r\\n null_sender= user="));
  EXPECT_THAT(master, HasSubstr(" -- ${nexthop} ${queue_id} ${sender} "
                                "${recipient}\n"));
  const std::string main(json["main_cf"].text());
  EXPECT_THAT(main, HasSubstr("postern_destination_recipient_limit = 1\n"));
  // Above the sum of our own deadlines, or pipe(8) bounces what still runs.
  const std::string name = "\npostern_time_limit = ";
  const std::size_t at = main.find(name);
  ASSERT_NE(at, std::string::npos);
  EXPECT_GT(std::stol(main.substr(at + name.size())),
            (kTransportBudget + kBudgetSlack).count());
  EXPECT_THAT(main, HasSubstr("50 minutes (total-timeout)"));
  EXPECT_THAT(main, HasSubstr("transport_maps"));
}

}  // namespace
}  // namespace postern
