#include "core/config/settings.h"

#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/program_options.hpp>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <system_error>

#include "core/clock/budgets.h"
#include "core/config/command_line.h"
#include "core/config/settings_table.h"
#include "core/names/near_names.h"

namespace postern {
namespace {

namespace po = boost::program_options;

using Given = std::map<std::string, std::vector<std::string>, std::less<>>;

const SettingRow* RowNamed(std::string_view name) {
  for (const SettingRow& row : SettingRows()) {
    if (row.info.name == name) return &row;
  }
  return nullptr;
}

Error UnknownOption(const std::string& name) {
  std::vector<std::string_view> known;
  for (const SettingInfo& info : AllSettings()) known.push_back(info.name);
  return Invalid("unknown option '" + name + "'" + DidYouMean(name, known));
}

Result<Given> ReadLines(std::string_view text) {
  Given given;
  // Nothing is declared to the library: it would stop at the first unknown
  // name, and could not say which ones are near.
  const po::options_description nothing;
  std::istringstream stream{std::string(text)};
  try {
    const auto parsed = po::parse_config_file(stream, nothing, true);
    for (const po::option& option : parsed.options) {
      if (RowNamed(option.string_key) == nullptr) {
        return UnknownOption(option.string_key);
      }
      std::vector<std::string>& values = given[option.string_key];
      values.insert(values.end(), option.value.begin(), option.value.end());
    }
  } catch (const po::error& error) {
    return Invalid(std::string("not 'name = value': ") + error.what());
  }
  return given;
}

Status AddOverrides(Given& given, std::span<const std::string> overrides) {
  Given replaced;
  for (const std::string& text : overrides) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return Invalid("'" + text + "' is not name=value");
    }
    const std::string name = text.substr(0, equals);
    if (RowNamed(name) == nullptr) return UnknownOption(name);
    replaced[name].push_back(text.substr(equals + 1));
  }
  for (auto& [name, values] : replaced) given[name] = std::move(values);
  return {};
}

Status CheckTogether(Settings& settings) {
  for (DoorSettings& door : settings.doors) {
    if (!door.path.empty() && !door.path.starts_with('/')) {
      door.path = settings.socket_directory + "/" + door.path;
    }
  }
  const std::string beside =
      settings.state_store.substr(0, settings.state_store.rfind('/') + 1);
  if (settings.journal.empty()) settings.journal = beside + "journal.db";
  if (settings.published.empty()) settings.published = beside + "published.db";
  if (settings.timeouts.total > kMostTotalTimeout) {
    return Invalid("total-timeout: more than 55m; the mail would bounce");
  }
  if (settings.timeouts.dot_reply >= settings.timeouts.total) {
    return Invalid("dot-timeout: not below total-timeout");
  }
  if (settings.max_message_size > settings.spool_limit) {
    return Invalid("max-message-size: larger than spool-limit");
  }
  return {};
}

// For getpwnam_r and getgrnam_r: their buffer, grown as they ask.
template <typename Entry, typename Ask>
Result<Entry> AskAccounts(const std::string& name, const char* kind, Ask ask,
                          std::vector<char>& buffer) {
  for (buffer.resize(1024);; buffer.resize(buffer.size() * 2)) {
    Entry entry{};
    Entry* found = nullptr;
    const int error =
        ask(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE && buffer.size() < (1U << 20)) continue;
    if (error != 0) {
      return Invalid(std::string("cannot look up the ") + kind + " '" + name +
                     "': " + std::generic_category().message(error));
    }
    if (found == nullptr) {
      return Invalid(std::string("there is no ") + kind + " '" + name + "'");
    }
    return entry;
  }
}

std::optional<unsigned> AsNumber(const std::string& text) {
  unsigned number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

std::string HostName() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return {};
  addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* answer = nullptr;
  if (getaddrinfo(name, nullptr, &hints, &answer) != 0) return name;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(answer,
                                                                 freeaddrinfo);
  return answer->ai_canonname != nullptr ? answer->ai_canonname : name;
}

}  // namespace

