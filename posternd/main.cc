// posternd/main.cc
//
// posternd: the resident service (docs/architecture.md). It never detaches
// itself: systemd, or a shell, runs it.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "core/audit/audit_log.h"
#include "core/config/command_line.h"
#include "posternd/daemon.h"
#include "posternd/program_spec.h"

namespace postern {
namespace {

constexpr int kGood = 0, kFailed = 1, kUsage = 2;

// Files of ours are nobody else's, memory is never written to disk by a crash
// (a handler that core dumps are piped to would not ask the limit) nor read by
// another process of our user, and as many descriptors as we may have.
void SetLimits() {
  umask(0077);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

int Complain(const std::string& text, int status) {
  std::fprintf(stderr, "posternd: %s\n", text.c_str());
  return status;
}

int Serve(const ParsedCommand& args) {
  if (geteuid() == 0 && !args.Has("allow-root")) {
    return Complain("refuses to run as root; start it as the user 'postern'",
                    kUsage);
  }
  SetLimits();
  Daemon::BlockSignals();
  const Syslog log("postern", args.Has("foreground"));
  // The usual file may be absent; one that was asked for may not.
  const MissingFile missing = args.Has("config") ? MissingFile::kIsAnError
                                                 : MissingFile::kMeansDefaults;
  Daemon daemon({args.Get("config"), missing, args.All("set")}, log);
  const Status started = daemon.Start();
  if (!started) {
    log.Error("does not start: " + started.error().ToString());
    if (args.Has("foreground")) return kFailed;
    return Complain(started.error().ToString(), kFailed);
  }
  // Threads that still wait for a server would keep an orderly exit waiting.
  if (!daemon.Run()) _exit(kFailed);
  return kGood;
}

int Main(const std::vector<std::string>& words) {
  const CommandSpec spec = PosterndSpec();
  const Result<ParsedCommand> args = ParseCommand(spec, {}, words);
  if (!args) {
    return Complain(args.error().detail() + "\nTry 'posternd --help'.", kUsage);
  }
  if (args->Has("help")) {
    std::fputs(RenderHelp("posternd", spec, {}).c_str(), stdout);
    return kGood;
  }
  if (args->Has("version")) {
    std::puts("posternd " POSTERN_VERSION);
    return kGood;
  }
  return Serve(*args);
}

}  // namespace
}  // namespace postern

int main(int argc, char** argv) {
  try {
    return postern::Main({argv + (argc > 0 ? 1 : 0), argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "posternd: %s\n", error.what());
    return 1;
  }
}
