// tests/sendmail-milter/milter_program_test.cc
//
// postern-milter as a process, spoken to in the milter protocol by miltertest
// and by octets of ours; behind it the real door over fake DNS.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <latch>
#include <thread>

#include "sendmail-milter/milter_door.h"
#include "tests/sendmail-milter/sendmail_fixture.h"
#include "tests/testlib/milter_mta.h"
#include "tests/testlib/served_map.h"

namespace postern {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// A child process that ends with its owner.
class Child {
 public:
  explicit Child(std::vector<std::string> words) {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      execvp(argv[0], argv.data());
      _exit(127);
    }
  }
  ~Child() {
    // libmilter takes seconds to notice that it is to stop.
    if (pid_ > 0) (void)End(SIGKILL);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  int End(int number = SIGTERM) {
    kill(pid_, number);
    return Wait();
  }
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  pid_t pid() const { return pid_; }
  bool running() const { return waitpid(pid_, nullptr, WNOHANG) == 0; }

 private:
  pid_t pid_ = -1;
};

class MilterProgramTest : public SendmailTest {
 protected:
  MilterProgramTest() {
    std::string pattern = testing::TempDir() + "milter-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    resolver_.SetMx("village.test", MxHosts({{10, "mx.village.test"}}));
    resolver_.SetA("mx.village.test", Addresses({"192.0.2.7"}));
  }
  ~MilterProgramTest() override {
    service_.reset();
    std::filesystem::remove_all(directory_);
  }

  // Everything is looked up, on threads of their own.
  void StartService(std::function<Reply(const Request&)> answer) {
    StartService(
        [](const SocketMapQuery&) { return std::nullopt; },
        [answer = std::move(answer)](const SocketMapQuery& query, int) {
          return ToMapReply(answer(FromQuery(query).value()));
        });
  }
  void StartService(ServedMap::Known known, ServedMap::Find find) {
    service_ = std::make_unique<ServedMap>(std::move(known), std::move(find),
                                           directory_ + "/sendmail");
  }
  void StartService() {
    StartService(
        [this](const SocketMapQuery& query) { return door_.Known(query); },
        [this](const SocketMapQuery& query, int stop_fd) {
          return door_.Find(query, Deadline::After(std::chrono::seconds(20)),
                            stop_fd);
        });
  }

  std::unique_ptr<Child> StartMilter() {
    return std::make_unique<Child>(std::vector<std::string>{
        POSTERN_MILTER, "--allow-root", "--socket", "local:" + socket(),
        "--service-socket", directory_ + "/sendmail"});
  }
  std::string socket() const { return directory_ + "/milter"; }

