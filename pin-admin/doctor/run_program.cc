#include "pin-admin/doctor/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/clock/clock.h"
#include "core/service/owned_fd.h"

namespace postern {
namespace {

// What the child says through the pipe of the last resort: exec's errno.
struct Pipes {
  OwnedFd in, out, err, failed;                          // ours
  OwnedFd child_in, child_out, child_err, child_failed;  // the program's
};

bool MakePipe(OwnedFd& read_end, OwnedFd& write_end) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  read_end.Reset(ends[0]);
  write_end.Reset(ends[1]);
  return true;
}

// Between fork and exec: only what is async-signal-safe.
[[noreturn]] void Become(Pipes& pipes, char* const* argv, char* const* env) {
  setpgid(0, 0);
  dup2(pipes.child_in.get(), STDIN_FILENO);
  dup2(pipes.child_out.get(), STDOUT_FILENO);
  dup2(pipes.child_err.get(), STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  execve(argv[0], argv, env);
  const int error = errno;
  if (write(pipes.child_failed.get(), &error, sizeof error) < 0) _exit(127);
  _exit(127);
}

// Reads what is there; false at the end of the stream.
bool Take(int fd, std::string& into) {
  std::array<char, 16384> buffer;
  const ssize_t count = read(fd, buffer.data(), buffer.size());
  if (count < 0) return errno == EINTR || errno == EAGAIN;
  into.append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0;
}

// Feeds `input` and gathers both streams until the program has closed them.
Status Converse(Pipes& pipes, std::string_view input, std::size_t limit,
                Deadline deadline, ProgramOutput& output) {
  if (input.empty()) pipes.in.Reset();
  while (pipes.out || pipes.err) {
    std::array<pollfd, 3> fds{{{pipes.out.get(), POLLIN, 0},
                               {pipes.err.get(), POLLIN, 0},
                               {pipes.in.get(), POLLOUT, 0}}};
    const int ready = poll(fds.data(), fds.size(), deadline.poll_timeout());
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      return Error{Reason::kDeadlineExceeded, "did not end in time"};
    }
    if (fds[0].revents != 0 && !Take(fds[0].fd, output.out)) pipes.out.Reset();
    if (fds[1].revents != 0 && !Take(fds[1].fd, output.err)) pipes.err.Reset();
    if (fds[2].revents != 0) {
      const ssize_t count = write(fds[2].fd, input.data(), input.size());
      if (count > 0) input.remove_prefix(static_cast<std::size_t>(count));
      const bool gone = count < 0 && errno != EINTR && errno != EAGAIN;
      if (input.empty() || gone) pipes.in.Reset();
    }
    if (output.out.size() > limit || output.err.size() > limit) {
      return Error{Reason::kServiceUnavailable, "said too much"};
    }
  }
  return {};
}

// The group's end, whatever is still running in it.
int Reap(pid_t child) {
  kill(-child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

// Waits for a program that has closed its streams, to the deadline.
Result<int> Await(pid_t child, Deadline deadline) {
  int status = 0;
  for (;;) {
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) {
      kill(-child, SIGKILL);
      return status;
    }
    if (deadline.expired()) {
      Reap(child);
      return Error{Reason::kDeadlineExceeded, "did not end in time"};
    }
    poll(nullptr, 0, 2);
  }
}

Error About(const std::string& program, const Error& error) {
  return {error.reason(), program + ": " + error.detail()};
}

}  // namespace

Result<ProgramOutput> SystemPrograms::Run(const std::vector<std::string>& argv,
                                          const std::string& input) {
  const std::string& program = argv.front();
  const auto failed = [&program](const std::string& what) {
    return Error{Reason::kServiceUnavailable, program + ": " + what};
  };
  Pipes pipes;
  if (!MakePipe(pipes.child_in, pipes.in) ||
      !MakePipe(pipes.out, pipes.child_out) ||
      !MakePipe(pipes.err, pipes.child_err) ||
      !MakePipe(pipes.failed, pipes.child_failed) ||
      fcntl(pipes.in.get(), F_SETFL, O_NONBLOCK) != 0) {
    return failed(std::string("no pipe: ") + std::strerror(errno));
  }
  std::vector<char*> words;
  for (const std::string& word : argv) {
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  std::string path = "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
              language = "LC_ALL=C";
  std::array<char*, 3> env{path.data(), language.data(), nullptr};

  const Deadline deadline = Deadline::After(limits_.time);
  const pid_t child = fork();
  if (child < 0) return failed(std::string("fork: ") + std::strerror(errno));
  if (child == 0) Become(pipes, words.data(), env.data());
  setpgid(child, child);  // whichever of us is first
  pipes.child_in.Reset();
  pipes.child_out.Reset();
  pipes.child_err.Reset();
  pipes.child_failed.Reset();

  ProgramOutput output;
  const Status talked =
      Converse(pipes, input, limits_.octets, deadline, output);
  if (!talked) {
    Reap(child);
    return About(program, talked.error());
  }
  const Result<int> status = Await(child, deadline);
  if (!status) return About(program, status.error());
  int error = 0;
  if (read(pipes.failed.get(), &error, sizeof error) == sizeof error) {
    return failed(std::string("cannot be run: ") + std::strerror(error));
  }
  if (!WIFEXITED(*status)) return failed("died of a signal");
  output.status = WEXITSTATUS(*status);
  return output;
}

}  // namespace postern
