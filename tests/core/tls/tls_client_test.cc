// The handshake with servers that can be talked to: what is offered, what is
// kept as evidence, and how the connection carries octets and ends.
#include "core/tls/tls_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "tests/core/tls/tls_fixture.h"

namespace postern {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(TlsClientTest, KeepsTheChainOctetForOctetAsSent) {
  const TestAuthority ca = TestAuthority::Make("Test CA");
  const TestCertificate leaf = ca.Issue(ForHost("mx.example"));
  for (const int protocol : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    // Neither sorted nor related: that is for others to judge.
    ServerTls tls = Presenting(leaf, {Server().der, ca.certificate.der});
    tls.min_protocol = tls.max_protocol = protocol;
    ScriptedSmtpServer server(ShakesHands(tls));
    const ClientSocket socket(server);

    const auto connection = Handshake(socket);

    ASSERT_TRUE(connection.ok()) << connection.error().ToString();
    const TlsEvidence& evidence = (*connection)->evidence();
    EXPECT_THAT(evidence.chain(),
                ElementsAre(leaf.der, Server().der, ca.certificate.der));
    EXPECT_EQ(evidence.protocol,
              protocol == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
    EXPECT_FALSE(evidence.cipher.empty());
    EXPECT_EQ(evidence.server_name, "");
  }
}

TEST(TlsClientTest, AcceptsEveryCertificateBecauseJudgingIsLater) {
  CertificateSpec expired = ForHost("other.example");
  expired.not_after = expired.not_before + std::chrono::hours(1);
  const struct {
    const char* what;
    TestCertificate certificate;
  } cases[] = {
      {"expired, another name", MakeSelfSigned(expired)},
      {"RSA with 1024 bits",
       MakeSelfSigned(ForHost("mx.example"), TestKey::Rsa(1024))},
      {"RSA with 512 bits",
       MakeSelfSigned(ForHost("mx.example"), TestKey::Rsa(512))},
      {"SHA-1",
       [] {
         CertificateSpec spec = ForHost("mx.example");
         spec.digest = "sha1";
         return MakeSelfSigned(spec);
       }()},
      {"Ed25519", MakeSelfSigned(ForHost("mx.example"), TestKey::Ed25519())},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    // OpenSSL's own server refuses to sign with the smallest key in TLS 1.3.
    ServerTls tls = Presenting(c.certificate);
    tls.max_protocol = TLS1_2_VERSION;
    ScriptedSmtpServer server(ShakesHands(tls));
    const ClientSocket socket(server);
    const auto connection = Handshake(socket);
    ASSERT_TRUE(connection.ok()) << connection.error().ToString();
    EXPECT_EQ((*connection)->evidence().leaf(), c.certificate.der);
  }
}

TEST(TlsClientTest, SendsTheServerNameAsked) {
  const TestCertificate other = MakeSelfSigned(ForHost("other.example"));
  ServerTls tls = Presenting(Server());
  tls.sni = "other.example";
  tls.sni_chain = {other.der};
  tls.sni_key = other.key;
  ScriptedSmtpServer server(ShakesHands(tls));
  {
    const ClientSocket socket(server);
    TlsParameters parameters;
    parameters.server_name = Domain::Parse("other.example").value();
    const auto connection = Handshake(socket, parameters);
    ASSERT_TRUE(connection.ok()) << connection.error().ToString();
    EXPECT_EQ((*connection)->evidence().leaf(), other.der);
    EXPECT_EQ((*connection)->evidence().server_name, "other.example");
  }
  const ClientSocket socket(server);
  const auto connection = Handshake(socket);
  ASSERT_TRUE(connection.ok());
  EXPECT_EQ((*connection)->evidence().leaf(), Server().der);
}

// TLS-01, TLS-03, TLS-04, TLS-05
TEST(TlsClientTest, OffersNothingBelowTheFloor) {
  TlsParameters everything;
  everything.ciphers = "medium";  // the widest there is
  ScriptedSmtpServer server(ShakesHands(Presenting(Server())));
  {
    const ClientSocket socket(server);
    ASSERT_TRUE(Handshake(socket, everything).ok());
  }
  const ClientHelloRecord hello = server.Records().front().hello;
  EXPECT_EQ(hello.compression, std::string(1, '\0'));
  EXPECT_THAT(hello.extensions, Contains(TLSEXT_TYPE_extended_master_secret));
  EXPECT_THAT(hello.extensions, Not(Contains(TLSEXT_TYPE_session_ticket)));
  EXPECT_THAT(hello.extensions, Not(Contains(TLSEXT_TYPE_early_data)));
  EXPECT_THAT(hello.extensions, Not(Contains(TLSEXT_TYPE_psk)));
  // RFC 5746: the extension, or the suite that stands for it.
  EXPECT_TRUE(
      testing::Matches(Contains(TLSEXT_TYPE_renegotiate))(hello.extensions) ||
      testing::Matches(Contains(0x00ff))(hello.ciphers));
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
      SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()),
                                                      SSL_free);
  EXPECT_GT(hello.ciphers.size(), 10U);
  for (const int id : hello.ciphers) {
    if (id == 0x00ff) continue;
    const std::array<unsigned char, 2> octets = {
        static_cast<unsigned char>(id >> 8),
        static_cast<unsigned char>(id & 0xff)};
    const SSL_CIPHER* cipher = SSL_CIPHER_find(ssl.get(), octets.data());
    ASSERT_NE(cipher, nullptr) << id;
    const std::string name = SSL_CIPHER_get_name(cipher);
    SCOPED_TRACE(name);
    EXPECT_GE(SSL_CIPHER_get_bits(cipher, nullptr), 128);
    EXPECT_NE(SSL_CIPHER_get_auth_nid(cipher), NID_auth_null);
    EXPECT_THAT(name, Not(HasSubstr("DES")));
    EXPECT_THAT(name, Not(HasSubstr("RC4")));
    EXPECT_THAT(name, Not(HasSubstr("NULL")));
    EXPECT_THAT(name, Not(HasSubstr("PSK")));
  }
}

