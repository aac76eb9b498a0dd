// tests/sendmail-milter/recipient_asker_test.cc
//
// postern-milter's questions to a service of the test's making: a "pass" is
// given again only while all that it rests on stands, and whatever becomes of
// the service in between, a recipient goes on or waits, never the wrong way.
#include "sendmail-milter/recipient_asker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <future>
#include <sstream>

#include "tests/testlib/served_map.h"

namespace postern {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::StartsWith;

constexpr RecipientQuestion kBank{"bank.test", "bank.test", "Q1"};

// "" to go on, or "451 4.7.5 text".
std::string Ask(RecipientAsker& asker,
                const RecipientQuestion& question = kBank) {
  const SmtpAnswer answer = asker.Ask(question);
  if (answer.code.empty()) return "";
  return answer.code + " " + answer.status + " " + answer.text;
}

class RecipientAskerTest : public testing::Test {
 protected:
  RecipientAskerTest() { Publish("pass"); }

  void Publish(const std::string& text) {
    std::ofstream(directory_ / "new") << text;
    std::filesystem::rename(directory_ / "new", policy_);
  }

  // As MilterDoor does: first which file it is, then what it says.
  std::optional<SocketMapReply> Answer(const SocketMapQuery& query) {
    ++asked_;
    if (query.key.find("queue-id=hang") != query.key.npos) return std::nullopt;
    const PublishedFile policy = PublishedFile::Now(policy_);
    std::ostringstream text;
    text << std::ifstream(policy_).rdbuf();
    if (text.str() != "pass") {
      return ToMapReply({"deferred", "4.7.5 pin-mismatch: x"});
    }
    return ToMapReply(has_terms_ ? PassUnder({policy, hold_})
                                 : Reply{"pass", ""});
  }

  const TemporaryDirectory directory_;
  const std::string policy_ = directory_ / "policy.db";
  std::atomic<int> asked_{0};
  std::atomic<bool> has_terms_{true};
  milliseconds hold_ = hours(1);
  std::promise<void> hanging_;
  ServedMap map_{[this](const SocketMapQuery& query) { return Answer(query); },
                 [this](const SocketMapQuery&, int stop_fd) {
                   hanging_.set_value();
                   WaitFor(stop_fd, false, -1,
                           Deadline::After(std::chrono::seconds(30)));
                   return SocketMapReply::Ok("pass");
                 }};
  RecipientAsker asker_{map_.path()};
};

TEST_F(RecipientAskerTest, APassOfThePolicysIsGivenAgain) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Ask(asker_), "");
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(Ask(asker_, {"bank.test", "bank.test", "Q2"}), "");
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(Ask(asker_, {"bank.test", "[relay.test]", "Q1"}), "");
  EXPECT_EQ(Ask(asker_, {"town.test", "bank.test", "Q1"}), "");
  EXPECT_EQ(asked_, 3);
}

TEST_F(RecipientAskerTest, ACommitBitesAtTheNextRecipient) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Ask(asker_), "");
    Publish("no");
    EXPECT_THAT(Ask(asker_), StartsWith("451 4.7.5 pin-mismatch"));
    Publish("pass");
  }
  std::filesystem::remove(policy_);
  EXPECT_THAT(Ask(asker_), StartsWith("451 4.7.5 pin-mismatch"));
}

TEST_F(RecipientAskerTest, ACommitWhileItWasAskedBitesToo) {
  const ScriptedMap map([this](int fd, int number) {
    for (;;) {
      if (ScriptedMap::Hear(fd).empty()) return;
      const PublishedFile before = PublishedFile::Now(policy_);
      if (number == 0) Publish("no");
      ++asked_;
      ScriptedMap::Say(
          fd, FormatSocketMapReply(ToMapReply(PassUnder({before, hold_}))));
    }
  });
  RecipientAsker asker(map.path());
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(Ask(asker), "");
    EXPECT_EQ(asked_, i);
  }
}

