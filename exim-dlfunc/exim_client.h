// exim-dlfunc/exim_client.h
//
// The questions that postern-exim.so puts to posternd from within Exim, and
// what their answers mean. It decides nothing, and keeps nothing but what the
// connection under way has shown so far, in the process that has the
// connection: Exim forks between routing and delivery, so whatever another
// process noted is forgotten.
//
// Every question has a deadline. No answer, half an answer and any answer that
// is not understood are a denial.
//
// A delivery asks twice: the plan, and one verdict for both of Exim's gates,
// which it opens one right after the other. Its end is told, and not waited
// for.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/service/line_protocol.h"

namespace postern {

// Where a connection goes, as Exim's variables have it:
// "$message_exim_id|$domain|$host|$host_address|$host_port". Any of them may be
// empty: some events have no host, a callout has no message.
struct EximPlace {
  std::string queue_id, domain, host, address, port;

  // Error: not five parts.
  static Result<EximPlace> Parse(std::string_view text);
};

// "Yes", perhaps with a text; or "no" with a line for Exim's log:
// "4.7.5 token: sentence; hint: ...".
struct EximAnswer {
  bool yes = false;
  std::string text;

  static EximAnswer Denied(const Error& error);
};

class EximClient {
 public:
  explicit EximClient(std::string socket) : socket_(std::move(socket)) {}

  // The plan as text for $address_data. "No": the mail has to wait.
  EximAnswer Plan(std::string_view domain, std::string_view next_hop,
                  std::string_view queue_id);

  // An event of the connection. For tls:cert a text vetoes the handshake: where
  // the plan has a client certificate, what posternd says of the chain decides;
  // otherwise the chain is noted for the gate. For the rest it is always empty.
  // `certificate` is base64 or empty.
  std::string OnEvent(std::string_view name, std::string_view data,
                      const EximPlace& place, std::string_view address_data,
                      std::string_view certificate,
                      std::string_view errno_text);

  // The connection as it is now, before MAIL. "No": nothing may be sent. A
  // "yes" to kHost holds for the kMail that follows at once, in this process
  // and of the same connection in the same state; that uses it up.
  struct Tls {
    std::string_view version, cipher, server_name;  // empty: none
    std::string_view leaf;                          // base64
  };
  enum class Stage { kHost, kMail };
  EximAnswer Gate(Stage stage, const EximPlace& place,
                  std::string_view address_data, const Tls& tls);

  // What is to be logged of the last event; empty for nothing.
  const std::string& remark() const { return remark_; }

 private:
  struct Noted {
    pid_t pid = -1;
    std::string host, address;
    std::vector<std::string> chain;  // base64, deepest first
    bool ehlo_seen = false, starttls = false;
    // posternd has been told already how the connection ended.
    bool told = false;
  };
  // The host gate's "yes", until the gate at MAIL.
  struct Passed {
    pid_t pid = -1;
    std::string state;  // all that the question was about
    Deadline until = Deadline::After({});
  };

  // What this process noted of the connection; fresh for another one.
  Noted& Connection(const EximPlace& place);
  std::string OnCertificate(std::string_view depth, const EximPlace& place,
                            std::string_view address_data,
                            std::string_view certificate);
  void Report(std::string_view name, std::string_view data,
              const EximPlace& place, std::string_view address_data,
              std::string_view errno_text);
  EximAnswer Judge(std::string_view stage, const EximPlace& place,
                   std::string_view address_data, const Tls& tls,
                   std::string chain);
  // True once for each "yes" that is there.
  bool TakePassed(const std::string& state);
  Result<Reply> Ask(const Request& request, std::chrono::milliseconds budget);
  // Without waiting for an answer.
  void Tell(const Request& request);

  std::string socket_;
  Noted noted_;
  Passed passed_;
  std::string remark_;
};

}  // namespace postern
