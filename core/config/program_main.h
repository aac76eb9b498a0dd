// core/config/program_main.h
//
// What main() of a program without commands does before its own work begins:
// the command line, --help and --version.
#pragma once

#include <functional>
#include <string_view>

#include "core/config/command_line.h"

namespace postern {

inline constexpr int kExitGood = 0, kExitFailed = 1, kExitUsage = 2;

struct Program {
  std::string_view name;     // "posternd"
  std::string_view version;  // "0.1.0"
  CommandSpec spec;          // with the switch "version"
};

// "posternd: text" on standard error; returns `status`.
int Complain(const Program& program, std::string_view text, int status);

// The exit status: of `serve`, unless it is never called. Nothing that `serve`
// throws gets past it.
int RunProgram(const Program& program, int argc, char** argv,
               const std::function<int(const ParsedCommand&)>& serve);

}  // namespace postern