TEST_F(RecipientAskerTest, TheServicesEndIsSeenAtOnce) {
  EXPECT_EQ(Ask(asker_), "");
  map_.End();
  EXPECT_THAT(Ask(asker_), StartsWith("451 4.3.0 service-unavailable"));
  map_.Start();
  EXPECT_EQ(Ask(asker_), "");
  EXPECT_EQ(asked_, 2);
}

TEST_F(RecipientAskerTest, ItsTimeEnds) {
  hold_ = milliseconds(1);
  EXPECT_EQ(Ask(asker_), "");
  const Deadline later = Deadline::After(milliseconds(3));
  while (!later.expired()) std::this_thread::yield();
  EXPECT_EQ(Ask(asker_), "");
  EXPECT_EQ(asked_, 2);
}

TEST_F(RecipientAskerTest, NothingElseIsGivenAgain) {
  has_terms_ = false;
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(Ask(asker_), "");
    EXPECT_EQ(asked_, i);
  }
  has_terms_ = true;
  Publish("no");
  for (int i = 4; i <= 6; ++i) {
    EXPECT_THAT(Ask(asker_), StartsWith("451 "));
    EXPECT_EQ(asked_, i);
  }
}

TEST_F(RecipientAskerTest, AServiceThatEndsInTheMiddleIsA451) {
  EXPECT_EQ(Ask(asker_, {"other.test", "other.test", "Q1"}), "");
  auto answer = std::async(std::launch::async, [this] {
    return Ask(asker_, {"bank.test", "bank.test", "hang"});
  });
  hanging_.get_future().wait();
  map_.End();
  EXPECT_THAT(answer.get(), StartsWith("451 4.3.0 service-unavailable"));
}

TEST_F(RecipientAskerTest, AServiceThatIsSilentIsA451) {
  const ScriptedMap silent([](int fd, int) {
    ScriptedMap::Hear(fd);
    ScriptedMap::Hear(fd);
  });
  RecipientAsker asker(silent.path(), milliseconds(20));
  EXPECT_THAT(Ask(asker), StartsWith("451 4.3.0 service-unavailable"));
  EXPECT_THAT(Ask(asker), StartsWith("451 4.3.0 service-unavailable"));
}

TEST_F(RecipientAskerTest, WhatCantBeSentIsA451) {
  EXPECT_THAT(Ask(asker_, {"a\nb.test", "c", "Q1"}), StartsWith("451 4."));
  EXPECT_EQ(asked_, 0);
}

// 64 sessions, while the policy changes and the service is started again: what
// was asked after a commit, and answered before the next, is by that commit.
TEST_F(RecipientAskerTest, ManySessionsSeeEveryCommit) {
  std::atomic<int> commits{0};  // odd: all wait
  std::atomic<bool> over{false};
  std::atomic<int> wrong{0}, right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 64; ++i) {
    threads.emplace_back([&, i] {
      const std::string domain = "d" + std::to_string(i % 8) + ".test";
      while (!over) {
        const int before = commits;
        const bool on = Ask(asker_, {domain, domain, "Q1"}).empty();
        // During a commit either is true.
        if (before < 0 || commits != before) continue;
        ++(on == (before % 2 == 0) ? right : wrong);
      }
    });
  }
  for (int i = 1; i <= 20; ++i) {
    const int seen = right;
    commits = -1;
    Publish(i % 2 == 0 ? "pass" : "no");
    commits = i;
    const Deadline soon = Deadline::After(std::chrono::seconds(30));
    while (right < seen + 64 && !soon.expired()) std::this_thread::yield();
    EXPECT_GE(right, seen + 64);
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(RecipientAskerTest, DescriptorsStayFew) {
  EXPECT_EQ(Ask(asker_), "");
  const std::size_t before = OpenDescriptors();
  for (int i = 0; i < 20; ++i) {
    Publish("pass");
    EXPECT_EQ(Ask(asker_), "");
    map_.End();
    EXPECT_NE(Ask(asker_), "");
    map_.Start();
    EXPECT_EQ(Ask(asker_), "");
  }
  EXPECT_LE(OpenDescriptors(), before + 2);
}

}  // namespace
}  // namespace postern
