#include "pin-admin/command.h"

#include <algorithm>
#include <array>
#include <iostream>

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

// The words name a family ("policy") and no member of it.
bool IsFamily(std::span<const CommandSpec> specs, const std::string& word) {
  return std::any_of(specs.begin(), specs.end(), [&word](const CommandSpec& s) {
    return s.name.starts_with(word + " ");
  });
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
        PinCommands(), AnchorCommands(), ExplainCommands(), ProbeCommands(),
        CheckCommands(), VerifyCommands(), RecordCommands(),
        ConfigCommands()}) {
    all.insert(all.end(), family.begin(), family.end());
  }
  return all;
}

int RunPinAdmin(const std::vector<std::string>& words) {
  const std::vector<Command> commands = AllCommands();
  std::vector<CommandSpec> specs;
  for (const Command& command : commands) specs.push_back(command.spec);

  // Before anything is parsed: a mistake must be answered in JSON, too.
  Output out(
      Output::Detect(Mentions(words, "--json"),
                     Mentions(words, "--quiet") || Mentions(words, "-q")));
  const bool nagios = Mentions(words, "--nagios");
  const auto finish = [&](std::string_view name, ExitStatus status) {
    // A plugin that says nothing on standard output looks broken.
    if (nagios && !out.answered()) {
      out.Text(std::string("POSTERN ") + NagiosWord(status) +
               " - could not check; the reason is on standard error");
    }
    out.Finish(name, status);
    return nagios ? ToNagios(status) : static_cast<int>(status);
  };

  if (!words.empty() && (words[0] == "--help" || words[0] == "-h")) {
    out.Text(ListOf(specs, ""));
    return 0;
  }
  if (!words.empty() && words[0] == "--version") {
    out.Text("pin-admin " POSTERN_VERSION);
    return 0;
  }
  if (words.empty()) {
    std::cerr << ListOf(specs, "");
    return finish("", out.Usage("which command?"));
  }
  const Result<CommandMatch> match = FindCommand(specs, words);
  if (!match) {
    if (!IsFamily(specs, words[0])) {
      return finish("", out.Usage(match.error().detail()));
    }
    const bool help =
        words.size() > 1 && (words[1] == "--help" || words[1] == "-h");
    if (help) {
      out.Text(ListOf(specs, words[0]));
      return 0;
    }
    std::cerr << ListOf(specs, words[0]);
    return finish(
        "",
        out.Usage(words.size() > 1 ? match.error().detail()
                                   : "'" + words[0] + "' needs one more word"));
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
  return finish(command.spec.name, RunCommand(command, *args, out));
}

}  // namespace postern
