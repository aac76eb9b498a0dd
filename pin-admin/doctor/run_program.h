// pin-admin/doctor/run_program.h
//
// How doctor and the imports ask another program: by argument vector, never
// through a shell, with a time limit and bounded output. What hangs or talks
// too much is killed and is an Error, "could not find out".
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "core/outcome/result.h"

namespace postern {

struct ProgramOutput {
  int status = 0;  // exit status; a death by signal is an Error
  std::string out, err;
};

// The seam: tests answer for programs that hang or print garbage.
class ProgramRunner {
 public:
  virtual ~ProgramRunner() = default;
  // `argv[0]` is an absolute path. `input` is what the program reads.
  // Thread-safe.
  virtual Result<ProgramOutput> Run(const std::vector<std::string>& argv,
                                    const std::string& input) = 0;

 protected:
  ProgramRunner() = default;
};

// Starts real programs, with an environment of PATH and LC_ALL only, each in a
// process group of its own that is ended with it. Errors (kServiceUnavailable,
// kDeadlineExceeded) name the program. Thread-safe.
class SystemPrograms final : public ProgramRunner {
 public:
  struct Limits {
    std::chrono::milliseconds time{10'000};
    std::size_t octets = std::size_t{64} << 20;  // of each stream
  };
  SystemPrograms() = default;
  explicit SystemPrograms(Limits limits) : limits_(limits) {}

  Result<ProgramOutput> Run(const std::vector<std::string>& argv,
                            const std::string& input) override;

 private:
  Limits limits_;
};

}  // namespace postern
