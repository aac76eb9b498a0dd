#include "pin-admin/privileges.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>

namespace postern {
namespace {

constexpr std::size_t kMaxAnswer = 1 << 20;

Error Failed(const char* what) {
  return Error(Reason::kInternal, std::string("cannot drop privileges: ") +
                                      what + ": " + std::strerror(errno));
}

// The child's answer starts with one of these.
constexpr char kDone = '+';
constexpr char kNotDone = '-';

void WriteAll(int fd, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = write(fd, text.data() + done, text.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    done += static_cast<std::size_t>(count);
  }
}

[[noreturn]] void RunChild(int fd, const std::string& user,
                           const std::function<std::string()>& work) {
  std::string answer;
  const Status dropped = DropPrivileges(user);
  if (!dropped) {
    answer = kNotDone + dropped.error().detail();
  } else {
    try {
      answer = kDone + work();
    } catch (const std::exception& error) {
      answer = std::string(1, kNotDone) + error.what();
    }
  }
  WriteAll(fd, answer);
  // Not exit(): the parent's buffers and handlers are not ours to run.
  _exit(0);
}

std::string ReadAll(int fd) {
  std::string text;
  char buffer[8192];
  for (;;) {
    const ssize_t count = read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > kMaxAnswer + 1) break;
  }
  return text;
}

}  // namespace

Status DropPrivileges(const std::string& wanted) {
  if (geteuid() != 0) return {};
  const passwd* user = getpwnam(wanted.c_str());
  if (user == nullptr) user = getpwnam("nobody");
  if (user == nullptr || user->pw_uid == 0) {
    return Error(Reason::kInternal,
                 "cannot drop privileges: there is no user " + wanted +
                     " (nor nobody), or it is root");
  }
  const uid_t uid = user->pw_uid;
  const gid_t gid = user->pw_gid;
  if (initgroups(user->pw_name, gid) != 0) return Failed("initgroups");
  if (setresgid(gid, gid, gid) != 0) return Failed("setresgid");
  if (setresuid(uid, uid, uid) != 0) return Failed("setresuid");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Failed("prctl");
  // A way back to root would make all of this a gesture.
  if (setuid(0) == 0 || geteuid() == 0 || getegid() == 0) {
    return Error(Reason::kInternal, "privileges did not go away");
  }
  return {};
}

Result<std::string> RunUnprivileged(const std::string& user,
                                    const std::function<std::string()>& work) {
  int ends[2];
  if (pipe(ends) != 0) {
    return Error(Reason::kInternal,
                 std::string("cannot make a pipe: ") + std::strerror(errno));
  }
  const pid_t child = fork();
  if (child < 0) {
    const int error = errno;
    close(ends[0]);
    close(ends[1]);
    return Error(Reason::kInternal,
                 std::string("cannot fork: ") + std::strerror(error));
  }
  if (child == 0) {
    close(ends[0]);
    RunChild(ends[1], user, work);
  }
  close(ends[1]);
  const std::string answer = ReadAll(ends[0]);
  close(ends[0]);  // a child with more to say gets EPIPE or SIGPIPE and ends
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (answer.size() > kMaxAnswer) {
    return Error(Reason::kInternal, "the unprivileged helper said too much");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || answer.empty()) {
    return Error(Reason::kInternal, "the unprivileged helper died");
  }
  if (answer[0] != kDone) return Error(Reason::kInternal, answer.substr(1));
  return answer.substr(1);
}

}  // namespace postern
