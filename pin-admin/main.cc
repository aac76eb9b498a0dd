// pin-admin/main.cc
//
// pin-admin: the administrator's program. See docs/pin-admin.md.
#include <csignal>
#include <exception>
#include <iostream>

#include "pin-admin/command.h"

int main(int argc, char** argv) {
  // A reader that goes away (| head) ends in a failed write, not in a signal in
  // the middle of a commit.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return postern::RunPinAdmin({argv + (argc > 0 ? 1 : 0), argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "pin-admin: " << error.what() << '\n';
    return static_cast<int>(postern::ExitStatus::kUnknown);
  }
}
