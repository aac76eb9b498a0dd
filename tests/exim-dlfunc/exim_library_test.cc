// tests/exim-dlfunc/exim_library_test.cc
//
// postern-exim.so as Exim loads it: each function denies in the way that its
// option understands, whatever the service does or does not say. The service is
// a thread of the test with one answer for everybody.
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/service/line_protocol.h"
#include "core/service/listening_socket.h"
#include "core/service/unix_socket.h"

namespace {
std::string g_log;  // what log_write() was given
}

// The library brings its own copy of what the test links as well, and means to.
extern "C" const char* __asan_default_options() {
  return "detect_odr_violation=0";
}

extern "C" void log_write(unsigned int, int, const char* format, ...) {
  char line[2048];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  g_log += line;
  g_log += '\n';
}

namespace postern {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr int kOk = 0, kFail = 2;
constexpr const char* kPlace = "m1|bank.test|mx.bank.test|192.0.2.1|25";
constexpr const char* kData = "plan=ab action=deliver tls=required";
// With a client certificate: only there is a handshake vetoed.
constexpr const char* kOurs =
    "plan=ab action=deliver tls=required certificate=\"/c.pem\"";

struct Yielded {
  int status = -1;
  std::string text;
};

// One answer for every request; what was asked is kept.
class Door {
 public:
  explicit Door(std::string answer, std::string greeting = "postern 1 ready\n")
      : answer_(std::move(answer)), greeting_(std::move(greeting)) {
    unlink(POSTERN_EXIM_SOCKET);
    listener_ = ListenUnix({POSTERN_EXIM_SOCKET, 0600, std::nullopt}).value();
    thread_ = std::thread([this] { Serve(); });
  }
  ~Door() {
    stop_ = true;
    (void)ConnectUnix(POSTERN_EXIM_SOCKET, Deadline::After(kMoment));
    thread_.join();
    unlink(POSTERN_EXIM_SOCKET);
  }
  std::vector<Request> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  static constexpr std::chrono::seconds kMoment{5};

  void Serve() {
    while (!stop_) {
      if (WaitFor(listener_.get(), false, -1, Deadline::After(kMoment)) !=
          Waited::kReadable) {
        continue;
      }
      OwnedFd client(accept(listener_.get(), nullptr, nullptr));
      if (!client || stop_) continue;
      (void)SendText(client.get(), greeting_, -1, Deadline::After(kMoment));
      LineBuffer buffer(kMaxChainLine);
      while (auto received = ReceiveOnce(client.get(), buffer)) {
        if (const auto line = buffer.TakeLine()) {
          const std::lock_guard lock(mutex_);
          asked_.push_back(ParseRequest(*line, kMaxChainLine).value());
          break;
        }
      }
      (void)SendText(client.get(), answer_, -1, Deadline::After(kMoment));
    }
  }
  static bool ReceiveOnce(int fd, LineBuffer& buffer) {
    if (WaitFor(fd, false, -1, Deadline::After(kMoment)) != Waited::kReadable) {
      return false;
    }
    const auto received = ReceiveNow(fd, 4096);
    if (!received || received->octets.empty()) return false;
    buffer.Append(received->octets);
    return true;
  }

  std::string answer_, greeting_;
  OwnedFd listener_;
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::vector<Request> asked_;
  std::thread thread_;
};

class EximLibraryTest : public testing::Test {
 protected:
  EximLibraryTest() : library_(dlopen(POSTERN_EXIM, RTLD_NOW)) {
    unlink(POSTERN_EXIM_SOCKET);
    g_log.clear();
  }
  void SetUp() override {
    ASSERT_NE(library_, nullptr) << dlerror();
    (void)Event("tcp:connect", "");  // nothing of the test before holds
  }

