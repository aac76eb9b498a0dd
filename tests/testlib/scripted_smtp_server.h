// tests/testlib/scripted_smtp_server.h
//
// An SMTP server in the test's own process, well-behaved or hostile, that
// records what clients really sent: so a test can prove that no MAIL left.
//
//   ScriptedSmtpServer server(Ordinary({.tls = Presenting(certificate)}));
//   … connect to server.address(), server.port() …
//   EXPECT_FALSE(server.Records().front().Saw("MAIL"));
//
//   ScriptedSmtpServer hostile([](ServerConnection& c) {
//     c.Say("220 hello\r\n");
//     c.ReadLine();
//     c.Say("250 STARTTLS\r\n");
//   });
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/names/ip_address.h"
#include "tests/testlib/server_tls.h"

namespace postern {

// What one client did.
struct ConnectionRecord {
  std::vector<std::string> commands;  // lines, without their ends
  std::vector<std::string> messages;  // wire form, without the final dot
  std::string unfinished;             // a message that no dot ended
  ClientHelloRecord hello;
  bool encrypted = false;           // the handshake succeeded for the server
  std::size_t tls_octets_sent = 0;  // until the handshake was done
  bool client_certificate = false;
  // How the client ended it: with close_notify, or (over TLS) without.
  bool close_notify = false;
  bool hung_up = false;

  // True if a command began so, in any case.
  bool Saw(std::string_view verb) const;
};

// The server's end of one connection. Everything blocks, for 20 seconds at
// most; once the client is gone reading gives nothing and writing does nothing.
class ServerConnection {
 public:
  explicit ServerConnection(int fd) : fd_(fd) {}

  void Say(std::string_view octets);
  // Past TLS, onto the wire. False once nothing more can be sent.
  bool SayRaw(std::string_view octets);
  // The next line; nothing at the end.
  std::optional<std::string> ReadLine();
  // Up to the final dot. False if the client hung up first.
  bool ReadMessage();
  // The server's half of the handshake. False where it failed or was cut.
  bool StartTls(const ServerTls& tls);
  // Sends a KeyUpdate, a TLS record that carries no data, and `then` right
  // behind it. False as SayRaw().
  bool SayKeyUpdate(std::string_view then = {});
  // Reads and forgets until the client has ended the connection.
  void WaitForHangup();
  void SayCloseNotify();
  // The end now, with or without a TCP reset.
  void HangUp();
  void ResetConnection();

  ConnectionRecord& record() { return record_; }

 private:
  friend class ScriptedSmtpServer;
  bool ReceiveRaw(std::string& into);  // false at the end
  bool Receive();                      // into buffer_, decrypted
  bool Flush();

  const int fd_;
  std::string buffer_;
  std::unique_ptr<ServerTlsEngine> tls_;
  std::optional<std::size_t> cut_after_;
  ConnectionRecord record_;
};

using ServerScript = std::function<void(ServerConnection&)>;

struct ServerBehaviour {
  std::string greeting = "220 mx.test ESMTP";
  std::vector<std::string> keywords = {"PIPELINING", "SIZE 10485760",
                                       "8BITMIME", "SMTPUTF8",
                                       "ENHANCEDSTATUSCODES"};
  std::optional<ServerTls> tls = std::nullopt;  // offers STARTTLS
  bool wrapper = false;                         // TLS from the first octet
  // The start of a command in capitals ("RCPT TO:<a@b.test>", "STARTTLS"; "."
  // for the message) and the reply to it, several lines with CRLF between. The
  // longest start wins. After 354 to DATA a message is read, after 421 the
  // server hangs up.
  std::map<std::string, std::string> replies = {};
};

// A server that does what RFC 5321 says, but for `replies`.
ServerScript Ordinary(ServerBehaviour behaviour = {});

// Listens on a loopback address from construction to destruction; each
// connection runs the script in a thread of its own.
class ScriptedSmtpServer {
 public:
  explicit ScriptedSmtpServer(ServerScript script,
                              const std::string& address = "127.0.0.1");
  ~ScriptedSmtpServer();

  const IpAddress& address() const { return address_; }
  Port port() const { return port_; }
  // Waits until `at_least` clients have come and every connection so far has
  // run its script, and gives what each of them recorded, in the order in which
  // they came. Ends the program if they don't come: a test that expects nobody
  // says Records(0).
  std::vector<ConnectionRecord> Records(std::size_t at_least = 1);

 private:
  struct Connection {
    explicit Connection(int descriptor) : fd(descriptor), end(descriptor) {}
    int fd;
    ServerConnection end;
    std::thread thread;
  };
  void Accept();

  const ServerScript script_;
  const IpAddress address_;
  Port port_;
  int listener_ = -1;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::condition_variable came_;
  std::list<Connection> connections_;
  std::thread acceptor_;
};

}  // namespace postern
