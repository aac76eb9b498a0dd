#include "core/config/command_line.h"

#include <algorithm>
#include <boost/program_options.hpp>

#include "core/names/near_names.h"

namespace postern {
namespace {

namespace po = boost::program_options;

constexpr OptionSpec kHelp{"help", 'h', "", "show this help"};

Error Usage(std::string detail) {
  return Error(Reason::kRequestInvalid, std::move(detail));
}

std::vector<OptionSpec> AllOptions(const CommandSpec& command,
                                   std::span<const OptionSpec> common) {
  std::vector<OptionSpec> all(command.options);
  all.insert(all.end(), common.begin(), common.end());
  all.push_back(kHelp);
  return all;
}

const OptionSpec* SpecNamed(std::span<const OptionSpec> specs,
                            std::string_view name) {
  for (const OptionSpec& spec : specs) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

po::options_description Declare(std::span<const OptionSpec> specs) {
  po::options_description described;
  for (const OptionSpec& spec : specs) {
    std::string names(spec.name);
    if (spec.letter != 0) names += std::string(",") + spec.letter;
    // The description owns the value that it is given.
    const po::value_semantic* const value =
        spec.value.empty() ? static_cast<const po::value_semantic*>(
                                 new po::untyped_value(true))
                           : po::value<std::string>();
    described.add_options()(names.c_str(), value);
  }
  return described;
}

Result<std::vector<po::option>> Split(std::span<const OptionSpec> specs,
                                      std::span<const std::string> args) {
  // Abbreviations would change their meaning with the next option we add.
  const int style = po::command_line_style::unix_style &
                    ~po::command_line_style::allow_guessing;
  const po::options_description described = Declare(specs);
  po::positional_options_description positions;
  positions.add("arguments", -1);
  try {
    return po::command_line_parser({args.begin(), args.end()})
        .options(described)
        .positional(positions)
        .style(style)
        .run()
        .options;
  } catch (const po::unknown_option& error) {
    std::vector<std::string_view> known;
    for (const OptionSpec& spec : specs) known.push_back(spec.name);
    std::string name = error.get_option_name();
    name.erase(0, name.find_first_not_of('-'));
    return Usage("unknown option '" + error.get_option_name() + "'" +
                 DidYouMean(name, known, "--"));
  } catch (const po::error& error) {
    return Usage(error.what());
  }
}

Status CheckGiven(const CommandSpec& command, std::span<const OptionSpec> specs,
                  const ParsedCommand& parsed) {
  for (const OptionSpec& spec : specs) {
    if (spec.required && !parsed.Has(spec.name)) {
      return Usage("--" + std::string(spec.name) + " is missing");
    }
    if (!spec.repeatable && parsed.All(spec.name).size() > 1) {
      return Usage("--" + std::string(spec.name) + " is given twice");
    }
  }
  const std::size_t count = parsed.arguments().size();
  for (std::size_t i = count; i < command.arguments.size(); ++i) {
    if (!command.arguments[i].optional) {
      return Usage(std::string(command.arguments[i].name) + " is missing");
    }
  }
  const bool unbounded =
      !command.arguments.empty() && command.arguments.back().repeatable;
  if (!unbounded && count > command.arguments.size()) {
    return Usage("'" + parsed.arguments()[command.arguments.size()] +
                 "' is one argument too many");
  }
  return {};
}

std::vector<std::string_view> Words(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    words.push_back(text.substr(0, text.find(' ')));
    text.remove_prefix(std::min(text.size(), words.back().size() + 1));
  }
  return words;
}

bool BeginsWith(std::span<const std::string> args,
                std::span<const std::string_view> words) {
  return args.size() >= words.size() &&
         std::equal(words.begin(), words.end(), args.begin());
}

// The commands whose names go on behind `family`.
std::string Below(std::span<const CommandSpec> commands,
                  const std::string& family) {
  std::string below;
  for (const CommandSpec& command : commands) {
    if (!command.name.starts_with(family + " ")) continue;
    below += (below.empty() ? "" : ", ") + std::string(command.name);
  }
  return below;
}

}  // namespace

bool ParsedCommand::Has(std::string_view option) const {
  return given_.find(option) != given_.end();
}

std::optional<std::string> ParsedCommand::Find(std::string_view option) const {
  const auto given = given_.find(option);
  if (given != given_.end()) return given->second.back();
  const auto standard = standard_.find(option);
  if (standard != standard_.end()) return standard->second;
  return std::nullopt;
}

std::string ParsedCommand::Get(std::string_view option) const {
  return Find(option).value_or("");
}

std::vector<std::string> ParsedCommand::All(std::string_view option) const {
  const auto given = given_.find(option);
  if (given != given_.end()) return given->second;
  const auto standard = standard_.find(option);
  if (standard != standard_.end()) return {standard->second};
  return {};
}

std::string ParsedCommand::Argument(std::size_t n) const {
  return n < arguments_.size() ? arguments_[n] : std::string();
}

Result<ParsedCommand> ParseCommand(const CommandSpec& command,
                                   std::span<const OptionSpec> common,
                                   std::span<const std::string> args) {
  const std::vector<OptionSpec> specs = AllOptions(command, common);
  const Result<std::vector<po::option>> options = Split(specs, args);
  if (!options) return options.error();

  ParsedCommand parsed;
  for (const OptionSpec& spec : specs) {
    if (!spec.standard.empty()) {
      parsed.standard_.emplace(spec.name, spec.standard);
    }
  }
  for (const po::option& option : *options) {
    if (option.position_key >= 0) {
      parsed.arguments_.insert(parsed.arguments_.end(), option.value.begin(),
                               option.value.end());
      continue;
    }
    const OptionSpec* const spec = SpecNamed(specs, option.string_key);
    if (spec == nullptr) return Usage("unknown option " + option.string_key);
    // A switch given twice says nothing new.
    std::vector<std::string>& values = parsed.given_[option.string_key];
    if (spec->value.empty()) {
      values.assign(1, std::string());
    } else {
      values.insert(values.end(), option.value.begin(), option.value.end());
    }
  }
  if (parsed.Has(kHelp.name)) return parsed;
  if (Status checked = CheckGiven(command, specs, parsed); !checked) {
    return checked.error();
  }
  return parsed;
}

Result<CommandMatch> FindCommand(std::span<const CommandSpec> commands,
                                 std::span<const std::string> args) {
  CommandMatch best;
  std::vector<std::string_view> names;
  std::vector<std::string_view> first_words;
  for (const CommandSpec& command : commands) {
    const std::vector<std::string_view> words = Words(command.name);
    names.push_back(command.name);
    if (!words.empty() &&
        (first_words.empty() || first_words.back() != words.front())) {
      first_words.push_back(words.front());
    }
    if (words.size() > best.words && BeginsWith(args, words)) {
      best = {&command, words.size()};
    }
  }
  if (best.command != nullptr) return best;
  if (args.empty()) return Usage("a command is missing");
  // Two words, or those of the longest family and the one behind them.
  std::string family = args.front();
  std::string typed = family;
  std::string below = Below(commands, family);
  for (const std::string& word : args.subspan(1)) {
    typed = family + " " + word;
    const std::string further = Below(commands, typed);
    if (further.empty()) break;
    family = typed;
    below = further;
  }
  std::string near = DidYouMean(typed, names);
  if (!below.empty()) {
    if (!near.empty()) near += " There";
    return Usage("no command '" + typed + "'" +
                 (near.empty() ? "; there" : near) + " are " + below);
  }
  if (near.empty()) near = DidYouMean(args.front(), first_words);
  return Usage("no command '" + args.front() + "'" + near);
}

}  // namespace postern
