// tests/core/service/socket_map_client_test.cc
//
// Connections stay, and every answer is that of the question: whatever the
// service does in between, the next one gets its own answer or none.
#include "core/service/socket_map_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "tests/testlib/served_map.h"

namespace postern {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

Deadline InGoodTime() { return Deadline::After(seconds(30)); }

std::optional<SocketMapReply> SameKey(const SocketMapQuery& query) {
  return SocketMapReply::Ok(query.key);
}

// The answer's value, or why there is none.
std::string Ask(SocketMapClient& client, const std::string& key,
                Deadline deadline = InGoodTime()) {
  const auto answer = client.Ask({"map", key}, deadline);
  return answer ? answer->reply.text : answer.error().ToString();
}

TEST(SocketMapClientTest, ConnectionsStay) {
  const ServedMap map(SameKey);
  SocketMapClient client(map.path(), 4);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Ask(client, std::to_string(i)), std::to_string(i));
  }
  EXPECT_EQ(map.accepted(), 1u);
}

TEST(SocketMapClientTest, ManyThreadsGetTheirOwnAnswers) {
  const std::size_t before = OpenDescriptors();
  {
    // Half of them from other threads, in whatever order.
    const ServedMap map(
        [](const SocketMapQuery& query) {
          return query.key.back() % 2 == 0 ? SameKey(query) : std::nullopt;
        },
        [](const SocketMapQuery& query, int) { return *SameKey(query); });
    SocketMapClient client(map.path(), 16);
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 64; ++i) {
      threads.emplace_back([&, i] {
        for (int j = 0; j < 20; ++j) {
          const std::string key = std::to_string(i) + "-" + std::to_string(j);
          if (Ask(client, key) != key) ++wrong;
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
    EXPECT_LE(map.accepted(), 16u);
  }
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST(SocketMapClientTest, AServiceStartedAgainIsFound) {
  ServedMap map(SameKey);
  SocketMapClient client(map.path(), 4);
  const std::size_t before = OpenDescriptors();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Ask(client, "a"), "a");
    map.End();
    EXPECT_THAT(Ask(client, "b"), HasSubstr("service-unavailable"));
    map.Start();
  }
  EXPECT_EQ(Ask(client, "c"), "c");
  EXPECT_LE(OpenDescriptors(), before + 2);  // both ends of one
}

TEST(SocketMapClientTest, AServiceThatEndsInTheMiddleHasNotAnswered) {
  std::promise<void> asked;
  ServedMap map(
      [](const SocketMapQuery& query) {
        return query.key == "known" ? SameKey(query) : std::nullopt;
      },
      [&asked](const SocketMapQuery& query, int stop_fd) {
        asked.set_value();
        WaitFor(stop_fd, false, -1, InGoodTime());
        return *SameKey(query);
      });
  SocketMapClient client(map.path(), 4);
  EXPECT_EQ(Ask(client, "known"), "known");
  auto answer = std::async(std::launch::async,
                           [&client] { return Ask(client, "hangs"); });
  asked.get_future().wait();
  map.End();
  EXPECT_THAT(answer.get(), HasSubstr("service-unavailable"));
}

TEST(SocketMapClientTest, AskedAgainOnceAndOnlyIfNothingWasHeard) {
  const ScriptedMap map([](int fd, int number) {
    ScriptedMap::Answer(fd, ScriptedMap::Hear(fd));
    const std::string key = ScriptedMap::Hear(fd);
    if (number >= 3) ScriptedMap::Say(fd, "9:OK h");
  });
  SocketMapClient client(map.path(), 4);
  EXPECT_EQ(Ask(client, "a"), "a");
  EXPECT_EQ(map.connections(), 1);
  // Hung up on in the middle: asked again of a new one.
  EXPECT_EQ(Ask(client, "b"), "b");
  EXPECT_EQ(Ask(client, "c"), "c");
  EXPECT_EQ(Ask(client, "d"), "d");
  EXPECT_EQ(map.connections(), 4);
  // Half an answer is none, and the question is not asked again.
  EXPECT_THAT(Ask(client, "e"), HasSubstr("without a whole answer"));
  EXPECT_EQ(map.connections(), 4);
  EXPECT_EQ(Ask(client, "f"), "f");
}

TEST(SocketMapClientTest, ANewConnectionIsNotTriedTwice) {
  const ScriptedMap map([](int fd, int) { ScriptedMap::Hear(fd); });
  SocketMapClient client(map.path(), 4);
  EXPECT_THAT(Ask(client, "a"), HasSubstr("hung up without an answer"));
  EXPECT_EQ(map.connections(), 1);
}

TEST(SocketMapClientTest, ALateAnswerIsNobodys) {
  std::promise<void> late;
  const ScriptedMap map([&late](int fd, int number) {
    const std::string key = ScriptedMap::Hear(fd);
    if (number == 0) late.get_future().wait();
    ScriptedMap::Answer(fd, key);
    ScriptedMap::Answer(fd, ScriptedMap::Hear(fd));
  });
  SocketMapClient client(map.path(), 4);
  EXPECT_THAT(Ask(client, "a", Deadline::After(milliseconds(20))),
              HasSubstr("service-unavailable"));
  late.set_value();
  EXPECT_EQ(Ask(client, "b"), "b");
  EXPECT_EQ(map.connections(), 2);
}

TEST(SocketMapClientTest, WhatNobodyAskedForEndsTheConnection) {
  std::promise<void> heard, said;
  const ScriptedMap map([&](int fd, int number) {
    ScriptedMap::Answer(fd, ScriptedMap::Hear(fd));
    if (number == 0) {
      heard.get_future().wait();
      ScriptedMap::Answer(fd, "unasked");
      said.set_value();
    }
    ScriptedMap::Hear(fd);
  });
  SocketMapClient client(map.path(), 4);
  EXPECT_EQ(Ask(client, "a"), "a");
  heard.set_value();
  said.get_future().wait();
  EXPECT_EQ(Ask(client, "b"), "b");
  EXPECT_EQ(map.connections(), 2);
}

TEST(SocketMapClientTest, WhatIsNoAnswerIsAnError) {
  for (const char* said :
       {"OK fine\n", "9999999:OK", "5:OK fi;", "2:OK,2:OK,", "3:YES,", ":,"}) {
    SCOPED_TRACE(said);
    const ScriptedMap map([said](int fd, int) {
      ScriptedMap::Hear(fd);
      ScriptedMap::Say(fd, said);
      ScriptedMap::Hear(fd);
    });
    SocketMapClient client(map.path(), 4);
    EXPECT_THAT(Ask(client, "a"), HasSubstr("service-unavailable"));
  }
}

TEST(SocketMapClientTest, ASilentServiceIsGivenUp) {
  const ScriptedMap map([](int fd, int) {
    ScriptedMap::Hear(fd);
    ScriptedMap::Say(fd, "7:OK");
    ScriptedMap::Hear(fd);
  });
  SocketMapClient client(map.path(), 1);
  EXPECT_THAT(Ask(client, "a", Deadline::After(milliseconds(20))),
              HasSubstr("no answer in time"));
}

TEST(SocketMapClientTest, WhoFindsAllConnectionsInUseWaitsForOne) {
  std::promise<void> asked, release;
  const ScriptedMap map([&](int fd, int) {
    const std::string key = ScriptedMap::Hear(fd);
    asked.set_value();
    release.get_future().wait();
    ScriptedMap::Answer(fd, key);
    ScriptedMap::Answer(fd, ScriptedMap::Hear(fd));
  });
  SocketMapClient client(map.path(), 1);
  auto first =
      std::async(std::launch::async, [&client] { return Ask(client, "a"); });
  asked.get_future().wait();
  EXPECT_THAT(Ask(client, "b", Deadline::After(milliseconds(20))),
              HasSubstr("service-busy"));
  auto second =
      std::async(std::launch::async, [&client] { return Ask(client, "c"); });
  release.set_value();
  EXPECT_EQ(first.get(), "a");
  EXPECT_EQ(second.get(), "c");
  EXPECT_EQ(map.connections(), 1);
}

TEST(SocketMapClientTest, ALinkTellsOfTheServicesEnd) {
  ServedMap map(SameKey);
  SocketMapClient client(map.path(), 4);
  const auto answer = client.Ask({"map", "a"}, InGoodTime());
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->link->open());
  map.End();
  EXPECT_FALSE(answer->link->open());
}

}  // namespace
}  // namespace postern
