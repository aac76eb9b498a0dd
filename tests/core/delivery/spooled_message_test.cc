// tests/core/delivery/spooled_message_test.cc
//
// A message comes out of the spool as it went in; what is no message, too big
// or too much is refused, and nothing stays behind.
#include "core/delivery/spooled_message.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

#include "core/delivery/wire_scan.h"

namespace postern {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

Deadline Soon() { return Deadline::After(seconds(20)); }

class SpoolTest : public testing::Test {
 protected:
  SpoolTest() {
    std::signal(SIGPIPE, SIG_IGN);  // as every program of ours does
    std::string pattern = testing::TempDir() + "postern-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~SpoolTest() override { std::filesystem::remove_all(directory_); }

  // A pipe that holds `octets` and then ends.
  struct Pipe {
    explicit Pipe(std::string octets) {
      EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
      writer = std::thread([this, text = std::move(octets)] {
        std::string_view left = text;
        while (!left.empty()) {
          const ssize_t n = write(ends[1], left.data(), left.size());
          if (n <= 0) break;
          left.remove_prefix(static_cast<std::size_t>(n));
        }
        close(ends[1]);
      });
    }
    ~Pipe() {
      close(ends[0]);
      writer.join();
    }
    int ends[2] = {-1, -1};
    std::thread writer;
  };

  Result<std::unique_ptr<const Message>> Receive(Spool& spool,
                                                 const std::string& octets) {
    Pipe pipe(octets);
    return spool.Receive(pipe.ends[0], Soon(), {});
  }

  static std::string ReadAll(const Message& message) {
    std::string all(message.size() + 1, '\0');
    const auto count = message.Read(0, all);
    EXPECT_TRUE(count);
    all.resize(*count);
    return all;
  }

  std::string directory_;
};

TEST_F(SpoolTest, AMessageComesOutAsItWentIn) {
  Spool spool(directory_, {1 << 20, 1 << 20});
  std::string text = "Subject: x\r\n\r\n..dot\r\n";
  while (text.size() < 300'000) text += "some line of text\r\n";
  {
    const auto message = Receive(spool, text);
    ASSERT_TRUE(message) << message.error().ToString();
    EXPECT_EQ((*message)->size(), text.size());
    EXPECT_EQ(ReadAll(**message), text);
    std::string part(10, '\0');
    EXPECT_EQ(*(*message)->Read(text.size() - 4, part), 4u);
    EXPECT_EQ(*(*message)->Read(text.size(), part), 0u);
    EXPECT_EQ(spool.used(), text.size());
    EXPECT_TRUE(std::filesystem::is_empty(directory_));
  }
  EXPECT_EQ(spool.used(), 0u);
}

TEST_F(SpoolTest, BoundsEachMessageAndAllTogether) {
  Spool spool(directory_, {100, 150});
  EXPECT_TRUE(Receive(spool, std::string(100, 'x')));
  const auto big = Receive(spool, std::string(101, 'x'));
  ASSERT_FALSE(big);
  EXPECT_EQ(big.error().reason(), Reason::kMessageTooBig);

  const auto first = Receive(spool, std::string(100, 'x'));
  ASSERT_TRUE(first);
  const auto second = Receive(spool, std::string(51, 'x'));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().reason(), Reason::kSpoolFull);
  EXPECT_EQ(spool.used(), 100u);
  EXPECT_TRUE(Receive(spool, std::string(50, 'x')));
}

TEST_F(SpoolTest, RefusesWhatIsNoMessage) {
  Spool spool(directory_, {100, 150});
  EXPECT_EQ(Receive(spool, "").error().reason(), Reason::kRequestInvalid);

  const int directory = open(directory_.c_str(), O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(spool.Receive(directory, Soon(), {}).error().reason(),
            Reason::kRequestInvalid);
  close(directory);
  const int zero = open("/dev/zero", O_RDONLY);
  EXPECT_EQ(spool.Receive(zero, Soon(), {}).error().reason(),
            Reason::kRequestInvalid);
  close(zero);
  EXPECT_EQ(spool.Receive(-1, Soon(), {}).error().reason(),
            Reason::kRequestInvalid);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(spool.Receive(ends[1], Soon(), {}).error().reason(),
            Reason::kRequestInvalid);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(SpoolTest, AMissingDirectoryIsSpoolFullAndFoundAtStartUp) {
  Spool spool(directory_ + "/none", {100, 150});
  EXPECT_EQ(Receive(spool, "x").error().reason(), Reason::kSpoolFull);
  EXPECT_FALSE(spool.Check());
  EXPECT_TRUE(Spool(directory_, {1, 1}).Check());
}

TEST_F(SpoolTest, ASilentMtaAndAGoneOneEndTheWait) {
  Spool spool(directory_, {100, 150});
  int ends[2], client[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, client), 0);
  EXPECT_EQ(spool.Receive(ends[0], Deadline::After({}), {}).error().reason(),
            Reason::kDeadlineExceeded);
  close(client[1]);
  EXPECT_EQ(spool.Receive(ends[0], Soon(), {client[0], -1}).error().reason(),
            Reason::kClientGone);
  EXPECT_EQ(spool.Receive(ends[0], Soon(), {-1, client[0]}).error().reason(),
            Reason::kServiceStopping);
  close(client[0]);
  close(ends[0]);
  close(ends[1]);
}

struct Scanned {
  bool has_8bit, utf8_header, crlf;
  bool operator==(const Scanned&) const = default;
};

void PrintTo(const Scanned& s, std::ostream* out) {
  *out << s.has_8bit << s.utf8_header << s.crlf;
}

// The same whatever the blocks are.
Scanned Scan(std::string_view text) {
  std::vector<Scanned> seen;
  for (const std::size_t block :
       {text.size(), std::size_t{1}, std::size_t{3}}) {
    WireScan scan;
    for (std::size_t i = 0; i < text.size(); i += block) {
      scan.Feed(text.substr(i, block));
    }
    seen.push_back(
        {scan.has_8bit(), scan.has_utf8_header(), scan.ends_with_crlf()});
  }
  EXPECT_EQ(seen[0], seen[1]) << text;
  EXPECT_EQ(seen[0], seen[2]) << text;
  return seen[0];
}

TEST(WireScanTest, TellsHeaderFromBodyAndUtf8FromNoise) {
  EXPECT_EQ(Scan("S: x\r\n\r\nbody\r\n"), (Scanned{false, false, true}));
  EXPECT_EQ(Scan("S: x\r\n\r\nb\xc3\xbc"), (Scanned{true, false, false}));
  EXPECT_EQ(Scan("S: \xc3\xbc\r\n\r\nb\r\n"), (Scanned{true, true, true}));
  EXPECT_EQ(Scan("S: \xf0\x9f\x98\x80\r\n\r\nb\n"),
            (Scanned{true, true, false}));
  EXPECT_EQ(Scan("S: x\r\n \r\nT: \xc3\xbc\r\n"), (Scanned{true, true, true}));
  for (const char* broken :
       {"S: \xfc\r\n\r\n", "S: \xc3\r\n\r\n", "S: \xed\xa0\x80\r\n\r\n",
        "S: \xe0\x80\x80\r\n\r\n", "S: \xf4\x90\x80\x80\r\n\r\n",
        "S: \xc0\xaf\r\n\r\n"}) {
    EXPECT_EQ(Scan(broken), (Scanned{true, false, true})) << broken;
  }
  EXPECT_EQ(Scan("S: \xc3"), (Scanned{true, false, false}));
}

}  // namespace
}  // namespace postern
