// tests/postfix-transport/transport_test.cc
//
// postern-transport as pipe(8) runs it, against services that fail in every
// way. Whatever breaks: exit 75 and a 4.x.x line; 0 and 69 only for the
// service's own whole words.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>
#include <optional>
#include <thread>

#include "core/service/line_protocol.h"
#include "core/service/listening_socket.h"
#include "core/service/unix_socket.h"

namespace postern {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

Deadline Soon() { return Deadline::After(seconds(20)); }

struct Ended {
  int exit = -1;       // -1: by a signal
  std::string output;  // standard output
};

struct Streams {
  bool in_closed = false, out_closed = false, out_gone = false;
};

std::string ReadToEnd(int fd) {
  std::string all;
  char block[4096];
  for (ssize_t n = 0; (n = read(fd, block, sizeof block)) > 0;) {
    all.append(block, static_cast<std::size_t>(n));
  }
  return all;
}

Ended RunTransport(std::vector<std::string> words,
                   const Streams& streams = {}) {
  words.insert(words.begin(), POSTERN_TRANSPORT);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int in[2], out[2];
  EXPECT_EQ(pipe2(in, O_CLOEXEC), 0);
  EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
  EXPECT_EQ(write(in[1], "S: x\r\n\r\nbody\r\n", 14), 14);
  close(in[1]);
  if (streams.out_gone) close(out[0]);
  const pid_t child = fork();
  if (child == 0) {
    if (dup2(in[0], 0) < 0 || dup2(out[1], 1) < 0) _exit(99);
    if (streams.in_closed) close(0);
    if (streams.out_closed) close(1);
    execv(argv[0], argv.data());
    _exit(98);
  }
  close(in[0]);
  close(out[1]);
  Ended ended;
  if (!streams.out_gone) {
    ended.output = ReadToEnd(out[0]);
    close(out[0]);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  if (WIFEXITED(status)) ended.exit = WEXITSTATUS(status);
  return ended;
}

void ExpectDefer(const Ended& ended) {
  EXPECT_EQ(ended.exit, 75);
  EXPECT_THAT(ended.output, StartsWith("4."));
  EXPECT_TRUE(ParseStatusText(ended.output, "4")) << ended.output;
  EXPECT_LE(ended.output.find('\n'), 1000u);
}

class TransportTest : public testing::Test {
 protected:
  TransportTest() {
    std::signal(SIGPIPE, SIG_IGN);
    std::string pattern = testing::TempDir() + "postern-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    path_ = directory_ + "/pipe";
  }
  ~TransportTest() override { std::filesystem::remove_all(directory_); }

  std::vector<std::string> Words(const std::string& sender = "a@b.test") const {
    return {"--socket", path_, "--budget-ms", "10000",   "--",
            "y.test",   "A1",  sender,        "x@y.test"};
  }

  // Runs the program against a service that does `serve` with one connection.
  Ended Against(const std::function<void(int)>& serve,
                std::vector<std::string> words = {},
                const Streams& streams = {}) {
    auto listener = ListenUnix({path_, 0600, {}});
    EXPECT_TRUE(listener);
    std::thread service([&] {
      if (WaitFor(listener->get(), false, -1, Soon()) != Waited::kReadable)
        return;
      const OwnedFd client(
          accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
      serve(client.get());
    });
    const Ended ended = RunTransport(words.empty() ? Words() : words, streams);
    service.join();
    return ended;
  }

  static void Say(int fd, std::string_view text) {
    static_cast<void>(SendText(fd, text, -1, Soon()));
  }

  // The request and the descriptor that came with it.
  static Received TakeRequest(int fd) {
    EXPECT_EQ(WaitFor(fd, false, -1, Soon()), Waited::kReadable);
    auto received = ReceiveNow(fd, kMaxRequestLine);
    EXPECT_TRUE(received);
    return received ? *std::move(received) : Received{};
  }

  // Greets, takes the request, asks, and says "delivered" whatever comes.
  static std::function<void(int)> Asks(std::string& answer) {
    return [&answer](int fd) {
      Say(fd, "postern 1 ready\n");
      static_cast<void>(TakeRequest(fd));
      Say(fd, "wanted?\n");
      // One that has gone may have left the question unread: a reset.
      EXPECT_EQ(WaitFor(fd, false, -1, Soon()), Waited::kReadable);
      const auto received = ReceiveNow(fd, kMaxRequestLine);
      answer = received ? received->octets : "";
      Say(fd, "delivered 2.0.0 taken\n");
    };
  }

  // Greets, takes the request, says `reply` and closes.
  static std::function<void(int)> Replies(std::string reply) {
    return [reply](int fd) {
      Say(fd, "postern 1 ready\n");
      static_cast<void>(TakeRequest(fd));
      Say(fd, reply);
    };
  }

  std::string directory_, path_;
};

TEST_F(TransportTest, AnswersBeforeTheFinalDotThatPipeIsThere) {
  std::string answer;
  const Ended ended = Against(Asks(answer));
  EXPECT_EQ(answer, "wanted\n");
  EXPECT_EQ(ended.exit, 0) << ended.output;
}

TEST_F(TransportTest, NeverSaysThatPipeIsThereWhenItHasGone) {
  std::string answer = "unset";
  const Ended ended = Against(Asks(answer), {}, {.out_gone = true});
  EXPECT_EQ(answer, "");
  EXPECT_EQ(ended.exit, 75);
}

TEST_F(TransportTest, PassesTheMessageAndTheEnvelope) {
  std::string line, message;
  std::size_t fds = 0;
  const Ended ended = Against([&](int fd) {
    Say(fd, "postern 1 ready\n");
    const Received request = TakeRequest(fd);
    line = request.octets;
    fds = request.fds.size();
    if (fds == 1) message = ReadToEnd(request.fds.front().get());
    Say(fd, "delivered 2.0.0 250 ok\n");
  });
  EXPECT_EQ(ended.exit, 0);
  EXPECT_EQ(ended.output, "2.0.0 250 ok\n");
  EXPECT_EQ(line,
            "deliver nexthop=y.test queue-id=A1 sender=a@b.test "
            "recipient=x@y.test\n");
  EXPECT_EQ(fds, 1u);  // standard input, never standard output
  EXPECT_EQ(message, "S: x\r\n\r\nbody\r\n");
}

TEST_F(TransportTest, SaysWhatTheServiceSays) {
  const Ended bounced = Against(Replies("bounced 5.1.1 550 no such user\n"));
  EXPECT_EQ(bounced.exit, 69);
  EXPECT_EQ(bounced.output, "5.1.1 550 no such user\n");
  const Ended deferred = Against(Replies("deferred 4.7.5 pin-mismatch: no\n"));
  EXPECT_EQ(deferred.exit, 75);
  EXPECT_EQ(deferred.output, "4.7.5 pin-mismatch: no\n");
}

TEST_F(TransportTest, ASenderThatLooksLikeAnOptionIsASender) {
  std::string line;
  const Ended ended = Against(
      [&](int fd) {
        Say(fd, "postern 1 ready\n");
        line = TakeRequest(fd).octets;
        Say(fd, "delivered 2.0.0 ok\n");
      },
      Words("-h@x.test"));
  EXPECT_EQ(ended.exit, 0);
  EXPECT_THAT(line, HasSubstr(" sender=-h@x.test "));
}

TEST_F(TransportTest, EveryFailureOfTheServiceIsADefer) {
  const auto greets = [](std::string text) {
    return [text](int fd) { Say(fd, text); };
  };
  const struct {
    const char* what;
    std::function<void(int)> serve;
    const char* says;
  } cases[] = {
      {"closes at once", [](int) {}, "no greeting"},
      {"greets with garbage", greets("220 mx ESMTP\n"), "it greeted with"},
      {"greets without end", greets("postern 1 rea"), "no greeting"},
      {"speaks another version", greets("postern 2 ready\n"),
       "postern 2 ready"},
      {"refuses the user", greets("error 4.3.5 client-not-allowed: not you\n"),
       "client-not-allowed"},
      {"greets and closes", greets("postern 1 ready\n"), "4."},
      {"greets, is busy and closes",
       greets("postern 1 ready\nerror 4.3.2 service-busy: full\n"),
       "4.3.2 service-busy"},
      {"closes after the request", Replies(""), "without a whole reply"},
      {"half a reply", Replies("delivered 2.0.0 ok"), "without a whole reply"},
      {"half a reply in pieces", Replies("delivered"), "without a whole reply"},
      {"no word", Replies("\n"), "not valid"},
      {"unknown word", Replies("sent 2.0.0 ok\n"), "not one of ours"},
      {"upper case", Replies("Delivered 2.0.0 ok\n"), "not valid"},
      {"delivered without a status", Replies("delivered\n"), "not one of ours"},
      {"delivered with junk", Replies("delivered 2.0.0junk\n"),
       "not one of ours"},
      {"delivered with a 4", Replies("delivered 4.0.0 ok\n"),
       "not one of ours"},
      {"delivered with a control", Replies("delivered 2.0.0 \x01ok\n"),
       "not valid"},
      {"bounced with a 4", Replies("bounced 4.1.1 no\n"), "not one of ours"},
      {"bounced with a 2", Replies("bounced 2.1.1 no\n"), "not one of ours"},
      {"deferred with a 5", Replies("deferred 5.1.1 no\n"), "not one of ours"},
      {"ok", Replies("ok {}\n"), "not one of ours"},
      {"an endless line", Replies(std::string(kMaxReplyLine + 10, 'x')),
       "4.3.0"},
      {"error", Replies("error 4.3.1 spool-full: full\n"), "4.3.1 spool-full"},
      {"a very long text",
       Replies("deferred 4.7.5 " + std::string(9000, 'm') + "\n"), "4.7.5 mmm"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    const Ended ended = Against(c.serve);
    ExpectDefer(ended);
    EXPECT_THAT(ended.output, HasSubstr(c.says));
  }
}

TEST_F(TransportTest, ASilentServiceIsWaitedForNoLongerThanTheBudget) {
  std::vector<std::string> words = Words();
  words[3] = "50";
  // Until the client hangs up.
  const auto wait = [](int fd) { static_cast<void>(ReadToEnd(fd)); };
  ExpectDefer(Against(wait, words));
  ExpectDefer(Against(
      [&](int fd) {
        Say(fd, "postern 1 ready\n");
        wait(fd);
      },
      words));
}

TEST_F(TransportTest, NoServiceIsADefer) {
  const Ended missing = RunTransport(Words());
  ExpectDefer(missing);
  EXPECT_THAT(missing.output, HasSubstr("systemctl status postern"));

  { const auto closed = ListenUnix({path_, 0600, {}}); }  // left behind
  const Ended refused = RunTransport(Words());
  ExpectDefer(refused);
  EXPECT_THAT(refused.output, HasSubstr("Connection refused"));

  std::vector<std::string> words = Words();
  words[1] = std::string(200, 'x');
  ExpectDefer(RunTransport(words));
}

TEST_F(TransportTest, EveryMisuseIsADefer) {
  const std::vector<std::string> cases[] = {
      {},
      {"--help"},
      {"-h"},
      {"--version"},
      {"--"},
      {"--", "--help"},
      {"--", "y.test", "A1", "a@b.test"},
      {"y.test", "A1", "a@b.test", "x@y.test"},
      {"y.test", "A1", "-h@b.test", "x@y.test"},
      {"--socket"},
      {"--socket", "--", "y.test", "A1", "a@b.test", "x@y.test"},
      {"--budget-ms", "0", "--", "y.test", "A1", "a@b.test", "x@y.test"},
      {"--budget-ms", "99999999", "--", "y.test", "A1", "", "x@y.test"},
      {"--budget-ms", "1x", "--", "y.test", "A1", "", "x@y.test"},
      {"--verbose", "yes", "--", "y.test", "A1", "a@b.test", "x@y.test"},
  };
  for (const auto& words : cases) {
    SCOPED_TRACE(testing::PrintToString(words));
    const Ended ended = RunTransport(words);
    ExpectDefer(ended);
    EXPECT_THAT(ended.output, StartsWith("4.3.5 request-invalid"));
  }
  EXPECT_THAT(RunTransport({"--help"}).output, HasSubstr("usage:"));
}

TEST_F(TransportTest, MoreThanOneRecipientIsADeferWithTheHint) {
  std::vector<std::string> words = Words();
  words.push_back("z@y.test");
  const Ended ended = RunTransport(words);
  ExpectDefer(ended);
  EXPECT_THAT(ended.output, HasSubstr("destination_recipient_limit = 1"));
}

TEST_F(TransportTest, WhatCanNotBeSentIsADefer) {
  std::vector<std::string> words = Words("a\nb@c.test");
  const auto greets = [](int fd) { Say(fd, "postern 1 ready\n"); };
  ExpectDefer(Against(greets, words));
  words = Words(std::string(9000, 'x'));
  ExpectDefer(Against(greets, words));
}

TEST_F(TransportTest, ClosedStreamsAreADefer) {
  Streams in_closed, out_closed;
  in_closed.in_closed = true;
  out_closed.out_closed = true;
  ExpectDefer(RunTransport(Words(), in_closed));
  EXPECT_EQ(RunTransport(Words(), out_closed).exit, 75);
}

// pipe(8) was stopped: nobody reads the answer, Postfix sends the message
// again.
TEST_F(TransportTest, HangsUpWhenPipeIsGone) {
  Streams gone;
  gone.out_gone = true;
  bool hung_up = false;
  const Ended ended = Against(
      [&](int fd) {
        Say(fd, "postern 1 ready\n");
        static_cast<void>(TakeRequest(fd));
        hung_up = WaitFor(fd, false, -1, Soon()) == Waited::kReadable &&
                  ReadToEnd(fd).empty();
      },
      {}, gone);
  EXPECT_TRUE(hung_up);
  EXPECT_EQ(ended.exit, 75);
}

}  // namespace
}  // namespace postern
