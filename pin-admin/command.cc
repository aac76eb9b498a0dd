#include "pin-admin/command.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>

#include "pin-admin/policy_text.h"

namespace postern {
namespace {

constexpr std::string_view kProgram = "pin-admin";
constexpr std::string_view kSummary =
    "holds outbound mail to what each destination must prove";
constexpr std::string_view kConfigFile = "/etc/postern/postern.conf";

constexpr std::array<OptionSpec, 4> kCommon{{
    {"json", 0, "",
     "print one JSON document; its keys are in "
     "docs/pin-admin.md"},
    {"quiet", 'q', "",
     "print only warnings, errors and what was asked for to "
     "paste"},
    {"config", 'c', "FILE", "read FILE instead of the standard postern.conf",
     kConfigFile},
    {"set", 0, "NAME=VALUE", "override one setting of postern.conf", {}, true},
}};

bool Mentions(const std::vector<std::string>& words, std::string_view option) {
  return std::find(words.begin(), words.end(), option) != words.end();
}

// The words before which commands go on: "policy", "policy import"; empty where
// even the first word is none.
std::string FamilyOf(std::span<const CommandSpec> specs,
                     const std::vector<std::string>& words) {
  std::string family;
  for (const std::string& word : words) {
    const std::string longer = family + (family.empty() ? "" : " ") + word;
    const bool goes_on = std::any_of(specs.begin(), specs.end(),
                                     [&longer](const CommandSpec& s) {
                                       return s.name.starts_with(longer + " ");
                                     });
    if (!goes_on) break;
    family = longer;
  }
  return family;
}

std::string ListOf(std::span<const CommandSpec> specs,
                   std::string_view family) {
  std::vector<CommandSpec> members;
  for (const CommandSpec& spec : specs) {
    if (family.empty() || spec.name.starts_with(std::string(family) + " ")) {
      members.push_back(spec);
    }
  }
  return RenderCommandList(kProgram, kSummary, members, CommonOptions());
}

ExitStatus RunCommand(const Command& command, const ParsedCommand& args,
                      Output& out) {
  Settings settings;
  if (command.needs == Needs::kSettings) {
    const Status overrides = CheckOverrides(args.All("set"));
    if (!overrides) return out.Usage(overrides.error().detail());
    // The standard file may be absent; one that was named may not.
    const MissingFile missing = args.Has("config")
                                    ? MissingFile::kIsAnError
                                    : MissingFile::kMeansDefaults;
    Result<Settings> loaded =
        LoadSettings(args.Get("config"), missing, args.All("set"));
    if (!loaded) {
      return out.CouldNot(loaded.error(),
                          "mend postern.conf, or name another with --config");
    }
    settings = std::move(*loaded);
  }
  const SystemClock clock;
  Context context{args, out, settings, clock};
  return command.run(context);
}

// The first argument that is empty, by its name in the usage: a variable of a
// script that nobody has set, and no question. Nothing of pin-admin's is "".
std::string_view EmptyArgument(const CommandSpec& spec,
                               const ParsedCommand& args) {
  const std::vector<std::string>& given = args.arguments();
  for (std::size_t i = 0; i < given.size(); ++i) {
    if (!given[i].empty()) continue;
    return spec.arguments[std::min(i, spec.arguments.size() - 1)].name;
  }
  return {};
}

bool IsHelp(const std::string& word) {
  return word == "--help" || word == "-h";
}

// The option of all commands that `word` is, with its value in it or not.
const OptionSpec* CommonOption(const std::string& word) {
  for (const OptionSpec& option : kCommon) {
    const std::string name = "--" + std::string(option.name);
    const bool with_value =
        !option.value.empty() && word.starts_with(name + "=");
    const bool letter = option.letter != 0 && word.size() > 1 &&
                        word[0] == '-' && word[1] == option.letter &&
                        (word.size() == 2 || !option.value.empty());
    if (word == name || with_value || letter) return &option;
  }
  return nullptr;
}

// What was typed, with the options of all commands behind the command's words:
// they may stand before or between those, whose number is three at most.
struct Typed {
  std::vector<std::string> command, common, rest;

