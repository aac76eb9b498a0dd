// core/config/command_line.h
//
// The command line of every program of ours, declared as data: a CommandSpec is
// what is parsed, what --help prints and what the man pages are made from. No
// abbreviations are guessed. Boost.Program_options does the work behind it.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/outcome/result.h"

namespace postern {

struct OptionSpec {
  std::string_view name;           // "config": --config
  char letter = 0;                 // 'c': -c; 0: none
  std::string_view value;          // "FILE", shown in help; empty: a switch
  std::string_view help;           // one sentence
  std::string_view standard = {};  // the default; empty: none
  bool repeatable = false;
  bool required = false;
};

struct ArgumentSpec {
  std::string_view name;  // "DOMAIN"
  std::string_view help;
  bool optional = false;
  bool repeatable = false;  // only the last one
};

// One command ("policy set"), or a program without commands.
struct CommandSpec {
  std::string_view name;
  std::string_view summary;    // one line, for the list of commands
  std::string_view text = {};  // more, for --help
  std::vector<ArgumentSpec> arguments = {};
  std::vector<OptionSpec> options = {};
  std::string_view example = {};  // one or more command lines
};

// What was given. Values are as typed, or the default.
class ParsedCommand {
 public:
  // True where a switch was given, or a value (a default doesn't count).
  bool Has(std::string_view option) const;
  // The value given, or the default; empty where there is neither.
  std::string Get(std::string_view option) const;
  std::optional<std::string> Find(std::string_view option) const;
  std::vector<std::string> All(std::string_view option) const;
  // Positional arguments in order.
  const std::vector<std::string>& arguments() const { return arguments_; }
  // The n-th, or an empty text.
  std::string Argument(std::size_t n) const;

 private:
  friend Result<ParsedCommand> ParseCommand(const CommandSpec&,
                                            std::span<const OptionSpec>,
                                            std::span<const std::string>);
  std::map<std::string, std::vector<std::string>, std::less<>> given_;
  std::map<std::string, std::string, std::less<>> standard_;
  std::vector<std::string> arguments_;
};

// `args` without the program's and the command's name. `common` are the options
// that every command has (--json, --quiet …); --help and -h are always known
// (Has("help")), and where they are given, what is missing is no error.
// Errors (Reason::kRequestInvalid) are sentences for the user: what is wrong,
// and for an unknown option which is near.
Result<ParsedCommand> ParseCommand(const CommandSpec& command,
                                   std::span<const OptionSpec> common,
                                   std::span<const std::string> args);

// The command whose words `args` begin with (the longest), and how many words
// it took; an Error with near names where there is none.
struct CommandMatch {
  const CommandSpec* command = nullptr;
  std::size_t words = 0;
};
Result<CommandMatch> FindCommand(std::span<const CommandSpec> commands,
                                 std::span<const std::string> args);

// --help of one command: usage, text, arguments, options, example.
std::string RenderHelp(std::string_view program, const CommandSpec& command,
                       std::span<const OptionSpec> common);
// --help of the program: its commands and their summaries.
std::string RenderCommandList(std::string_view program,
                              std::string_view summary,
                              std::span<const CommandSpec> commands,
                              std::span<const OptionSpec> common);

}  // namespace postern
