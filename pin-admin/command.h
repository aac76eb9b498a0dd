// pin-admin/command.h
//
// Command: one row of the table from which pin-admin parses, helps and runs.
// Each family of commands has its rows beside its functions and hands them to
// AllCommands(); a command cannot exist without a summary and an example.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/clock/clock.h"
#include "core/config/command_line.h"
#include "core/config/settings.h"
#include "pin-admin/exit_status.h"
#include "pin-admin/output.h"

namespace postern {

// What a command works with. Borrowed for the call.
struct Context {
  const ParsedCommand& args;
  Output& out;
  const Settings& settings;
  const Clock& clock;
};

// Whether postern.conf is read first. Offline commands don't: they have to work
// where nothing is installed, or where the file is what is broken.
enum class Needs { kSettings, kNothing };

struct Command {
  CommandSpec spec;
  ExitStatus (*run)(Context&);
  Needs needs = Needs::kSettings;
};

// The families, in the order in which --help lists them.
std::vector<Command> InitCommands();
std::vector<Command> PolicyCommands();
std::vector<Command> ExceptionCommands();
std::vector<Command> ApplyCommands();
std::vector<Command> ExportCommands();
std::vector<Command> ImportCommands();
std::vector<Command> PinCommands();
std::vector<Command> UpgradeCommands();
std::vector<Command> AnchorCommands();
std::vector<Command> ExplainCommands();
std::vector<Command> ProbeCommands();
std::vector<Command> CheckCommands();
std::vector<Command> DoctorCommands();
std::vector<Command> VerifyCommands();
std::vector<Command> RecordCommands();
#ifdef POSTERN_WITH_MTA_STS
std::vector<Command> StsCommands();
#endif
std::vector<Command> ConfigCommands();
std::vector<Command> AllCommands();

// Options that every command has.
std::span<const OptionSpec> CommonOptions();

// An option that several commands have, with one wording.
OptionSpec DryRunOption();
OptionSpec YesOption(std::string_view help);

// pin-admin as a whole: finds the command, parses, runs. `words` are without
// the program's name.
int RunPinAdmin(const std::vector<std::string>& words);

}  // namespace postern