const DoorSettings* Settings::door(std::string_view name) const {
  for (const DoorSettings& door : doors) {
    if (door.name == name) return &door;
  }
  return nullptr;
}

Result<Settings> ParseSettings(std::string_view text,
                               std::span<const std::string> overrides) {
  Result<Given> given = ReadLines(text);
  if (!given) return given.error();
  if (Status added = AddOverrides(*given, overrides); !added) {
    return added.error();
  }

  Settings settings;
  for (const SettingRow& row : SettingRows()) {
    const std::vector<std::string> standard{std::string(row.info.standard)};
    const auto found = given->find(row.info.name);
    const Status set =
        row.set(settings, found == given->end() ? standard : found->second);
    if (!set) {
      return Error(set.error().reason(),
                   std::string(row.info.name) + ": " + set.error().detail());
    }
  }
  if (Status checked = CheckTogether(settings); !checked) {
    return checked.error();
  }
  return settings;
}

Status CheckOverrides(std::span<const std::string> overrides) {
  Given given;
  if (const Status added = AddOverrides(given, overrides); !added) {
    return Invalid("--set: " + added.error().detail());
  }
  Settings settings;
  for (const auto& [name, values] : given) {
    const Status set = RowNamed(name)->set(settings, values);
    if (!set) return Invalid("--set " + name + "=: " + set.error().detail());
  }
  return {};
}

Result<Settings> LoadSettings(const std::string& path, MissingFile missing,
                              std::span<const std::string> overrides) {
  if (Status checked = CheckOverrides(overrides); !checked) {
    return checked.error();
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const int error = errno;
    if (error == ENOENT && missing == MissingFile::kMeansDefaults) {
      return ParseSettings("", overrides);
    }
    return Invalid(path + ": " + std::generic_category().message(error));
  }
  std::string text;
  char block[4096];
  do {
    file.read(block, sizeof block);
    text.append(block, static_cast<std::size_t>(file.gcount()));
  } while (file);
  // A directory opens and can't be read.
  if (file.bad()) return Invalid(path + ": cannot be read");
  Result<Settings> settings = ParseSettings(text, overrides);
  if (!settings) {
    // Each good in itself, and not together.
    const bool file_alone = !overrides.empty() && ParseSettings(text).ok();
    return Error(settings.error().reason(),
                 (file_alone ? "--set does not go with " + path : path) + ": " +
                     settings.error().detail());
  }
  return settings;
}

Result<Domain> HeloName(const Settings& settings) {
  const bool configured = !settings.helo_name.empty();
  const std::string text = configured ? settings.helo_name : HostName();
  const Result<Domain> name = Domain::Parse(text);
  if (!name || name->label_count() < 2 ||
      name->str() == "localhost.localdomain") {
    return Invalid("helo-name: '" + text + "'" +
                   (configured ? "" : ", the name of this host,") +
                   " is not a full host name that a server would accept; set "
                   "helo-name to one");
  }
  return name;
}

Result<uid_t> ResolveUser(const std::string& user) {
  if (const auto number = AsNumber(user)) return uid_t{*number};
  std::vector<char> buffer;
  const auto entry = AskAccounts<passwd>(user, "user", getpwnam_r, buffer);
  if (!entry) return entry.error();
  return entry->pw_uid;
}

Result<gid_t> ResolveGroup(const std::string& name) {
  if (const auto number = AsNumber(name)) return gid_t{*number};
  std::vector<char> buffer;
  const auto entry = AskAccounts<group>(name, "group", getgrnam_r, buffer);
  if (!entry) return entry.error();
  return entry->gr_gid;
}

Result<std::vector<uid_t>> ResolveUsers(std::span<const std::string> users) {
  std::vector<uid_t> uids;
  for (const std::string& user : users) {
    const Result<uid_t> uid = ResolveUser(user);
    if (!uid) return uid.error();
    uids.push_back(*uid);
  }
  return uids;
}

}  // namespace postern
