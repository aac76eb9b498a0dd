// posternd/main.cc
//
// posternd: the resident service (docs/architecture.md). It never detaches
// itself: systemd, or a shell, runs it.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "core/audit/audit_log.h"
#include "core/config/program_main.h"
#include "posternd/daemon.h"
#include "posternd/program_spec.h"

namespace postern {
namespace {

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

Program ThisProgram() { return {"posternd", POSTERN_VERSION, PosterndSpec()}; }

int Complain(std::string_view text, int status) {
  return Complain(ThisProgram(), text, status);
}

int Serve(const ParsedCommand& args) {
  if (geteuid() == 0 && !args.Has("allow-root")) {
    return Complain("refuses to run as root; start it as the user 'postern'",
                    kExitUsage);
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
    if (args.Has("foreground")) return kExitFailed;
    return Complain(started.error().ToString(), kExitFailed);
  }
  // Threads that still wait for a server would keep an orderly exit waiting.
  if (!daemon.Run()) _exit(kExitFailed);
  return kExitGood;
}

}  // namespace
}  // namespace postern

int main(int argc, char** argv) {
  return postern::RunProgram(postern::ThisProgram(), argc, argv,
                             postern::Serve);
}
