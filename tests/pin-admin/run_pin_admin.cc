#include "tests/pin-admin/run_pin_admin.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace postern {
namespace {

namespace fs = std::filesystem;

std::string MakeDirectory() {
  std::string name = (fs::temp_directory_path() / "pin-admin-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) std::abort();
  fs::permissions(name, fs::perms(0755));
  return name;
}

// Where the build tree is, nobody may not be allowed to look.
class BinaryCopy {
 public:
  BinaryCopy() : directory_(MakeDirectory()) {
    fs::copy_file(POSTERN_PIN_ADMIN, path());
    fs::permissions(path(), fs::perms(0755));
  }
  ~BinaryCopy() {
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
  }
  std::string path() const { return directory_ + "/pin-admin"; }

 private:
  std::string directory_;
};

const std::string& Binary() {
  static const BinaryCopy copy;
  static const std::string path = copy.path();
  return path;
}

[[noreturn]] void RunChild(const std::vector<std::string>& words, int in,
                           int out, int err, bool as_nobody) {
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  if (as_nobody && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(126);
  setenv("TERM", "xterm", 1);
  std::vector<char*> argv;
  for (const std::string& word : words) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  execv(argv[0], argv.data());
  _exit(127);
}

std::string ReadFd(int fd) {
  std::string text;
  std::array<char, 8192> buffer{};
  for (;;) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  close(fd);
  return text;
}

}  // namespace

Json Ran::json() const {
  Result<Json> parsed = Json::Parse(out);
  if (!parsed) {
    ADD_FAILURE() << "no JSON: " << out << err;
    std::abort();
  }
  return *parsed;
}

Ran RunBinary(const std::vector<std::string>& words,
              const RunOptions& options) {
  std::vector<std::string> argv{Binary()};
  argv.insert(argv.end(), words.begin(), words.end());
  int in[2], out[2], err[2];
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 ||
      pipe2(err, O_CLOEXEC) != 0) {
    std::abort();
  }
  std::signal(SIGPIPE, SIG_IGN);
  const pid_t child = fork();
  if (child == 0) {
    const int to =
        options.disk_full ? open("/dev/full", O_WRONLY | O_CLOEXEC) : out[1];
    RunChild(argv, in[0], to, err[1], options.as_nobody);
  }
  close(in[0]);
  close(out[1]);
  close(err[1]);
  Ran ran;
  std::thread writer([&] {
    std::string_view rest = options.input;
    while (!rest.empty()) {
      const ssize_t count = write(in[1], rest.data(), rest.size());
      if (count <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(count));
    }
    close(in[1]);
  });
  std::thread errors([&] { ran.err = ReadFd(err[0]); });
  ran.out = ReadFd(out[0]);
  errors.join();
  writer.join();
  int status = 0;
  waitpid(child, &status, 0);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

Ran RunOnTerminal(const std::vector<std::string>& words,
                  const std::string& typed) {
  std::vector<std::string> argv{Binary()};
  argv.insert(argv.end(), words.begin(), words.end());
  int terminal = -1;
  const pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child < 0) std::abort();
  if (child == 0) {
    RunChild(argv, STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, false);
  }
  // The terminal keeps what is typed ahead until somebody reads it.
  if (write(terminal, typed.data(), typed.size()) < 0) std::abort();
  Ran ran;
  ran.out = ReadFd(terminal);
  int status = 0;
  waitpid(child, &status, 0);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ran;
}

TestStore::TestStore() : directory_(MakeDirectory()) {
  // As root the network's side has to become somebody; as anybody else it stays
  // who it is.
  const std::string user =
      geteuid() == 0 ? "nobody" : std::to_string(geteuid());
  const std::string group =
      geteuid() == 0 ? "nogroup" : std::to_string(getegid());
  Write("postern.conf",
        "author-store = " + path("private/author.db") + "\nsnapshot = " +
            path("policy.db") + "\nstate = " + path("state.db") +
            "\nsocket-directory = " + directory_ + "\nuser = " + user +
            "\ngroup = " + group + "\ntrust-directory = " + path("trust") +
            "\nhelo-name = sender.test\n");
}

TestStore::~TestStore() {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

Ran TestStore::Run(std::vector<std::string> words,
                   const RunOptions& options) const {
  words.push_back("--config");
  words.push_back(path("postern.conf"));
  return RunBinary(words, options);
}

Ran TestStore::OnTerminal(std::vector<std::string> words,
                          const std::string& typed) const {
  words.push_back("--config");
  words.push_back(path("postern.conf"));
  return RunOnTerminal(words, typed);
}

Ran TestStore::Good(std::vector<std::string> words) const {
  const std::string name = words[0] + (words.size() > 1 ? " " + words[1] : "");
  Ran ran = Run(std::move(words));
  EXPECT_EQ(ran.status, 0) << name << ": " << ran.out << ran.err;
  return ran;
}

Json TestStore::GoodJson(std::vector<std::string> words) const {
  words.push_back("--json");
  return Good(std::move(words)).json();
}

std::string TestStore::Write(const std::string& name,
                             const std::string& text) const {
  std::ofstream(path(name), std::ios::binary) << text;
  return path(name);
}

std::string TestStore::Content() const {
  return ReadAll(path("private/author.db")) + ReadAll(path("policy.db"));
}

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace postern
