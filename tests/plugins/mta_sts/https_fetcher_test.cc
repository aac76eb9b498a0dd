// tests/plugins/mta_sts/https_fetcher_test.cc
//
// The policy is believed only from the policy host itself: a certificate for
// its name, HTTP status 200, plain text, small and soon. The servers are real,
// in this process; what they saw is looked at too.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "plugins/mta_sts/policy_fetcher.h"
#include "tests/testlib/certificates.h"
#include "tests/testlib/fake_resolver.h"
#include "tests/testlib/scripted_smtp_server.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr const char* kBody =
    "version: STSv1\r\nmode: enforce\r\nmx: mx.d.test\r\nmax_age: 86400\r\n";

std::string Answer(const std::string& status, const std::string& headers,
                   const std::string& body) {
  return "HTTP/1.1 " + status + "\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const std::string kPlain = "Content-Type: text/plain\r\n";

// Speaks TLS, reads one request and says `answer`.
ServerScript Says(ServerTls tls, std::string answer) {
  return [tls, answer](ServerConnection& c) {
    if (!c.StartTls(tls)) return;
    while (const auto line = c.ReadLine()) {
      if (line->empty()) break;
    }
    c.Say(answer);
    c.SayCloseNotify();
    c.HangUp();
  };
}

class HttpsFetcherTest : public testing::Test {
 protected:
  HttpsFetcherTest() {
    std::string name = testing::TempDir() + "/stsXXXXXX";
    directory_ = mkdtemp(name.data());
    std::ofstream(directory_ / "roots.pem") << ca_.certificate.pem();
    resolver_.SetA("mta-sts.d.test", Addresses({"127.0.0.1"}));
  }
  ~HttpsFetcherTest() override { std::filesystem::remove_all(directory_); }

  ServerTls Good() const {
    return Presenting(ca_.Issue(ForHost("mta-sts.d.test")));
  }

  Result<std::string> FetchFrom(const ScriptedSmtpServer& server,
                                bool private_too = true,
                                milliseconds patience = seconds(20)) {
    const auto fetcher =
        MakeHttpsFetcher({(directory_ / "roots.pem").string(),
                          AddressFilter({}, private_too), server.port()},
                         resolver_, clock_);
    return fetcher->Fetch(TestDomain("d.test"), Deadline::After(patience),
                          stop_);
  }
  Result<std::string> Fetch(ServerTls tls, std::string answer) {
    const ScriptedSmtpServer server(Says(std::move(tls), std::move(answer)));
    return FetchFrom(server);
  }

  const TestAuthority ca_ = TestAuthority::Make("Test CA");
  std::filesystem::path directory_;
  FakeResolver resolver_;
  SystemClock clock_;
  std::atomic<bool> stop_{false};
};

// STS-30: the SNI is the policy host's name.
TEST_F(HttpsFetcherTest, GetsThePolicyFromItsPlace) {
  ScriptedSmtpServer server(Says(Good(), Answer("200 OK", kPlain, kBody)));
  const auto body = FetchFrom(server);
  ASSERT_TRUE(body) << body.error().ToString();
  EXPECT_EQ(*body, kBody);
  const auto records = server.Records();
  EXPECT_EQ(records[0].hello.sni, "mta-sts.d.test");
  EXPECT_EQ(records[0].commands.at(0), "GET /.well-known/mta-sts.txt HTTP/1.1");
  EXPECT_THAT(
      resolver_.Questions(),
      testing::UnorderedElementsAre("A mta-sts.d.test", "AAAA mta-sts.d.test"));
}

// STS-12
TEST_F(HttpsFetcherTest, TheCertificateIsThePolicyHostsOwn) {
  CertificateSpec expired = ForHost("mta-sts.d.test");
  expired.not_after = clock_.Now() - std::chrono::hours(1);
  CertificateSpec common_name;
  common_name.common_name = "mta-sts.d.test";
  // RFC 9525 counts a name in the middle of a label for nothing.
  CertificateSpec partial = ForHost("m*.d.test");
  CertificateSpec client = ForHost("mta-sts.d.test");
  client.extensions = {{"extendedKeyUsage", "clientAuth"}};
  const struct {
    const char* what;
    ServerTls tls;
  } cases[] = {
      {"expired", Presenting(ca_.Issue(expired))},
      {"self-signed", Presenting(MakeSelfSigned(ForHost("mta-sts.d.test")))},
      {"common name only", Presenting(ca_.Issue(common_name))},
      {"wrong name", Presenting(ca_.Issue(ForHost("d.test")))},
      // STS-32: the provider's certificate does not do.
      {"provider's", Presenting(ca_.Issue(ForHost("sts.provider.test")))},
      {"partial wildcard", Presenting(ca_.Issue(partial))},
      {"for clients", Presenting(ca_.Issue(client))},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    const auto body = Fetch(c.tls, Answer("200 OK", kPlain, kBody));
    ASSERT_FALSE(body);
    EXPECT_EQ(body.error().reason(), Reason::kStsWebpkiInvalid)
        << body.error().ToString();
  }
  EXPECT_TRUE(Fetch(Presenting(ca_.Issue(ForHost("*.d.test"))),
                    Answer("200 OK", kPlain, kBody)));
}

// STS-13
TEST_F(HttpsFetcherTest, OnlyStatus200Counts) {
  for (const char* const status :
       {"301 Moved", "302 Found", "304 Not Modified", "404 Not Found",
        "204 No Content", "206 Partial Content", "500 Oops"}) {
    SCOPED_TRACE(status);
    ScriptedSmtpServer server(Says(
        Good(),
        Answer(status, kPlain + "Location: https://mta-sts.d.test/other\r\n",
               kBody)));
    const auto body = FetchFrom(server);
    ASSERT_FALSE(body);
    EXPECT_EQ(body.error().reason(), Reason::kStsPolicyFetchError);
    EXPECT_THAT(body.error().detail(), HasSubstr(std::string(status, 3)));
    EXPECT_EQ(server.Records().size(), 1U);  // and nothing was followed
  }
}

// STS-10
TEST_F(HttpsFetcherTest, OnlyPlainTextCounts) {
  for (const char* const type :
       {"text/plain", "Text/Plain; charset=utf-8", "text/plain;x=\"y;z\""}) {
    EXPECT_TRUE(Fetch(
        Good(),
        Answer("200 OK", "Content-Type: " + std::string(type) + "\r\n", kBody)))
        << type;
  }
  for (const char* const type :
       {"Content-Type: text/html\r\n", "", "Content-Type: text/plainx\r\n",
        "Content-Type: application/octet-stream\r\n"}) {
    EXPECT_FALSE(Fetch(Good(), Answer("200 OK", type, kBody))) << type;
  }
}

// STS-14
TEST_F(HttpsFetcherTest, SixtyFourKibibytesAndNoMore) {
  const std::string full(65'536, 'x');
  EXPECT_TRUE(Fetch(Good(), Answer("200 OK", kPlain, full)));
  EXPECT_FALSE(Fetch(Good(), Answer("200 OK", kPlain, full + "x")));
  const auto chunked =
      Fetch(Good(), "HTTP/1.1 200 OK\r\n" + kPlain +
                        "Transfer-Encoding: chunked\r\n\r\n10001\r\n" + full +
                        "x\r\n0\r\n\r\n");
  ASSERT_FALSE(chunked);
  EXPECT_THAT(chunked.error().detail(), HasSubstr("64 KiB"));
  std::string headers = kPlain;
  for (int i = 0; i < 2000; ++i)
    headers += "X: " + std::string(60, 'y') + "\r\n";
  EXPECT_FALSE(Fetch(Good(), Answer("200 OK", headers, kBody)));
}

TEST_F(HttpsFetcherTest, AHalfAnswerIsNone) {
  EXPECT_FALSE(Fetch(Good(), "HTTP/1.1 200 OK\r\n" + kPlain +
                                 "Content-Length: 4000\r\n\r\nversion:"));
  EXPECT_FALSE(Fetch(Good(), ""));
  EXPECT_FALSE(Fetch(Good(), kBody));  // HTTP 0.9
}

// Cut by a bare FIN, or by a close_notify at a place of the server's choice:
// only a length or chunks tell that all is there.
TEST_F(HttpsFetcherTest, AnAnswerTellsItsEnd) {
  const std::string head = "HTTP/1.1 200 OK\r\n" + kPlain;
  for (const bool notified : {true, false}) {
    const ScriptedSmtpServer server(
        [this, head, notified](ServerConnection& c) {
          if (!c.StartTls(Good())) return;
          while (const auto line = c.ReadLine()) {
            if (line->empty()) break;
          }
          c.Say(head + "Connection: close\r\n\r\n" + kBody);
          if (notified) c.SayCloseNotify();
          c.HangUp();
        });
    const auto body = FetchFrom(server);
    ASSERT_FALSE(body);
    EXPECT_EQ(body.error().reason(), Reason::kStsPolicyFetchError);
  }
  const std::string chunk = "5\r\nversi\r\n";
  const auto whole = Fetch(Good(), head + "Transfer-Encoding: Chunked\r\n\r\n" +
                                       chunk + "0\r\n\r\n");
  ASSERT_TRUE(whole) << whole.error().ToString();
  EXPECT_EQ(*whole, "versi");
  EXPECT_FALSE(
      Fetch(Good(), head + "Transfer-Encoding: chunked\r\n\r\n" + chunk));
  EXPECT_FALSE(Fetch(Good(), head + "Transfer-Encoding: identity\r\n\r\n" +
                                 std::string(kBody)));
}

// STS-14: a server that never comes to the point; a stop that can't wait.
TEST_F(HttpsFetcherTest, GivesUpInTimeAndWhenItIsStopped) {
  const auto dawdle = [this](ServerConnection& c) {
    if (!c.StartTls(Good())) return;
    while (const auto line = c.ReadLine()) {
      if (line->empty()) break;
    }
    c.Say("HTTP/1.1 200 OK\r\n" + kPlain + "\r\nversion");
    c.WaitForHangup();
  };
  const ScriptedSmtpServer server(dawdle);
  const auto late = FetchFrom(server, true, milliseconds(300));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().reason(), Reason::kStsPolicyFetchError);

  const auto before = std::chrono::steady_clock::now();
  std::thread stopper([this] { stop_ = true; });
  const auto stopped = FetchFrom(server, true, seconds(19));
  stopper.join();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().reason(), Reason::kServiceStopping);
  EXPECT_LT(std::chrono::steady_clock::now() - before, seconds(15));
}