  explicit Typed(const std::vector<std::string>& words) {
    constexpr std::size_t kMost = 3;  // policy import postfix
    std::size_t i = 0;
    for (; i < words.size() && command.size() < kMost; ++i) {
      if (!words[i].starts_with('-')) {
        command.push_back(words[i]);
        continue;
      }
      const OptionSpec* option = CommonOption(words[i]);
      if (option == nullptr) break;
      common.push_back(words[i]);
      const bool value_follows =
          !option->value.empty() && words[i].find('=') == std::string::npos &&
          (words[i].starts_with("--") || words[i].size() == 2);
      if (value_follows && i + 1 < words.size()) common.push_back(words[++i]);
    }
    rest.assign(words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
  }

  std::vector<std::string> InOrder() const {
    std::vector<std::string> words = command;
    words.insert(words.end(), common.begin(), common.end());
    words.insert(words.end(), rest.begin(), rest.end());
    return words;
  }
  bool WantsHelp() const { return !rest.empty() && IsHelp(rest.front()); }
};

// A full disk or a reader that went away: whatever was answered, not all of it
// arrived.
bool WroteAll() {
  errno = 0;
  std::cout.flush();
  if (std::cout) return true;
  const int error = errno;
  std::cerr << "pin-admin: cannot write to standard output"
            << (error == 0 ? "" : std::string(": ") + std::strerror(error))
            << '\n';
  return false;
}

}  // namespace

std::span<const OptionSpec> CommonOptions() { return kCommon; }

OptionSpec DryRunOption() {
  return {"dry-run", 'n', "", "show what would change and write nothing"};
}

OptionSpec YesOption(std::string_view help) { return {"yes", 'y', "", help}; }

std::vector<Command> AllCommands() {
  std::vector<Command> all;
  for (const auto& family :
       {InitCommands(), PolicyCommands(), ExceptionCommands(), ApplyCommands(),
        ExportCommands(), ImportCommands(), PinCommands(), UpgradeCommands(),
        AnchorCommands(), ExplainCommands(), ProbeCommands(), CheckCommands(),
        DoctorCommands(), VerifyCommands(), RecordCommands(),
#ifdef POSTERN_WITH_MTA_STS
        StsCommands(),
#endif
        ConfigCommands()}) {
    all.insert(all.end(), family.begin(), family.end());
  }
  return all;
}

namespace {

// The command's words, or what is to be said where they are none.
int RunTyped(const Typed& typed, Output& out, bool nagios) {
  const std::vector<Command> commands = AllCommands();
  std::vector<CommandSpec> specs;
  for (const Command& command : commands) specs.push_back(command.spec);
  const auto finish = [&](std::string_view name, ExitStatus status) {
    // A plugin that says nothing on standard output looks broken.
    if (nagios && !out.answered()) {
      const std::string why = PluginText(out.doc()["error"]["sentence"].text());
      out.Text(std::string("POSTERN ") + NagiosWord(status) +
               " - could not check: " +
               (why.empty() ? "the reason is on standard error" : why));
    }
    if (nagios) out.doc().Set("nagios", NagiosWord(status));
    const int ends = nagios ? ToNagios(status) : static_cast<int>(status);
    out.Finish(name, ends);
    return ends;
  };

  const std::vector<std::string> words = typed.InOrder();
  if (typed.command.empty()) {
    if (typed.WantsHelp()) {
      out.Text(ListOf(specs, ""));
      return 0;
    }
    if (!typed.rest.empty() && typed.rest.front() == "--version") {
      out.Text("pin-admin " POSTERN_VERSION);
      return 0;
    }
    if (!typed.rest.empty()) {
      return finish("", out.Usage("'" + typed.rest.front() +
                                  "' is no option of all commands; those of a "
                                  "command stand after it: pin-admin COMMAND " +
                                  typed.rest.front()));
    }
    std::cerr << ListOf(specs, "");
    return finish("", out.Usage("which command?"));
  }
  const Result<CommandMatch> match = FindCommand(specs, typed.command);
  if (!match) {
    const std::string family = FamilyOf(specs, typed.command);
    if (family.empty()) return finish("", out.Usage(match.error().detail()));
    const bool bare = family == JoinWords(typed.command);
    if (bare && typed.WantsHelp()) {
      out.Text(ListOf(specs, family));
      return 0;
    }
    std::cerr << ListOf(specs, family);
    return finish("", out.Usage(bare ? "'" + family + "' needs one more word"
                                     : match.error().detail()));
  }

  const Command& command =
      commands[static_cast<std::size_t>(match->command - specs.data())];
  const std::vector<std::string> rest(
      words.begin() + static_cast<std::ptrdiff_t>(match->words), words.end());
  const Result<ParsedCommand> args =
      ParseCommand(command.spec, CommonOptions(), rest);
  if (!args) {
    return finish(command.spec.name,
                  out.Usage(args.error().detail() + "; see 'pin-admin " +
                            std::string(command.spec.name) + " --help'"));
  }
  if (args->Has("help")) {
    std::cout << RenderHelp(kProgram, command.spec, CommonOptions());
    return 0;
  }
  if (const auto name = EmptyArgument(command.spec, *args); !name.empty()) {
    return finish(command.spec.name,
                  out.Usage(std::string(name) + " is empty; see 'pin-admin " +
                            std::string(command.spec.name) + " --help'"));
  }
  return finish(command.spec.name, RunCommand(command, *args, out));
}

}  // namespace

int RunPinAdmin(const std::vector<std::string>& words) {
  // Before anything is parsed: a mistake must be answered in JSON, too.
  Output out(
      Output::Detect(Mentions(words, "--json"),
                     Mentions(words, "--quiet") || Mentions(words, "-q")));
  const bool nagios = Mentions(words, "--nagios");
  const int ends = RunTyped(Typed(words), out, nagios);
  if (WroteAll()) return ends;
  return nagios ? ToNagios(ExitStatus::kUnknown)
                : static_cast<int>(ExitStatus::kUnknown);
}

}  // namespace postern
