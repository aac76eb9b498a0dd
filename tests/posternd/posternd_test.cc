// tests/posternd/posternd_test.cc
//
// The program itself: what keeps it from starting, and that it answers, reloads
// and stops.
#include <utility>

#include "core/service/listening_socket.h"
#include "tests/posternd/running_posternd.h"

namespace postern {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

using PosterndTest = RunningPosternd;

TEST_F(PosterndTest, WhatIsWrongKeepsItFromStartingAndIsNamed) {
  const std::string file = directory_ + "/occupied";
  std::ofstream(file) << "x";
  const struct {
    const char *name, *value, *says;
  } cases[] = {
      {"no-such-option", "1", "no-such-option"},
      {"worker-threads", "many", "worker-threads"},
      {"verifiers", "pin magic", "magic"},
      {"leave-out", "pin", "leave-out"},
      {"helo-name", "localhost", "helo-name"},
      {"dns-forwarders", "resolver.test", "dns-forwarders"},
      {"dns-trust-anchor", "/nonexistent/root.key", "root.key"},
      {"dns-options", "nonsense", "dns-options"},
      {"spool-directory", "/nonexistent/spool", "/nonexistent/spool"},
      {"socket-directory", "/nonexistent/run", "/nonexistent/run"},
      {"pipe-users", "no-such-user-here", "no-such-user-here"},
      {"door-query", "occupied", "no socket is there"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto lines = lines_;
    lines_[c.name] = c.value;
    WriteConfig();
    lines_ = lines;
    Launch();
    const std::string said = ReadToEnd(stderr_.get());
    EXPECT_EQ(Wait(), 1);
    EXPECT_THAT(said, HasSubstr(c.says));
  }
  std::filesystem::remove(directory_ + "/postern.conf");
  Launch();
  EXPECT_THAT(ReadToEnd(stderr_.get()), HasSubstr("postern.conf"));
  EXPECT_EQ(Wait(), 1);
}

TEST_F(PosterndTest, UsageErrorsAreTwo) {
  WriteConfig();
  Launch({"--no-such-option"});
  EXPECT_THAT(ReadToEnd(stderr_.get()), HasSubstr("no-such-option"));
  EXPECT_EQ(Wait(), 2);
  Launch({"--set", "worker-threads"});
  EXPECT_EQ(Wait(), 1);
}

TEST_F(PosterndTest, AnswersAndStopsCleanly) {
  StartGood();
  EXPECT_EQ(Ask({"ping", {}}), (Reply{"ok", "{\"alive\":true}"}));
  EXPECT_THAT(Ask({"status", {}}).rest, HasSubstr("\"name\":\"pipe\""));
  EXPECT_THAT(Ask({"nonsense", {}}).rest, HasSubstr("request-invalid"));

  kill(child_, SIGTERM);
  // Long enough for the reply to a final dot, whatever dot-timeout is.
  EXPECT_THAT(Notified(), StartsWith("STOPPING=1\nEXTEND_TIMEOUT_USEC=620"));
  EXPECT_EQ(Wait(), 0);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/pipe"));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/query"));
}

TEST_F(PosterndTest, ThePolicyMapAnswersItsUsersAndDefersWithoutAPolicy) {
  lines_["postfix-map-users"] = std::to_string(getuid());
  StartGood();
  auto fd = ConnectUnix(directory_ + "/map", Soon());
  ASSERT_TRUE(fd);
  ASSERT_TRUE(SendText(fd->get(), "19:policy bank.example,", -1, Soon()));
  ASSERT_EQ(WaitFor(fd->get(), false, -1, Soon()), Waited::kReadable);
  EXPECT_THAT(ReceiveNow(fd->get(), 4096)->octets,
              HasSubstr("TEMP 4.3.5 policy-store-unavailable"));
  EXPECT_THAT(Ask({"status", {}}).rest, HasSubstr("\"name\":\"postfix-map\""));

  lines_["postfix-map-users"] = std::to_string(getuid() + 1);
  WriteConfig();
  EXPECT_THAT(Ask({"reload", {}}).rest, HasSubstr("\"reloaded\":true"));
  fd = ConnectUnix(directory_ + "/map", Soon());
  ASSERT_TRUE(fd);
  ASSERT_EQ(WaitFor(fd->get(), false, -1, Soon()), Waited::kReadable);
  EXPECT_EQ(ReceiveNow(fd->get(), 4096)->octets, "");
}

