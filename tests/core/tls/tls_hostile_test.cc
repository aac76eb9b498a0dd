// The handshake with servers that are broken, old or hostile: it ends, in time,
// with an Error that says why, and no connection comes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "tests/core/tls/tls_fixture.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

// How the handshake with such a server ends; needs it to fail.
Error Failure(const ServerScript& script, const TlsParameters& parameters = {},
              const TlsLimits& limits = {}) {
  ScriptedSmtpServer server(script);
  const ClientSocket socket(server);
  auto connection = Handshake(socket, parameters, limits);
  if (connection.ok()) {
    ADD_FAILURE() << "the handshake succeeded";
    return Error{Reason::kOk, ""};
  }
  return connection.error();
}

// A ServerHello of TLS 1.2 and below, alone in its record.
std::string ServerHello(char minor, const std::string& suite,
                        const std::string& extensions) {
  const auto u16 = [](std::size_t n) {
    return std::string{static_cast<char>(n >> 8), static_cast<char>(n & 0xff)};
  };
  std::string body = std::string("\x03") + minor + std::string(32, 'r') +
                     std::string(1, '\0') + suite + std::string(1, '\0');
  if (!extensions.empty()) body += u16(extensions.size()) + extensions;
  const std::string message =
      std::string("\x02\0", 2) + u16(body.size()) + body;
  return std::string("\x16\x03") + minor + u16(message.size()) + message;
}

ServerScript Answers(std::string octets) {
  return [octets = std::move(octets)](ServerConnection& connection) {
    connection.Say(octets);
    connection.WaitForHangup();
  };
}

// TLS-01
TEST(TlsHostileTest, NeverSpeaksLessThanTls12) {
  ServerTls old = Speaking(TLS1_1_VERSION);
  EXPECT_EQ(Failure(ShakesHands(old)).reason(), Reason::kTlsHandshakeFailed);
  for (const char minor : {'\x00', '\x01', '\x02'}) {
    const Error error = Failure(Answers(ServerHello(
        minor, "\xc0\x2f", std::string("\xff\x01\x00\x01\x00", 5))));
    EXPECT_EQ(error.reason(), Reason::kTlsHandshakeFailed);
    EXPECT_THAT(error.detail(), HasSubstr("protocol"));
  }
}

// TLS-04
TEST(TlsHostileTest, RefusesAServerWithoutSecureRenegotiation) {
  const Error error = Failure(Answers(
      ServerHello('\x03', "\xc0\x2f", std::string("\x00\x17\x00\x00", 4))));
  EXPECT_EQ(error.reason(), Reason::kTlsHandshakeFailed);
  EXPECT_THAT(error.detail(), HasSubstr("renegotiation"));
}

// TLS-04
TEST(TlsHostileTest, RefusesAServerWithoutTheExtendedMasterSecretIfToldTo) {
  ServerTls tls = Speaking(TLS1_2_VERSION);
  tls.extended_master_secret = false;
  ScriptedSmtpServer server(ShakesHands(tls));
  TlsLimits strict;
  strict.require_extended_master_secret = true;
  const ClientSocket refused(server);
  const auto result = Handshake(refused, {}, strict);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error().detail(), HasSubstr("extended master secret"));

  const ClientSocket accepted(server);
  EXPECT_TRUE(Handshake(accepted).ok());
}

// TLS-05
TEST(TlsHostileTest, RefusesWeakCiphersKeysAndAnonymousServers) {
  ServerTls anonymous;
  anonymous.max_protocol = TLS1_2_VERSION;
  ServerTls null_cipher = Speaking(TLS1_2_VERSION);
  null_cipher.ciphers = "eNULL:@SECLEVEL=0";
  ServerTls small_group = Speaking(TLS1_2_VERSION);
  small_group.groups = "secp192r1";
  small_group.ciphers = "ECDHE:@SECLEVEL=0";
  // OpenSSL's server takes a group as strong as its key.
  ServerTls small_dh =
      Presenting(MakeSelfSigned(ForHost("mx.example"), TestKey::Rsa(1024)));
  small_dh.max_protocol = TLS1_2_VERSION;
  small_dh.ciphers = "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0";
  const struct {
    const char* what;
    ServerTls tls;
  } cases[] = {{"no certificate", anonymous},
               {"ephemeral DH of 1024 bits", small_dh},
               {"no encryption", null_cipher},
               {"a curve of 192 bits", small_group}};
  TlsParameters everything;
  everything.ciphers = "medium";  // the widest there is
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    EXPECT_EQ(Failure(ShakesHands(c.tls), everything).reason(),
              Reason::kTlsHandshakeFailed);
  }
}

