#include "man/tables.h"

#include <span>

#include "core/config/command_line.h"
#include "core/config/settings.h"
#include "core/outcome/reason.h"
#include "core/policy/policy_words.h"
#include "man/roff.h"
#include "pin-admin/command.h"
#include "posternd/program_spec.h"
#include "sendmail-milter/program_spec.h"

namespace postern {
namespace {

constexpr std::string_view kBeginList = ".Bl -tag -width Ds\n";
constexpr std::string_view kEndList = ".El\n";

// "set or replace" -> "Set or replace."
std::string Sentence(std::string_view text) {
  std::string sentence(text);
  if (sentence.empty()) return sentence;
  if (sentence[0] >= 'a' && sentence[0] <= 'z') {
    sentence[0] = static_cast<char>(sentence[0] - 'a' + 'A');
  }
  if (!sentence.ends_with('.')) sentence += '.';
  return sentence;
}

std::string Option(const OptionSpec& option) {
  std::string out = ".It ";
  if (option.letter != 0) out += std::string("Fl ") + option.letter + " , ";
  out += "Fl \\-" + RoffText(option.name);
  if (!option.value.empty()) out += " Ar " + RoffArgument(option.value);
  out += "\n" + RoffLines(Sentence(option.help));
  if (option.required) out += "Required.\n";
  if (option.repeatable) out += "May be repeated.\n";
  if (!option.standard.empty()) {
    out += "The default is " + RoffText(option.standard) + ".\n";
  }
  return out;
}

std::string OptionList(std::span<const OptionSpec> options) {
  std::string out(kBeginList);
  for (const OptionSpec& option : options) out += Option(option);
  return out + std::string(kEndList);
}

std::string Usage(const CommandSpec& command) {
  std::string out = ".Bd -ragged -offset indent\n.Nm Cm " +
                    RoffText(command.name) + "\n.Op Ar option ...\n";
  for (const OptionSpec& option : command.options) {
    if (!option.required) continue;
    out += ".Fl \\-" + RoffText(option.name) + " Ar " +
           RoffArgument(option.value) + "\n";
  }
  for (const ArgumentSpec& argument : command.arguments) {
    out += (argument.optional ? ".Op Ar " : ".Ar ") +
           RoffArgument(argument.name) +
           (argument.repeatable ? " ...\n" : "\n");
  }
  return out + ".Ed\n.Pp\n";
}

std::string Example(std::string_view example) {
  if (example.empty()) return {};
  std::string out = ".Pp\nExample:\n.Bd -literal -offset indent\n";
  while (!example.empty()) {
    const std::string_view line = example.substr(0, example.find('\n'));
    out += RoffText(line) + "\n";
    example.remove_prefix(std::min(example.size(), line.size() + 1));
  }
  return out + ".Ed\n";
}

std::string OneCommand(const CommandSpec& command) {
  std::string out = ".Ss " + RoffText(command.name) + "\n" + Usage(command) +
                    RoffLines(Sentence(command.summary));
  if (!command.text.empty()) out += ".Pp\n" + RoffLines(command.text);
  if (!command.arguments.empty() || !command.options.empty()) {
    out += kBeginList;
    for (const ArgumentSpec& argument : command.arguments) {
      out += ".It Ar " + RoffArgument(argument.name) + "\n" +
             RoffLines(Sentence(argument.help));
    }
    for (const OptionSpec& option : command.options) out += Option(option);
    out += kEndList;
  }
  return out + Example(command.example);
}

std::string Commands() {
  std::string out;
  for (const Command& command : AllCommands()) out += OneCommand(command.spec);
  return out;
}

std::string SettingList() {
  std::string out(kBeginList);
  for (const SettingInfo& setting : AllSettings()) {
    out += ".It Va " + RoffArgument(setting.name) + " = Ar " +
           RoffArgument(setting.value) + "\n" + RoffLines(setting.help);
    out += setting.standard.empty()
               ? "The default is empty.\n"
               : "The default is " + RoffText(setting.standard) + ".\n";
  }
  return out + std::string(kEndList);
}

std::string Words(std::span<const PolicyWord> words) {
  std::string out(kBeginList);
  for (const PolicyWord& word : words) {
    out += ".It Cm " + RoffArgument(std::string(word.word) +
                                    (word.value.empty() ? "" : "="));
    if (!word.value.empty()) out += " Ns Ar " + RoffArgument(word.value);
    out += "\n" + RoffLines(word.help);
  }
  return out + std::string(kEndList);
}

std::string Reasons() {
  std::string out(kBeginList);
  for (const ReasonInfo& reason : AllReasons()) {
    out += ".It Sy " + RoffArgument(reason.token) + " Pq " +
           RoffText(reason.status) + "\n" +
           RoffLines(Sentence(reason.sentence));
    if (!reason.hint.empty()) out += RoffLines(Sentence(reason.hint));
  }
  return out + std::string(kEndList);
}

}  // namespace

const std::map<std::string_view, std::function<std::string()>>& Tables() {
  static const std::map<std::string_view, std::function<std::string()>> tables{
      {"commands", Commands},
      {"common-options", [] { return OptionList(CommonOptions()); }},
      {"posternd-options", [] { return OptionList(PosterndSpec().options); }},
      {"postern-milter-options",
       [] { return OptionList(PosternMilterSpec().options); }},
      {"settings", SettingList},
      {"levels", [] { return Words(LevelWords()); }},
      {"attributes", [] { return Words(AttributeWords()); }},
      {"aliases", [] { return Words(AliasWords()); }},
      {"match", [] { return Words(MatchWords()); }},
      {"reasons", Reasons},
  };
  return tables;
}

std::vector<Documented> AllWords() {
  std::vector<Documented> all;
  const auto option = [](const OptionSpec& spec) {
    return "--" + std::string(spec.name);
  };
  for (const OptionSpec& spec : CommonOptions()) {
    all.push_back({"pin-admin.1", "", option(spec)});
  }
  for (const Command& command : AllCommands()) {
    const std::string name(command.spec.name);
    all.push_back({"pin-admin.1", name, "pin-admin " + name});
    for (const ArgumentSpec& argument : command.spec.arguments) {
      all.push_back({"pin-admin.1", name, std::string(argument.name)});
    }
    for (const OptionSpec& spec : command.spec.options) {
      all.push_back({"pin-admin.1", name, option(spec)});
    }
  }
  for (const OptionSpec& spec : PosterndSpec().options) {
    all.push_back({"posternd.8", "", option(spec)});
  }
  for (const OptionSpec& spec : PosternMilterSpec().options) {
    all.push_back({"postern-milter.8", "", option(spec)});
  }
  for (const SettingInfo& setting : AllSettings()) {
    all.push_back(
        {"postern.conf.5", "",
         std::string(setting.name) + " = " + std::string(setting.value)});
  }
  for (const auto words : {LevelWords(), AliasWords(), MatchWords()}) {
    for (const PolicyWord& word : words) {
      all.push_back({"postern-policy.5", "", std::string(word.word)});
    }
  }
  for (const PolicyWord& word : AttributeWords()) {
    all.push_back({"postern-policy.5", "", std::string(word.word) + "="});
  }
  for (const ReasonInfo& reason : AllReasons()) {
    all.push_back({"postern.7", "", std::string(reason.token)});
  }
  return all;
}

}  // namespace postern