  std::string directory_;
  MilterDoor door_{{gate_, index_, prober_, plans_, sink_, clock_, ""}};
  std::unique_ptr<ServedMap> service_;
};

TEST_F(MilterProgramTest, AnswersEachRecipientByItself) {
  const TestCertificate good = MakeSelfSigned(ForHost("mx1.bank.test"));
  const TestCertificate other = MakeSelfSigned(ForHost("mx1.bank.test"));
  ScriptedSmtpServer server(PresentingServer(other));
  Pinned(good);
  Route("bank.test fingerprint", {&server});
  StartService();
  const auto milter = StartMilter();
  MilterMta mta(socket());
  EXPECT_EQ(mta.Recipient({"esmtp", "village.test.", "u@village.test", "Q1"}),
            "");
  EXPECT_THAT(mta.Recipient({"esmtp", "bank.test.", "u@bank.test", "Q1"}),
              StartsWith("451 4.7.5 pin-mismatch: "));
  EXPECT_THAT(mta.Recipient({"esmtp", "nowhere.test.", "u@nowhere.test", "Q1"}),
              StartsWith("550 5.1.2 domain-not-found: "));
  EXPECT_EQ(mta.Recipient({"local", "", "u", "Q1"}), "");
  EXPECT_EQ(mta.Recipient({"error", "5.1.1 nobody", "u@bank.test", "Q1"}), "");
  EXPECT_THAT(mta.Recipient({"smtp", "[relay.test]:25", "u@bank.test", ""}),
              StartsWith("451 4.7."));
  EXPECT_EQ(milter->End(), 0);
}

TEST_F(MilterProgramTest, WithoutTheServiceItIs451AndThenNotAnyMore) {
  const auto milter = StartMilter();
  MilterMta mta(socket());
  EXPECT_THAT(mta.Recipient({"esmtp", "village.test.", "u@village.test", "Q1"}),
              StartsWith("451 4.3.0 service-unavailable: "));
  StartService();
  EXPECT_EQ(mta.Recipient({"esmtp", "village.test.", "u@village.test", "Q1"}),
            "");
}

TEST_F(MilterProgramTest, WhateverTheServiceSaysOnlyPassGoesOn) {
  StartService([](const Request& request) -> Reply {
    const std::string& domain = *request.Find("domain");
    if (domain == "throws.test") throw std::runtime_error("x");
    if (domain == "ok.test") return {"ok", "{}"};
    if (domain == "delivered.test") return {"delivered", "2.0.0 x"};
    if (domain == "mismatch.test") return {"bounced", "4.7.5 x"};
    return {"bounced", "5.7.5 pin-mismatch: 100%s"};
  });
  const auto milter = StartMilter();
  MilterMta mta(socket());
  for (const char* domain :
       {"throws.test", "ok.test", "delivered.test", "mismatch.test"}) {
    SCOPED_TRACE(domain);
    EXPECT_THAT(mta.Recipient({"esmtp", domain, "", "Q1"}),
                StartsWith("451 4."));
  }
  EXPECT_EQ(mta.Recipient({"esmtp", "bounced.test", "", "Q1"}),
            "550 5.7.5 pin-mismatch: 100 s");
}

TEST_F(MilterProgramTest, ManyConnectionsWaitSideBySide) {
  std::atomic<int> waiting{0};
  StartService([&](const Request&) -> Reply {
    // Two of them are here at the same time, or it never ends. (Not all:
    // libmilter may give one to a worker that is about to be busy.)
    ++waiting;
    while (waiting < 2) std::this_thread::yield();
    return {"pass", ""};
  });
  const auto milter = StartMilter();
  std::vector<std::thread> threads;
  std::atomic<int> went_on{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      MilterMta mta(socket());
      const std::string id = "Q" + std::to_string(i);  // or it is one question
      if (mta.Recipient({"esmtp", "a.test", "u@a.test", id}).empty()) {
        ++went_on;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(went_on, 8);
}

// Sessions that stay, over a service that is ended in the middle of a question
// and started again; then all have gone, and so have their descriptors.
TEST_F(MilterProgramTest, SixtyFourSessionsOutliveTheService) {
  std::promise<void> asked;
  std::atomic<bool> hangs{true};
  const auto start = [&] {
    StartService(
        [&](const SocketMapQuery& query) -> std::optional<SocketMapReply> {
          if (hangs && query.key.find("hang.test") != query.key.npos) {
            return std::nullopt;
          }
          return door_.Known(query);
        },
        [&](const SocketMapQuery& query, int stop_fd) -> SocketMapReply {
          if (query.key.find("hang.test") == query.key.npos) {
            return door_.Find(query, Deadline::After(std::chrono::seconds(20)),
                              stop_fd);
          }
          asked.set_value();
          WaitFor(stop_fd, false, -1,
                  Deadline::After(std::chrono::seconds(30)));
          return SocketMapReply::Ok("pass");
        });
  };
  start();
  const auto milter = StartMilter();
  const auto ask = [](MilterMta& mta, const std::string& domain) {
    return mta.Recipient({"esmtp", domain, "u@" + domain, "Q1"});
  };
  for (int round = 0; round < 2; ++round) {
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    std::latch here(65), gone(65);
    for (int i = 0; i < 64; ++i) {
      threads.emplace_back([&] {
        MilterMta mta(socket());
        for (int j = 0; j < 5; ++j) wrong += !ask(mta, "village.test").empty();
        here.arrive_and_wait();
        gone.arrive_and_wait();
        wrong += !ask(mta, "village.test").empty();
      });
    }
    here.arrive_and_wait();
    if (round == 0) {
      MilterMta mta(socket());
      auto answer =
          std::async(std::launch::async, [&] { return ask(mta, "hang.test"); });
      asked.get_future().wait();
      service_.reset();
      EXPECT_THAT(answer.get(), StartsWith("451 4.3.0 service-unavailable"));
      EXPECT_THAT(ask(mta, "village.test"),
                  StartsWith("451 4.3.0 service-unavailable"));
      hangs = false;
      start();
    }
    gone.arrive_and_wait();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
    // The kept connections stay, the sessions' do not.
    const std::string process = std::to_string(milter->pid());
    const Deadline soon = Deadline::After(std::chrono::seconds(30));
    while (OpenDescriptors(process) > 90 && !soon.expired()) {
      std::this_thread::yield();
    }
    const std::size_t now = OpenDescriptors(process);
    EXPECT_LE(now, 90u);  // a connection for each, at most
  }
}

TEST_F(MilterProgramTest, StrangeOctetsEndNothing) {
  StartService();
  const auto milter = StartMilter();
  MilterMta mta(socket());
  EXPECT_THAT(mta.Recipient({"esmtp", "a\nb.test", "u@a\rb\x01.test", "Q1"}),
              StartsWith("451 4."));
  EXPECT_THAT(mta.Recipient({"esmtp", std::string(20'000, 'a'),
                             "u@" + std::string(20'000, 'a'), "Q1"}),
              StartsWith("451 4."));
  EXPECT_THAT(mta.Recipient({"esmtp", "%n%n%s", "%s%n@%n", "%s"}),
              StartsWith("451 4."));
  MilterMta garbage(socket());
  garbage.SendRaw(std::string("\xff\xff\xff\xffR<x>", 8));
  EXPECT_TRUE(garbage.IsClosed());
  MilterMta empty(socket());
  empty.SendRaw(std::string("\0\0\0\1R", 5));
  EXPECT_TRUE(milter->running());
  EXPECT_EQ(mta.Recipient({"esmtp", "village.test.", "u@village.test", "Q1"}),
            "");
}

// A client that is not ours.
TEST_F(MilterProgramTest, Miltertest) {
  StartService();
  const auto milter = StartMilter();
  std::ofstream(directory_ + "/script.lua") << R"(
conn = mt.connect("local:)" << socket() << R"(", 100, 0.1)
if conn == nil then error "no connection" end
if mt.negotiate(conn, nil, nil, nil) ~= nil then error "negotiate" end
for _, step in ipairs({SMFIP_NOCONNECT, SMFIP_NOHELO, SMFIP_NOMAIL,
                       SMFIP_NOBODY, SMFIP_NOHDRS}) do
  if not mt.test_option(conn, step) then error "a step that is not needed" end
end
if mt.test_option(conn, SMFIP_NORCPT) then error "no RCPT" end
function ask(mailer, host, address, wanted)
  mt.macro(conn, SMFIC_RCPT, "i", "Q1", "{rcpt_mailer}", mailer,
           "{rcpt_host}", host, "{rcpt_addr}", address)
  if mt.rcptto(conn, "<" .. address .. ">") ~= nil then error "rcptto" end
  if mt.getreply(conn) ~= wanted then
    error(address .. ": " .. mt.getreply(conn))
  end
end
ask("esmtp", "village.test.", "u@village.test", SMFIR_CONTINUE)
ask("esmtp", "nowhere.test.", "u@nowhere.test", SMFIR_REPLYCODE)
ask("local", "", "u", SMFIR_CONTINUE)
mt.disconnect(conn)
)";
  Child client({"miltertest", "-s", directory_ + "/script.lua"});
  EXPECT_EQ(client.Wait(), 0);
}

}  // namespace
}  // namespace postern
