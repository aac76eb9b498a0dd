#include "tests/core/smtp/session_fixture.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <filesystem>

namespace postern {

std::unique_ptr<SmtpSession> Greeted(const ScriptedSmtpServer& server,
                                     const SessionOptions& options) {
  Opened opened = Open(server, options);
  if (const auto* failure = std::get_if<SmtpFailure>(&opened)) {
    ADD_FAILURE() << failure->error.ToString();
    return nullptr;
  }
  auto session = std::get<0>(std::move(opened));
  const SmtpStatus hello = session->Hello(Soon());
  if (!hello) return session;
  ADD_FAILURE() << hello->error.ToString();
  return nullptr;
}

Caller::Caller() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0) {
    ours_ = ends[0];
    theirs_ = ends[1];
  }
}

Caller::~Caller() {
  HangUp();
  close(ours_);
}

void Caller::HangUp() {
  if (theirs_ >= 0) close(theirs_);
  theirs_ = -1;
}

std::size_t OpenDescriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace postern
