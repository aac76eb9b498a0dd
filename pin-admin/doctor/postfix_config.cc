#include "pin-admin/doctor/postfix_config.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/names/quoted.h"

namespace postern {
namespace {

constexpr std::string_view kSpace = " \t\r";
constexpr std::size_t kColumns = 8;

Error Garbage(std::string_view line) {
  return {Reason::kServiceUnavailable,
          "postconf said what it never says: " + Quoted(line.substr(0, 80))};
}

std::string_view Trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// Calls `each` for every line that is not empty; stops at an Error.
template <typename Each>
Status ForEachLine(std::string_view text, const Each& each) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
    if (Trim(line).empty()) continue;
    const Status done = each(line);
    if (!done) return done;
  }
  return {};
}

bool IsName(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return c > 0x20 && c < 0x7f && c != '=';
         });
}

// "name = value"; the value may be empty.
Result<std::pair<std::string, std::string>> ParseAssignment(
    std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return Garbage(line);
  const std::string_view name = Trim(line.substr(0, equals));
  if (!IsName(name)) return Garbage(line);
  return std::pair(std::string(name),
                   std::string(Trim(line.substr(equals + 1))));
}

// White space parts words, but not within braces ("-o {name = value}").
std::vector<std::string> SplitOutsideBraces(std::string_view text,
                                            std::string_view between) {
  std::vector<std::string> words;
  std::string word;
  int depth = 0;
  for (const char c : text) {
    if (c == '{') ++depth;
    if (c == '}' && depth > 0) --depth;
    if (depth == 0 && between.find(c) != std::string_view::npos) {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
      continue;
    }
    word += c;
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

Result<std::string> Ask(ProgramRunner& programs, const PostfixPlace& place,
                        const std::vector<std::string>& options) {
  std::vector<std::string> argv{place.program_directory + "/postconf", "-c",
                                place.config_directory};
  argv.insert(argv.end(), options.begin(), options.end());
  Result<ProgramOutput> ran = programs.Run(argv, "");
  if (!ran) return ran.error();
  if (ran->status != 0) {
    const std::string_view said = Trim(std::string_view(ran->err).substr(
        0, std::min<std::size_t>(ran->err.find('\n'), 300)));
    return Error{Reason::kServiceUnavailable, "postconf ended with status " +
                                                  std::to_string(ran->status) +
                                                  ": " + Quoted(said)};
  }
  return std::move(ran->out);
}

}  // namespace

Result<PostfixConfig::Values> ParsePostconf(std::string_view text) {
  PostfixConfig::Values values;
  const Status read = ForEachLine(text, [&](std::string_view line) -> Status {
    auto assignment = ParseAssignment(line);
    if (!assignment) return assignment.error();
    values.insert_or_assign(std::move(assignment->first),
                            std::move(assignment->second));
    return {};
  });
  if (!read) return read.error();
  return values;
}

Result<std::vector<MasterService>> ParsePostconfServices(
    std::string_view text) {
  std::vector<MasterService> services;
  const Status read = ForEachLine(text, [&](std::string_view line) -> Status {
    std::vector<std::string> words = SplitOutsideBraces(line, kSpace);
    if (words.size() < kColumns) return Garbage(line);
    MasterService service{words[0], words[1], words[2], words[3], words[4],
                          words[5], words[6], words[7], {}};
    service.arguments.assign(words.begin() + kColumns, words.end());
    services.push_back(std::move(service));
    return {};
  });
  if (!read) return read.error();
  return services;
}

Result<std::map<std::string, PostfixConfig::Values>> ParsePostconfOverrides(
    std::string_view text) {
  std::map<std::string, PostfixConfig::Values> overrides;
  const Status read = ForEachLine(text, [&](std::string_view line) -> Status {
    auto assignment = ParseAssignment(line);
    if (!assignment) return assignment.error();
    // A service's name may be an address or a path, with slashes in it.
    const std::size_t slash = assignment->first.rfind('/');
    if (slash == std::string::npos || slash == 0) return Garbage(line);
    overrides[assignment->first.substr(0, slash)].insert_or_assign(
        assignment->first.substr(slash + 1), std::move(assignment->second));
    return {};
  });
  if (!read) return read.error();
  return overrides;
}

Result<PostfixConfig> PostfixConfig::Read(ProgramRunner& programs,
                                          const PostfixPlace& place) {
  Result<std::string> main = Ask(programs, place, {"-x"});
  if (!main) return main.error();
  auto values = ParsePostconf(*main);
  if (!values) return values.error();
  for (const char* name :
       {"transport_maps", "default_transport", "queue_directory"}) {
    if (!values->contains(name)) {
      return Error{Reason::kServiceUnavailable,
                   std::string("postconf's answer lacks ") + name};
    }
  }
  Result<std::string> master = Ask(programs, place, {"-M"});
  if (!master) return master.error();
  auto services = ParsePostconfServices(*master);
  if (!services) return services.error();
  if (services->empty()) {
    return Error{Reason::kServiceUnavailable, "master.cf has no services"};
  }
  Result<std::string> options = Ask(programs, place, {"-x", "-P"});
  if (!options) return options.error();
  auto overrides = ParsePostconfOverrides(*options);
  if (!overrides) return overrides.error();
  return PostfixConfig(place, *std::move(values), *std::move(services),
                       *std::move(overrides));
}

std::string PostfixConfig::Get(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? std::string() : found->second;
}

std::string PostfixConfig::Get(const std::string& service,
                               std::string_view name) const {
  const auto overrides = overrides_.find(service);
  if (overrides != overrides_.end()) {
    const auto found = overrides->second.find(name);
    if (found != overrides->second.end()) return found->second;
  }
  return Get(name);
}

const MasterService* PostfixConfig::Transport(std::string_view name) const {
  for (const MasterService& service : services_) {
    if (service.name == name && service.type == "unix") return &service;
  }
  return nullptr;
}

bool PostfixConfig::Chrooted(const MasterService& service) const {
  if (service.chroot != "-") return service.chroot == "y";
  const std::string level = Get("compatibility_level");
  return level.empty() || level == "0";
}

std::optional<long long> ParsePostfixTime(std::string_view text, char unit) {
  long long number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || number < 0) return std::nullopt;
  if (rest != end) {
    if (rest + 1 != end) return std::nullopt;
    unit = *rest;
  }
  switch (unit) {
    case 's':
      return number;
    case 'm':
      return number * 60;
    case 'h':
      return number * 3600;
    case 'd':
      return number * 86400;
    case 'w':
      return number * 7 * 86400;
    default:
      return std::nullopt;
  }
}

std::vector<std::string> SplitPostfixList(std::string_view text) {
  return SplitOutsideBraces(text, " \t\r\n,");
}

bool IsYes(std::string_view value) {
  return value.size() == 3 && strncasecmp(value.data(), "yes", 3) == 0;
}

}  // namespace postern