TEST_F(PosterndTest, TheLmtpDoorIsThereOrLeftOutAndSaysSo) {
  const auto greeted = [this] {
    const auto fd = ConnectUnix(directory_ + "/lmtp", Soon());
    if (!fd) return std::string("none");
    if (WaitFor(fd->get(), false, -1, Soon()) != Waited::kReadable) {
      return std::string("silence");
    }
    const auto received = ReceiveNow(fd->get(), 1000);
    return received ? received->octets : received.error().ToString();
  };
  const auto stop = [this] {
    kill(child_, SIGTERM);
    EXPECT_THAT(Notified(), StartsWith("STOPPING=1"));
    EXPECT_EQ(Wait(), 0);
  };
  StartGood();
  EXPECT_THAT(greeted(), StartsWith("220 mta.sender.test LMTP"));
  EXPECT_THAT(Ask({"status", {}}).rest, HasSubstr("\"name\":\"lmtp\""));
  EXPECT_EQ(Ask({"reload", {}}).word, "ok");
  stop();
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/lmtp"));

  // Nobody who does not exist is asked for where there is no door.
  lines_["lmtp-users"] = "no-such-user-here";
  lines_["door-lmtp"] = directory_ + "/no-postfix-here/lmtp";
  StartGood();
  EXPECT_EQ(Ask({"reload", {}}).word, "ok");
  EXPECT_EQ(Ask({"status", {}}).rest.find("\"lmtp\""), std::string::npos);
  stop();
  EXPECT_THAT(ReadToEnd(stderr_.get()), HasSubstr("no-postfix-here"));

  lines_["door-lmtp"] = "";
  StartGood();
  EXPECT_EQ(greeted(), "none");
  stop();

  lines_["door-lmtp"] = "lmtp";
  WriteConfig();
  Launch();
  EXPECT_THAT(ReadToEnd(stderr_.get()), HasSubstr("no-such-user-here"));
  EXPECT_EQ(Wait(), 1);
}

TEST_F(PosterndTest, WithoutAPublishedPolicyMailIsDeferred) {
  StartGood();
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const OwnedFd reader(ends[0]);
  ASSERT_EQ(write(ends[1], "S: x\r\n\r\nx\r\n", 11), 11);
  close(ends[1]);
  const Request deliver{"deliver",
                        {{"nexthop", "y.test"},
                         {"queue-id", "A1"},
                         {"sender", ""},
                         {"recipient", "x@y.test"}}};
  const Reply reply = Ask(deliver, "pipe", reader.get());
  EXPECT_EQ(reply.word, "deferred");
  EXPECT_THAT(reply.rest, StartsWith("4.3.5 "));
  EXPECT_THAT(reply.rest, HasSubstr("policy-store-unavailable"));
  EXPECT_THAT(Ask({"status", {}}).rest, HasSubstr("\"deferred\":1"));
  EXPECT_THAT(Ask({"explain", {{"domain", "y.test"}}}).rest,
              HasSubstr("policy-store-unavailable"));
}

TEST_F(PosterndTest, ASecondInstanceIsRefusedAndTheFirstGoesOn) {
  StartGood();
  const pid_t first = std::exchange(child_, -1);
  Launch();
  EXPECT_THAT(ReadToEnd(stderr_.get()), HasSubstr("another instance"));
  EXPECT_EQ(Wait(), 1);
  child_ = first;
  EXPECT_EQ(Ask({"ping", {}}).word, "ok");
}

TEST_F(PosterndTest, AfterAKillItStartsAgainOnItsLeftOverSockets) {
  StartGood();
  kill(child_, SIGKILL);
  EXPECT_EQ(Wait(), -1);
  EXPECT_THAT(Ask({"ping", {}}).rest, HasSubstr("service-unavailable"));
  StartGood();
  EXPECT_EQ(Ask({"ping", {}}).word, "ok");
}

TEST_F(PosterndTest, ReloadsOnSighupAndKeepsTheOldOnAMistake) {
  StartGood();
  lines_["pipe-users"] = std::to_string(getuid() + 1);
  lines_["worker-threads"] = "3";
  WriteConfig();
  kill(child_, SIGHUP);
  EXPECT_THAT(Notified(), StartsWith("RELOADING=1"));
  EXPECT_THAT(Notified(), StartsWith("READY=1"));
  EXPECT_THAT(Ask({"deliver", {}}, "pipe").rest,
              HasSubstr("client-not-allowed"));
  EXPECT_THAT(Ask({"reload", {}}).rest,
              HasSubstr("worker-threads: needs a restart"));

  lines_["verifiers"] = "magic";
  WriteConfig();
  EXPECT_THAT(Ask({"reload", {}}).rest, HasSubstr("magic"));
  kill(child_, SIGHUP);
  EXPECT_THAT(Notified(), StartsWith("RELOADING=1"));
  EXPECT_THAT(Notified(), StartsWith("READY=1"));
  EXPECT_EQ(Ask({"ping", {}}).word, "ok");
}

TEST_F(PosterndTest, TakesSocketsThatSystemdMade) {
  auto listener = ListenUnix({directory_ + "/query", 0600, {}});
  ASSERT_TRUE(listener);
  StartGood({}, [&] { PassAsSystemd(listener->get()); });
  listener->Reset();
  EXPECT_EQ(Ask({"ping", {}}).word, "ok");
  kill(child_, SIGTERM);
  EXPECT_EQ(Wait(), 0);
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/query"));  // systemd's

  const auto stray = ListenUnix({directory_ + "/stray", 0600, {}});
  WriteConfig();
  Launch({}, [&] { PassAsSystemd(stray->get()); });
  EXPECT_THAT(ReadToEnd(stderr_.get()), HasSubstr("no door's"));
  EXPECT_EQ(Wait(), 1);
}

}  // namespace
}  // namespace postern
