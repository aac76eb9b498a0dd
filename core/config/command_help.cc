#include <algorithm>

#include "core/config/command_line.h"
#include "core/config/text_layout.h"

namespace postern {
namespace {

constexpr std::size_t kWidest = 26;  // of the left column

// "  left      right, broken to the column's width"
void AddRow(const std::string& left, std::string_view right, std::size_t width,
            std::string& out) {
  const std::string rest(width + 4, ' ');
  std::string first = "  " + left;
  if (left.size() > width) {
    out += first + "\n";
    first = rest;
  } else {
    first.resize(width + 4, ' ');
  }
  out += Wrap(right, first, rest);
}

std::string Left(const OptionSpec& option) {
  std::string text =
      option.letter != 0 ? std::string("-") + option.letter + ", " : "";
  text += "--" + std::string(option.name);
  if (!option.value.empty()) text += " " + std::string(option.value);
  return text;
}

std::string Right(const OptionSpec& option) {
  std::string text(option.help);
  if (!option.standard.empty()) {
    text += " [" + std::string(option.standard) + "]";
  }
  // As the text has it: sentences, or words without a full stop.
  const bool sentences = option.help.ends_with('.');
  if (option.required) text += sentences ? " Required." : "; required";
  if (option.repeatable) {
    text += sentences ? " May be repeated." : "; may be repeated";
  }
  return text;
}

void AddOptions(std::string_view title, std::span<const OptionSpec> options,
                std::string& out) {
  if (options.empty()) return;
  std::size_t width = 0;
  for (const OptionSpec& option : options) {
    width = std::max(width, Left(option).size());
  }
  width = std::min(width, kWidest);
  out += "\n" + std::string(title) + ":\n";
  for (const OptionSpec& option : options) {
    AddRow(Left(option), Right(option), width, out);
  }
}

std::string UsageLine(std::string_view program, const CommandSpec& command) {
  std::string text(program);
  if (!command.name.empty()) text += " " + std::string(command.name);
  text += " [option…]";
  for (const OptionSpec& option : command.options) {
    if (option.required) {
      text +=
          " --" + std::string(option.name) + " " + std::string(option.value);
    }
  }
  for (const ArgumentSpec& argument : command.arguments) {
    std::string name(argument.name);
    if (argument.repeatable) name += "…";
    text += argument.optional ? " [" + name + "]" : " " + name;
  }
  return text;
}

void AddArguments(std::span<const ArgumentSpec> arguments, std::string& out) {
  if (arguments.empty()) return;
  std::size_t width = 0;
  for (const ArgumentSpec& argument : arguments) {
    width = std::max(width, argument.name.size());
  }
  width = std::min(width, kWidest);
  out += "\nArguments:\n";
  for (const ArgumentSpec& argument : arguments) {
    AddRow(std::string(argument.name), argument.help, width, out);
  }
}

void AddExample(std::string_view example, std::string& out) {
  if (example.empty()) return;
  out += "\nExample:\n";
  while (!example.empty()) {
    const std::string_view line = example.substr(0, example.find('\n'));
    out += "  " + std::string(line) + "\n";
    example.remove_prefix(std::min(example.size(), line.size() + 1));
  }
}

std::vector<OptionSpec> WithHelp(std::span<const OptionSpec> options) {
  std::vector<OptionSpec> all(options.begin(), options.end());
  all.push_back({"help", 'h', "", "show this help"});
  return all;
}

}  // namespace

std::string RenderHelp(std::string_view program, const CommandSpec& command,
                       std::span<const OptionSpec> common) {
  std::string out = Wrap(UsageLine(program, command), "Usage: ", "       ");
  out += "\n" + Wrap(command.summary, "", "");
  if (!command.text.empty()) out += "\n" + Wrap(command.text, "", "");
  AddArguments(command.arguments, out);
  AddOptions("Options", command.options, out);
  AddOptions(command.options.empty() ? "Options" : "Common options",
             WithHelp(common), out);
  AddExample(command.example, out);
  return out;
}

std::string RenderCommandList(std::string_view program,
                              std::string_view summary,
                              std::span<const CommandSpec> commands,
                              std::span<const OptionSpec> common) {
  std::string out =
      "Usage: " + std::string(program) + " COMMAND [option…] [argument…]\n\n";
  out += Wrap(summary, "", "");
  out += "\nCommands:\n";
  std::size_t width = 0;
  for (const CommandSpec& command : commands) {
    width = std::max(width, command.name.size());
  }
  for (const CommandSpec& command : commands) {
    AddRow(std::string(command.name), command.summary, width, out);
  }
  AddOptions("Common options", WithHelp(common), out);
  out += "\n'" + std::string(program) +
         " COMMAND --help' says more about one of them.\n";
  return out;
}

}  // namespace postern