TEST(TlsClientTest, HoldsToTheProtocolsAndCiphersAsked) {
  ScriptedSmtpServer server(ShakesHands(Presenting(Server())));
  const struct {
    TlsParameters parameters;
    const char* protocol;
    const char* cipher;
  } cases[] = {
      {{}, "TLSv1.3", "TLS_AES_256_GCM_SHA384"},
      {{.server_name = {},
        .protocols = "!TLSv1.3",
        .ciphers = "high",
        .exclude = "AES256:CHACHA20:ARIA256:CAMELLIA256",
        .client_cert = "",
        .client_key = ""},
       "TLSv1.2",
       "ECDHE-ECDSA-AES128-GCM-SHA256"},
      {{.server_name = {},
        .protocols = ">=TLSv1.3",
        .ciphers = "",
        .exclude = "TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256",
        .client_cert = "",
        .client_key = ""},
       "TLSv1.3",
       "TLS_AES_128_GCM_SHA256"},
  };
  for (const auto& c : cases) {
    const ClientSocket socket(server);
    const auto connection = Handshake(socket, c.parameters);
    ASSERT_TRUE(connection.ok()) << connection.error().ToString();
    EXPECT_EQ((*connection)->evidence().protocol, c.protocol);
    EXPECT_EQ((*connection)->evidence().cipher, c.cipher);
  }
}

TEST(TlsClientTest, SaysWhichParameterCannotBeUsed) {
  const TlsClient client;
  TlsParameters bad;
  bad.ciphers = "NOSUCHCIPHER";
  EXPECT_EQ(client.Check(bad).error().reason(), Reason::kPolicyInvalid);
  bad = {};
  bad.exclude = "HIGH";
  EXPECT_THAT(client.Check(bad).error().detail(),
              HasSubstr("no usable cipher"));
  bad = {};
  bad.client_cert = "/nonexistent/cert.pem";
  EXPECT_THAT(client.Check(bad).error().detail(), HasSubstr("need each other"));
  bad.client_key = "/nonexistent/key.pem";
  EXPECT_THAT(client.Check(bad).error().detail(),
              HasSubstr("client-cert=/nonexistent/cert.pem"));
  bad = {};
  bad.protocols = "TLSv1.3";
  bad.exclude =
      "TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 "
      "TLS_AES_128_GCM_SHA256";
  EXPECT_EQ(client.Check(bad).error().reason(), Reason::kPolicyInvalid);
  EXPECT_TRUE(client.Check({}).ok());
}