// STLS-01
TEST(TlsHostileTest, RefusesGarbageInPlaceOfAHandshake) {
  for (const char* garbage :
       {"220 hello\r\n", "garbage garbage garbage\r\n", "\x16", "\x15\x03\x03",
        "HTTP/1.0 400 Bad Request\r\n\r\n"}) {
    SCOPED_TRACE(garbage);
    const Error error = Failure([&](ServerConnection& connection) {
      connection.Say(garbage);
      // A short one could still become something; then the server leaves.
    });
    EXPECT_EQ(error.reason(), Reason::kTlsHandshakeFailed);
    EXPECT_EQ(error.detail().find('\r'), std::string::npos);
  }
}

TEST(TlsHostileTest, ACutAnywhereInTheHandshakeIsAFailure) {
  // Its signatures are always of the same length, and so is the handshake.
  const TestCertificate certificate =
      MakeSelfSigned(ForHost("mx.example"), TestKey::Ed25519());
  for (const int protocol : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    ServerTls tls = Presenting(certificate);
    tls.min_protocol = tls.max_protocol = protocol;
    std::size_t whole = 0;
    {
      ScriptedSmtpServer server(ShakesHands(tls));
      {
        const ClientSocket socket(server);
        ASSERT_TRUE(Handshake(socket).ok());
      }
      whole = server.Records().front().tls_octets_sent;
    }
    ASSERT_GT(whole, 500U);
    for (std::size_t octets = 0; octets < whole;
         octets += octets < 16 || octets + 16 > whole ? 1 : 37) {
      SCOPED_TRACE(octets);
      tls.cut_after = octets;
      EXPECT_EQ(Failure(ShakesHands(tls)).reason(),
                Reason::kTlsHandshakeFailed);
    }
  }
}

TEST(TlsHostileTest, RefusesGarbageAsACertificate) {
  ServerTls tls = Speaking(TLS1_2_VERSION);
  tls.tamper = [](std::string& out) {
    const std::string plain(Server().der.begin(), Server().der.end());
    const std::size_t at = out.find(plain);
    if (at != std::string::npos) out[at] = '\x04';
  };
  EXPECT_EQ(Failure(ShakesHands(tls)).reason(), Reason::kTlsHandshakeFailed);
}