// STS-31
TEST_F(HttpsFetcherTest, Tls12AtLeast) {
  ServerTls old = Good();
  old.min_protocol = TLS1_VERSION;
  old.max_protocol = TLS1_1_VERSION;
  EXPECT_FALSE(Fetch(old, Answer("200 OK", kPlain, kBody)));
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    ServerTls tls = Good();
    tls.min_protocol = tls.max_protocol = version;
    EXPECT_TRUE(Fetch(tls, Answer("200 OK", kPlain, kBody)));
  }
}

TEST_F(HttpsFetcherTest, NamesOfStrangersDoNotLeadInside) {
  ScriptedSmtpServer server(Says(Good(), Answer("200 OK", kPlain, kBody)));
  const auto body = FetchFrom(server, /*private_too=*/false);
  ASSERT_FALSE(body);
  EXPECT_THAT(body.error().detail(), HasSubstr("private"));
  const AddressFilter own({TestAddress("192.0.2.1")}, true);
  EXPECT_FALSE(own.Allows(TestAddress("192.0.2.1")));
  EXPECT_TRUE(own.Allows(TestAddress("192.0.2.2")));
  const AddressFilter strict({TestAddress("8.8.8.8")}, false);
  EXPECT_FALSE(strict.Allows(TestAddress("8.8.8.8")));
  EXPECT_FALSE(strict.Allows(TestAddress("169.254.169.254")));
  EXPECT_TRUE(strict.Allows(TestAddress("8.8.4.4")));
  EXPECT_TRUE(server.Records(0).empty());
}

TEST_F(HttpsFetcherTest, TheEnvironmentHasNoSay) {
  setenv("https_proxy", "http://127.0.0.1:1", 1);
  setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  EXPECT_TRUE(Fetch(Good(), Answer("200 OK", kPlain, kBody)));
  unsetenv("https_proxy");
  unsetenv("ALL_PROXY");
}

TEST_F(HttpsFetcherTest, WithoutAddressOrTrustThereIsNone) {
  const ScriptedSmtpServer server(
      Says(Good(), Answer("200 OK", kPlain, kBody)));
  resolver_.SetA("mta-sts.d.test", Failed<IpAddress>());
  EXPECT_FALSE(FetchFrom(server));
  resolver_.SetA("mta-sts.d.test", Addresses({"127.0.0.1"}));
  std::filesystem::remove(directory_ / "roots.pem");
  const auto body = FetchFrom(server);
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().reason(), Reason::kTrustStoreUnavailable);
}

}  // namespace
}  // namespace postern
