#include "tests/core/dns/signed_tree.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

namespace postern {
namespace {

namespace fs = std::filesystem;

// What the helper script prints; its complaints go to our own error output.
std::string FindNsd() {
  FILE* const out = popen(POSTERN_DNS_TESTS "/find_nsd", "r");
  if (out == nullptr) return {};
  char line[4096] = "";
  const bool read = std::fgets(line, sizeof line, out) != nullptr;
  if (pclose(out) != 0 || !read) return {};
  return std::string(line, std::strcspn(line, "\n"));
}

// Its output goes to `log`. It ends when this program does.
pid_t Spawn(const std::vector<std::string>& command, const std::string& log) {
  std::vector<char*> argv;
  for (const std::string& word : command) {
    argv.push_back(const_cast<char*>(word.c_str()));
  }
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child != 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(126);
  const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (out >= 0) {
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
  }
  execv(argv[0], argv.data());
  _exit(127);
}

bool Run(const std::vector<std::string>& command, const std::string& log) {
  const pid_t child = Spawn(command, log);
  int status = -1;
  if (child < 0 || waitpid(child, &status, 0) != child) return false;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

sockaddr_in Loopback(Port port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port.value);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// Nobody holds it now; whoever takes it before nsd does costs us a retry.
Port FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(Port{0});
  socklen_t length = sizeof address;
  Port port{0};
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
    port.value = ntohs(address.sin_port);
  }
  close(fd);
  return port;
}

// Asks for the SOA of the root until somebody answers.
bool Answers(Port port, pid_t server) {
  static constexpr char kQuery[] =
      "\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x01";
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  bool answered = connect(fd, reinterpret_cast<const sockaddr*>(&address),
                          sizeof address) == 0;
  const Deadline deadline = Deadline::After(std::chrono::seconds(20));
  for (bool asked = answered; asked;) {
    answered = false;
    if (deadline.expired() || waitpid(server, nullptr, WNOHANG) != 0) break;
    // Refused until it listens: then this fails, and so does the read.
    (void)!send(fd, kQuery, sizeof kQuery - 1, 0);
    pollfd wait{fd, POLLIN, 0};
    char reply[2];
    poll(&wait, 1, 100);
    answered = recv(fd, reply, sizeof reply, MSG_DONTWAIT) == 2;
    asked = !answered;
  }
  close(fd);
  return answered;
}

}  // namespace

std::unique_ptr<SignedTree> SignedTree::Start(std::string& why) {
  const std::string nsd = FindNsd();
  if (nsd.empty()) {
    why = "this test needs nsd and ldnsutils (see find_nsd)";
    return nullptr;
  }
  std::unique_ptr<SignedTree> tree(new SignedTree);
  std::string pattern = fs::temp_directory_path() / "postern-dns-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) {
    why = "no temporary directory";
    return nullptr;
  }
  tree->directory_ = pattern;
  for (int attempt = 0; attempt < 5; ++attempt) {
    if (tree->TryPort(nsd, why)) return tree;
  }
  return nullptr;
}

bool SignedTree::TryPort(const std::string& nsd, std::string& why) {
  port_ = FreePort();
  for (const auto& entry : fs::directory_iterator(directory_)) {
    fs::remove(entry.path());
  }
  const std::string log = directory_ + "/log";
  if (!Run({POSTERN_DNS_TESTS "/make_signed_tree", directory_,
            std::to_string(port_.value)},
           log)) {
    why = "make_signed_tree failed";
    return false;
  }
  nsd_ = Spawn({nsd, "-d", "-c", directory_ + "/nsd.conf"}, log);
  if (nsd_ > 0 && Answers(port_, nsd_)) return true;
  why = nsd + " does not come up";
  if (nsd_ > 0) {
    kill(nsd_, SIGTERM);
    waitpid(nsd_, nullptr, 0);
  }
  nsd_ = -1;
  return false;
}

SignedTree::~SignedTree() {
  if (nsd_ > 0) {
    kill(nsd_, SIGTERM);
    waitpid(nsd_, nullptr, 0);
  }
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

ResolverOptions SignedTree::Options() const {
  const DnsServer nsd{IpAddress::V4({127, 0, 0, 1}), port_};
  ResolverOptions options;
  options.trust_anchor_file = directory_ + "/anchor";
  options.resolv_conf.clear();
  // Each by itself: a delegation inside the tree would lead to port 53.
  for (const char* zone :
       {".", "test.", "unsigned.test.", "bogus.test.", "expired.test."}) {
    options.stubs.push_back(StubZone{zone, {nsd}});
  }
  options.removed_local_zones = {"test.", "2.0.192.in-addr.arpa.",
                                 "8.b.d.0.1.0.0.2.ip6.arpa."};
  return options;
}

}  // namespace postern