TEST(TlsHostileTest, BoundsTheCertificates) {
  CertificateSpec spec = ForHost("mx.example");
  for (int i = 0; i < 2000; ++i) {
    spec.dns_names.push_back("a-rather-long-name-" + std::to_string(i) +
                             ".example");
  }
  const std::vector<DerCertificate> many(3, MakeSelfSigned(spec).der);
  ASSERT_GT(3 * many.front().size(), 120'000U);
  for (const int protocol : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    ServerTls tls = Presenting(Server(), many);
    tls.min_protocol = tls.max_protocol = protocol;
    const Error error = Failure(ShakesHands(tls));
    EXPECT_EQ(error.reason(), Reason::kTlsHandshakeFailed);
    EXPECT_THAT(error.detail(), HasSubstr("excessive message size"));
  }
}

TEST(TlsHostileTest, BoundsTheHandshakeAsAWhole) {
  TlsLimits small;
  small.max_handshake_octets = 300;
  EXPECT_THAT(Failure(ShakesHands(Presenting(Server())), {}, small).detail(),
              HasSubstr("too much"));
}

TEST(TlsHostileTest, ASilentServerIsLeftAtTheDeadline) {
  ScriptedSmtpServer server(
      [](ServerConnection& connection) { connection.WaitForHangup(); });
  const ClientSocket socket(server);
  const TlsClient client;
  const auto connection = client.Connect(
      socket.fd(), {}, Deadline::After(milliseconds(30)), Cancellation{});
  ASSERT_FALSE(connection.ok());
  EXPECT_EQ(connection.error().reason(), Reason::kConnectionTimeout);
}

TEST(TlsHostileTest, HalfARecordIsLeftAtTheDeadline) {
  ScriptedSmtpServer server([](ServerConnection& connection) {
    // The header of a record of 16 KB, and the first octet of it.
    connection.Say(std::string("\x16\x03\x03\x40\x00\x02", 6));
    connection.WaitForHangup();
  });
  const ClientSocket socket(server);
  const TlsClient client;
  const auto connection = client.Connect(
      socket.fd(), {}, Deadline::After(milliseconds(30)), Cancellation{});
  ASSERT_FALSE(connection.ok());
  EXPECT_EQ(connection.error().reason(), Reason::kConnectionTimeout);
}

// One record at a time, so that whoever reads gets to look at the deadline.
TEST(TlsHostileTest, ARecordWithoutDataEndsTheReadBeforeTheNextRecord) {
  ScriptedSmtpServer server([](ServerConnection& connection) {
    if (!connection.StartTls(Speaking(TLS1_3_VERSION))) return;
    connection.SayKeyUpdate("data");
    connection.WaitForHangup();
  });
  const ClientSocket socket(server);
  const auto connection = Handshake(socket);
  ASSERT_TRUE(connection.ok());
  ASSERT_TRUE(
      WaitForSocket(socket.fd(), SocketReady::kToRead, Soon(), {}).ok());
  std::array<char, 100> block;
  const auto first = (*connection)->TryRead(block);
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(first->has_value());
  const auto second = (*connection)->TryRead(block);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->value_or(0), 4U);
}

TEST(TlsHostileTest, RecordsWithoutDataDoNotOutrunTheDeadline) {
  ScriptedSmtpServer server([](ServerConnection& connection) {
    if (!connection.StartTls(Speaking(TLS1_3_VERSION))) return;
    while (connection.SayKeyUpdate()) {
    }
  });
  const ClientSocket socket(server);
  const auto connection = Handshake(socket);
  ASSERT_TRUE(connection.ok());
  std::array<char, 100> block;
  const auto count =
      (*connection)
          ->Read(block, Deadline::After(milliseconds(50)), Cancellation{});
  ASSERT_FALSE(count.ok());
  EXPECT_EQ(count.error().reason(), Reason::kConnectionTimeout);
}

TEST(TlsHostileTest, StopsAtOnceWhenTheCallerHasGone) {
  ScriptedSmtpServer server(
      [](ServerConnection& connection) { connection.WaitForHangup(); });
  const ClientSocket socket(server);
  std::array<int, 2> caller{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, caller.data()), 0);
  close(caller[1]);
  const TlsClient client;
  const auto called_off = [&](const Cancellation& cancellation) {
    const auto connection =
        client.Connect(socket.fd(), {}, Soon(), cancellation);
    return connection.ok() ? Reason::kOk : connection.error().reason();
  };
  EXPECT_EQ(called_off({.hangup_fd = caller[0]}), Reason::kClientGone);
  EXPECT_EQ(called_off({.stop_fd = caller[0]}), Reason::kServiceStopping);
  close(caller[0]);
}

// SIGPIPE would end this program.
TEST(TlsHostileTest, WritingToAClosedConnectionIsOnlyAnError) {
  ScriptedSmtpServer server([](ServerConnection& connection) {
    if (connection.StartTls(Speaking(TLS1_3_VERSION))) {
      connection.ResetConnection();
    }
  });
  const ClientSocket socket(server);
  const auto connection = Handshake(socket);
  ASSERT_TRUE(connection.ok());
  server.Records();
  const std::string big(1'000'000, 'x');
  Status written = (*connection)->Write(big, Soon(), Cancellation{});
  if (written.ok()) written = (*connection)->Write(big, Soon(), Cancellation{});
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().reason(), Reason::kConnectionLost);
  (*connection)->CloseNotify();
}

}  // namespace
}  // namespace postern
