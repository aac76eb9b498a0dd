#include "core/config/program_main.h"

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace postern {
namespace {

void Print(std::FILE* to, const std::string& text) {
  std::fputs(text.c_str(), to);
}

}  // namespace

int Complain(const Program& program, std::string_view text, int status) {
  Print(stderr, std::string(program.name) + ": " + std::string(text) + "\n");
  return status;
}

int RunProgram(const Program& program, int argc, char** argv,
               const std::function<int(const ParsedCommand&)>& serve) {
  try {
    const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0),
                                         argv + argc);
    const std::string name(program.name);
    const Result<ParsedCommand> args = ParseCommand(program.spec, {}, words);
    if (!args) {
      return Complain(program,
                      args.error().detail() + "\nTry '" + name + " --help'.",
                      kExitUsage);
    }
    if (args->Has("help")) {
      Print(stdout, RenderHelp(name, program.spec, {}));
      return kExitGood;
    }
    if (args->Has("version")) {
      Print(stdout, name + " " + std::string(program.version) + "\n");
      return kExitGood;
    }
    return serve(*args);
  } catch (const std::exception& error) {
    return Complain(program, error.what(), kExitFailed);
  }
}

}  // namespace postern