TEST(TlsClientTest, PresentsTheClientCertificateAndNoticesItsRenewal) {
  const std::filesystem::path directory =
      std::filesystem::temp_directory_path() /
      ("postern-tls-test-" + std::to_string(getpid()));
  std::filesystem::create_directory(directory);
  TlsParameters parameters;
  parameters.client_cert = directory / "cert.pem";
  parameters.client_key = directory / "key.pem";
  const auto write = [&](const TestCertificate& certificate) {
    std::ofstream(parameters.client_cert) << certificate.pem();
    std::ofstream(parameters.client_key) << certificate.key.private_pem();
  };
  write(MakeSelfSigned(ForHost("client.example")));
  ServerTls tls = Presenting(Server());
  tls.ask_for_certificate = true;
  {
    ScriptedSmtpServer server(ShakesHands(tls));
    const TlsClient client;
    {
      const ClientSocket socket(server);
      ASSERT_TRUE(
          client.Connect(socket.fd(), parameters, Soon(), Cancellation{}).ok());
    }
    EXPECT_TRUE(server.Records().front().client_certificate);
    // A key that belongs to no certificate: the old pair is not used on.
    std::ofstream(parameters.client_key)
        << TestKey::Generate().private_pem() << "\n";
    EXPECT_EQ(client.Check(parameters).error().reason(),
              Reason::kPolicyInvalid);
    write(MakeSelfSigned(ForHost("a-longer-name.client.example")));
    EXPECT_TRUE(client.Check(parameters).ok());
  }
  std::filesystem::remove_all(directory);
}

// SUB-02
TEST(TlsConnectionTest, CarriesOctetsAndSaysCloseNotify) {
  for (const int protocol : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const std::string big(300'000, 'x');
    ScriptedSmtpServer server([&](ServerConnection& connection) {
      if (!connection.StartTls(Speaking(protocol))) return;
      if (const auto line = connection.ReadLine()) connection.Say(*line);
      connection.Say(big);
      connection.WaitForHangup();
    });
    {
      const ClientSocket socket(server);
      const auto connection = Handshake(socket);
      ASSERT_TRUE(connection.ok());
      const std::string line = big + "\r\n";
      ASSERT_TRUE((*connection)->Write(line, Soon(), Cancellation{}).ok());
      std::vector<char> got;
      std::array<char, 5000> block;
      while (got.size() < 2 * big.size()) {
        const auto count = (*connection)->Read(block, Soon(), Cancellation{});
        ASSERT_TRUE(count.ok()) << count.error().ToString();
        ASSERT_GT(*count, 0U);
        got.insert(got.end(), block.begin(),
                   block.begin() + static_cast<std::ptrdiff_t>(*count));
      }
      EXPECT_EQ(std::string(got.begin(), got.end()), big + big);
      EXPECT_FALSE((*connection)->TryRead(block)->has_value());
      (*connection)->CloseNotify();
      (*connection)->CloseNotify();
    }
    EXPECT_TRUE(server.Records().front().close_notify);
  }
}

// SUB-02
TEST(TlsConnectionTest, TellsAnOrderlyEndFromACut) {
  for (const int protocol : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const bool orderly : {true, false}) {
      ScriptedSmtpServer server([&](ServerConnection& connection) {
        if (connection.StartTls(Speaking(protocol)) && orderly) {
          connection.SayCloseNotify();
        }
      });
      const ClientSocket socket(server);
      const auto connection = Handshake(socket);
      ASSERT_TRUE(connection.ok());
      std::array<char, 100> block;
      const auto count = (*connection)->Read(block, Soon(), Cancellation{});
      ASSERT_EQ(count.ok(), orderly);
      if (orderly) {
        EXPECT_EQ(*count, 0U);
      } else {
        EXPECT_EQ(count.error().reason(), Reason::kConnectionLost);
        EXPECT_THAT(count.error().detail(), HasSubstr("truncated"));
      }
    }
  }
}

// Eight threads, one client: also the test that runs under ThreadSanitizer.
TEST(TlsClientTest, ShakesHandsInManyThreadsAtOnce) {
  ScriptedSmtpServer server(ShakesHands(Presenting(Server())));
  const TlsClient client;
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 5; ++k) {
        TlsParameters parameters;
        parameters.protocols = (i + k) % 2 == 0 ? "TLSv1.2" : "TLSv1.3";
        parameters.ciphers = k % 3 == 0 ? "medium" : "";
        const ClientSocket socket(server);
        const auto connection =
            client.Connect(socket.fd(), parameters, Soon(), Cancellation{});
        if (connection.ok() && (*connection)->evidence().has_certificate()) {
          ++good;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 40);
}

}  // namespace
}  // namespace postern