  Yielded Call(const char* function, std::vector<std::string> arguments) {
    using Function = int (*)(unsigned char**, int, unsigned char**);
    const auto call = reinterpret_cast<Function>(dlsym(library_, function));
    std::vector<unsigned char*> argv;
    for (std::string& argument : arguments) {
      argv.push_back(reinterpret_cast<unsigned char*>(argument.data()));
    }
    unsigned char* yield = nullptr;
    Yielded yielded;
    yielded.status = call(&yield, static_cast<int>(argv.size()), argv.data());
    if (yield != nullptr) {
      yielded.text = reinterpret_cast<char*>(yield);
      std::free(yield);
    }
    return yielded;
  }
  Yielded Plan() { return Call("plan", {"bank.test", "", "m1"}); }
  Yielded Gate(const char* function, const std::string& leaf = "TEVBRg==") {
    return Call(function, {kPlace, kData, "TLS1.3", "cipher", "sni", leaf});
  }
  Yielded Event(const std::string& name, const std::string& data,
                const std::string& certificate = "") {
    return Call("event", {name, data, kPlace, kData, certificate, "0"});
  }
  Yielded Veto(const std::string& certificate) {
    return Call("event", {"tls:cert", "0", kPlace, kOurs, certificate, "0"});
  }

  void* library_;
};

TEST_F(EximLibraryTest, WithoutTheServiceNothingMayGo) {
  EXPECT_EQ(Plan().status, kFail);
  EXPECT_THAT(Plan().text, StartsWith("4.3.0 service-unavailable: "));
  EXPECT_EQ(Gate("gate").status, kFail);
  EXPECT_EQ(Gate("gate_list").status, kOk);
  EXPECT_EQ(Gate("gate_list").text, "*");
  EXPECT_THAT(g_log, HasSubstr("postern: refused: 4.3.0 service-unavailable"));
  EXPECT_EQ(Veto("TEVBRg==").status, kOk);
  EXPECT_THAT(Veto("TEVBRg==").text, StartsWith("4.3.0 "));
  // What only reports is no reason to refuse.
  EXPECT_EQ(Event("msg:delivery", "250 taken").text, "");
}

TEST_F(EximLibraryTest, OnlyAWholeYesIsAYes) {
  const char* const answers[] = {
      "",
      "pass",
      "pass of a kind\n",
      "passed\n",
      "ok {}\n",
      "plan\n",
      "plan action=deliver plan=ab\n",
      "delivered 2.0.0 yes\n",
      "bounced 5.7.5 no\n",
      "deferred 2.0.0 what?\n",
      "error\n",
      "\x01\n",
  };
  for (const char* answer : answers) {
    SCOPED_TRACE(answer);
    const Door door(answer);
    EXPECT_EQ(Plan().status, kFail);
    EXPECT_EQ(Gate("gate").status, kFail);
    EXPECT_EQ(Gate("gate_list").text, "*");
    EXPECT_THAT(Veto("TEVBRg==").text, StartsWith("4."));
  }
}

TEST_F(EximLibraryTest, NeverAForcedFailureAndNeverAnotherGreeting) {
  const Door door("pass\n", "postern 2 ready\n");
  EXPECT_EQ(Gate("gate").status, kFail);
  EXPECT_EQ(Plan().status, kFail);
}

TEST_F(EximLibraryTest, APassLetsTheMessageGo) {
  const Door door("pass\n");
  EXPECT_EQ(Gate("gate").status, kOk);
  EXPECT_EQ(Gate("gate").text, "");
  EXPECT_EQ(Gate("gate_list").text, "");
  EXPECT_EQ(Veto("TEVBRg==").text, "");
  EXPECT_EQ(Plan().status, kFail);  // "pass" is no plan
}

TEST_F(EximLibraryTest, ThePlanIsHandedOnAsItIs) {
  const Door door("plan plan=ab action=deliver tls=required\n");
  EXPECT_EQ(Plan().status, kOk);
  EXPECT_EQ(Plan().text, "plan=ab action=deliver tls=required");
  EXPECT_EQ(Gate("gate").status, kFail);  // a plan is no pass
}

TEST_F(EximLibraryTest, TheServicesWordsReachTheLogOnOneLine) {
  const Door door("deferred 4.7.5 pin-mismatch: no\x1b[31m; hint: %s%n\n");
  EXPECT_EQ(Gate("gate_list").text, "*");
  EXPECT_THAT(g_log, HasSubstr("4."));
  EXPECT_THAT(g_log, Not(HasSubstr("\x1b")));
}

TEST_F(EximLibraryTest, WrongArgumentsAreADenial) {
  const Door door("pass\n");
  EXPECT_EQ(Call("plan", {}).status, kFail);
  EXPECT_EQ(Call("plan", {"a.test"}).status, kFail);
  EXPECT_EQ(Call("gate", {}).status, kFail);
  EXPECT_EQ(Call("gate", {kPlace, kData, "", "", ""}).status, kFail);
  EXPECT_EQ(Call("gate_list", {}).text, "*");
  EXPECT_THAT(Call("event", {"tls:cert", "0"}).text, StartsWith("4."));
  for (const char* place :
       {"", "m1|bank.test", "m1||mx|192.0.2.1|25", "m1|bank.test||192.0.2.1|25",
        "m1|bank.test|mx||25", "a|b|c|d|e|f"}) {
    SCOPED_TRACE(place);
    EXPECT_EQ(Call("gate", {place, kData, "", "", "", ""}).status, kFail);
    EXPECT_EQ(Call("gate_list", {place, kData, "", "", "", ""}).text, "*");
  }
}

TEST_F(EximLibraryTest, TheGateGetsTheChainOfItsOwnLeafOnly) {
  Door door("pass\n");
  (void)Event("tcp:connect", "");
  (void)Event("tls:cert", "1", "Q0E=");
  (void)Event("tls:cert", "0", "TEVBRg==");
  (void)Gate("gate");
  (void)Gate("gate", "T1RIRVI=");
  const std::vector<Request> asked = door.asked();
  // The events alone ask nothing: nobody's certificate is at stake.
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(*asked[0].Find("chain"), "TEVBRg==,Q0E=");
  EXPECT_EQ(*asked[1].Find("chain"), "T1RIRVI=");
}

TEST_F(EximLibraryTest, NothingIsKeptAcrossAFork) {
  Door door("pass\n");
  (void)Event("tls:cert", "0", "TEVBRg==");
  (void)Event("tls:cert", "1", "Q0E=");
  const pid_t child = fork();
  if (child == 0) {
    (void)Gate("gate", "Q0E=");
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  EXPECT_EQ(*door.asked().back().Find("chain"), "Q0E=");
}

TEST_F(EximLibraryTest, OneYesOpensBothGatesOnce) {
  Door door("pass\n");
  EXPECT_EQ(Gate("gate_list").text, "");
  EXPECT_EQ(Gate("gate").status, kOk);
  EXPECT_EQ(door.asked().size(), 1u);
  EXPECT_EQ(*door.asked().back().Find("stage"), "mail");
  EXPECT_EQ(Gate("gate").status, kOk);
  EXPECT_EQ(door.asked().size(), 2u) << "the second MAIL of one connection";
}

TEST_F(EximLibraryTest, AYesHoldsForNothingElse) {
  const auto asked_by = [&](auto&& between) {
    Door door("pass\n");
    (void)Gate("gate_list");
    between();
    return door.asked().size();
  };
  EXPECT_EQ(asked_by([&] { (void)Gate("gate", "T1RIRVI="); }), 2u);
  EXPECT_EQ(asked_by([&] {
              (void)Call("gate", {kPlace, kOurs, "TLS1.3", "cipher", "sni",
                                  "TEVBRg=="});
            }),
            2u);
  EXPECT_EQ(asked_by([&] {
              (void)Call("gate",
                         {"m2|bank.test|mx.bank.test|192.0.2.1|25", kData,
                          "TLS1.3", "cipher", "sni", "TEVBRg=="});
            }),
            2u);
  EXPECT_EQ(asked_by([&] {  // without TLS now
              (void)Call("gate", {kPlace, kData, "", "", "", ""});
            }),
            2u);
  EXPECT_EQ(asked_by([&] {
              (void)Event("tcp:connect", "");
              (void)Gate("gate");
            }),
            2u);
  EXPECT_EQ(asked_by([&] {
              const pid_t child = fork();
              if (child == 0) {
                (void)Gate("gate");
                _exit(0);
              }
              waitpid(child, nullptr, 0);
            }),
            2u);
  EXPECT_EQ(asked_by([&] {  // whoever stops in between is asked again
              usleep(1'100'000);
              (void)Gate("gate");
            }),
            2u);
}

TEST_F(EximLibraryTest, ANoIsNeverKept) {
  {
    const Door door("deferred 4.7.5 pin-mismatch: no\n");
    EXPECT_EQ(Gate("gate_list").text, "*");
    EXPECT_EQ(Gate("gate").status, kFail);
    EXPECT_EQ(Gate("gate_list").text, "*");
  }
  EXPECT_EQ(Gate("gate").status, kFail);  // nor is a yes made of it
}

TEST_F(EximLibraryTest, WhatWentWellIsToldAndNotWaitedFor) {
  const OwnedFd hung =
      ListenUnix({POSTERN_EXIM_SOCKET, 0600, std::nullopt}).value();
  EXPECT_EQ(Event("msg:delivery", "250 taken").text, "");
  const OwnedFd client(accept(hung.get(), nullptr, nullptr));
  const Result<Received> told = ReceiveNow(client.get(), 4096);
  ASSERT_TRUE(told.ok());
  EXPECT_THAT(told->octets, AllOf(StartsWith("event name=msg-delivery "),
                                  HasSubstr("data=250%20taken")));
  unlink(POSTERN_EXIM_SOCKET);
}

TEST_F(EximLibraryTest, AnotherHostsChainIsForgotten) {
  Door door("pass\n");
  (void)Event("tls:cert", "1", "Q0E=");
  (void)Call("event",
             {"tls:cert", "0", "m1|bank.test|mx2.bank.test|192.0.2.2|25", kOurs,
              "TEVBRg==", "0"});
  EXPECT_EQ(*door.asked().back().Find("chain"), "TEVBRg==");
}

TEST_F(EximLibraryTest, AnEventThatShowsNoCertificateIsADenial) {
  const Door door("pass\n");
  EXPECT_THAT(Event("tls:cert", "0", "").text,
              HasSubstr("certificate-malformed"));
  EXPECT_THAT(Event("tls:cert", "1", "not base64 !").text,
              HasSubstr("certificate-malformed"));
}

TEST_F(EximLibraryTest, AnOfferOfStartTlsIsTold) {
  Door door("pass\n");
  (void)Event("tcp:connect", "");
  (void)Event("smtp:ehlo", "250-mx.test\n250-STARTTLS\n250 SIZE");
  (void)Event("smtp:ehlo", "250-mx.test\n250 SIZE");
  (void)Gate("gate");
  EXPECT_EQ(*door.asked().back().Find("starttls"), "offered");
}

TEST_F(EximLibraryTest, AnEndIsReportedAndItsReasonLogged) {
  Door door("noted 4.7.4 starttls-not-supported: no\n");
  EXPECT_EQ(Event("msg:host:defer", "did not offer").text, "");
  EXPECT_THAT(g_log, HasSubstr("postern: H=mx.bank.test [192.0.2.1]: "
                               "4.7.4 starttls-not-supported: no"));
  EXPECT_EQ(*door.asked().back().Find("name"), "msg-host-defer");
}

}  // namespace
}  // namespace postern
