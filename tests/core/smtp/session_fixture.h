// What the tests of SmtpSession share.
#pragma once

#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "core/smtp/smtp_session.h"
#include "tests/testlib/scripted_smtp_server.h"

namespace postern {

inline Deadline Soon() { return Deadline::After(std::chrono::seconds(15)); }

inline SessionOptions Options() {
  SessionOptions options;
  options.helo = "client.test";
  return options;
}

inline const TestCertificate& MxCertificate() {
  static const TestCertificate made = MakeSelfSigned(ForHost("mx.test"));
  return made;
}

inline ServerBehaviour WithTls(
    std::map<std::string, std::string> replies = {}) {
  ServerBehaviour behaviour;
  behaviour.tls = Presenting(MxCertificate());
  behaviour.replies = std::move(replies);
  return behaviour;
}

inline const Envelope kOne{"a@client.test", {"b@mx.test"}, "QID"};
inline const Envelope kThree{
    "", {"b@mx.test", "c@mx.test", "d@mx.test"}, "QID"};

using Opened = std::variant<std::unique_ptr<SmtpSession>, SmtpFailure>;

// Has its own TlsClient, which outlives the sessions of a test.
inline Opened Open(const ScriptedSmtpServer& server,
                   const SessionOptions& options = Options(),
                   Deadline deadline = Soon()) {
  static const TlsClient tls;
  return SmtpSession::Open(server.address(), server.port(), options, tls,
                           deadline);
}

// Opened and past EHLO; null (and a failed test) otherwise.
std::unique_ptr<SmtpSession> Greeted(const ScriptedSmtpServer& server,
                                     const SessionOptions& options = Options());

// A message that is a string in wire form.
class TextMessage final : public Message {
 public:
  explicit TextMessage(std::string text) : text_(std::move(text)) {}
  std::uint64_t size() const override { return text_.size() + missing; }
  bool has_8bit() const override { return eight_bit; }
  bool has_utf8_header() const override { return utf8_header; }
  bool ends_with_crlf() const override { return text_.ends_with("\r\n"); }
  Result<std::size_t> Read(std::uint64_t offset,
                           std::span<char> into) const override {
    if (before_read) before_read();
    if (unreadable) return Error{Reason::kInternal, "the spool is gone"};
    const std::size_t count =
        offset >= text_.size()
            ? 0
            : std::min<std::size_t>(into.size(), text_.size() - offset);
    std::memcpy(into.data(), text_.data() + offset, count);
    return count;
  }

  bool eight_bit = false;
  bool utf8_header = false;
  bool unreadable = false;
  std::uint64_t missing = 0;  // octets that size() claims and Read() lacks
  std::function<void()> before_read;

 private:
  std::string text_;
};

// Both ends of a caller's connection to us.
class Caller {
 public:
  Caller();
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;
  ~Caller();
  Cancellation cancellation() const { return {ours_}; }
  void HangUp();

 private:
  int ours_ = -1;
  int theirs_ = -1;
};

// How many descriptors this process has open.
std::size_t OpenDescriptors();

}  // namespace postern
