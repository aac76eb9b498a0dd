// core/config/settings.h
//
// Settings: what postern.conf says. Every option's name, default and help text
// is in one list (AllSettings), from which the parser, --help, the man page and
// docs/configuration.md come. A mistake in the file is an Error that names the
// line's option and, for an unknown one, those that are near it; nothing is
// silently ignored.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <compare>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/names/domain.h"
#include "core/names/ip_address.h"
#include "core/outcome/result.h"

namespace postern {

// A unix socket of the service, and who may talk to it.
struct DoorSettings {
  std::string name;                // "pipe", "lmtp", "exim", …
  std::string path;                // empty: the door is left out
  std::vector<std::string> users;  // names or numbers; see ResolveUsers()
};

// How long each step of an SMTP session may take (RFC 5321 section 4.5.3.2).
struct TimeoutSettings {
  std::chrono::seconds connect{30};
  std::chrono::seconds command{300};
  std::chrono::seconds data{180};       // between two blocks of the message
  std::chrono::seconds dot_reply{600};  // for the reply to the final dot
  std::chrono::seconds total{3000};     // of one delivery, all hosts
  std::chrono::seconds dns{10};         // of one lookup
  std::chrono::seconds probe{60};       // of one connection made only to look
};

// Connections to other hosts: how many at once, and which are used again.
struct ConnectionSettings {
  std::size_t per_host = 0;  // to one address of a host
  std::size_t kept = 0;      // unused ones, of all hosts; 0: none
  unsigned messages = 0;     // that one carries
  std::chrono::seconds idle{}, life{};
};

// "3.7": which words a Postfix knows.
struct PostfixVersion {
  unsigned major = 3, minor = 7;
  auto operator<=>(const PostfixVersion&) const = default;
};

// A loopback address and a port to listen on.
struct InetPlace {
  IpAddress address;
  Port port;
  bool operator==(const InetPlace&) const = default;
};

// What smtp(8) is told through the policy map.
struct PostfixMapSettings {
  std::optional<InetPlace> inet;  // besides the unix socket; nothing: none
  PostfixVersion version;
  std::string digest;    // "sha256" or "sha512"
  unsigned lookups = 0;  // at a time
};

struct Settings {
  std::string author_store, snapshot, state_store, journal, published;
  std::string socket_directory, spool_directory;
  std::string user, group;  // the service's
  std::string credentials;  // for relays; empty: there are none

  std::vector<std::string> verifiers;     // in order
  std::vector<std::string> leave_out;     // published sources
  std::vector<std::string> tlsa_digests;  // strongest first

  std::string trust_directory;
  std::vector<std::string> dns_forwarders;  // "192.0.2.1", "192.0.2.1@5353"
  std::string dns_trust_anchor;             // file
  // Raw "option: value" for libunbound, for labs.
  std::vector<std::string> dns_options;

  std::string helo_name;  // as configured; see HeloName()
  std::vector<Domain> own_names;
  std::vector<IpAddress> own_addresses;
  bool probe_private_addresses = false;

  unsigned worker_threads = 0, lmtp_connections = 0, exim_questions = 0;
  unsigned sendmail_questions = 0;
  std::size_t max_message_size = 0, spool_limit = 0;  // octets
  std::size_t line_length_limit = 0;                  // octets; 0: none
  bool refuse_8bit = false;  // where the server does not offer 8BITMIME
  PostfixMapSettings postfix_map;
  TimeoutSettings timeouts;
  ConnectionSettings connections;
  std::chrono::hours verdict_retention{}, observation_retention{};
  std::chrono::hours journal_retention{};
  std::size_t journal_limit = 0;  // entries

  std::vector<DoorSettings> doors;
  // The door of that name; nothing where there is none.
  const DoorSettings* door(std::string_view name) const;
};

struct SettingInfo {
  std::string_view name;
  std::string_view standard;  // the default, as it would be written
  std::string_view value;     // what is expected: "path", "seconds", "names"
  std::string_view help;      // sentences
};

// All options, in the order in which they are documented.
std::span<const SettingInfo> AllSettings();

// "name = value" lines; '#' begins a comment. A list is written with spaces,
// or by naming the option more than once. `overrides` ("name=value", from the
// command line) come last and replace.
Result<Settings> ParseSettings(std::string_view text,
                               std::span<const std::string> overrides = {});
// Whether `overrides` are settings, and good in themselves. Errors begin with
// "--set": the file is not to blame.
Status CheckOverrides(std::span<const std::string> overrides);
// The file's text, or, where `path` does not exist and `optional` says that it
// need not, the defaults.
enum class MissingFile { kIsAnError, kMeansDefaults };
Result<Settings> LoadSettings(const std::string& path, MissingFile missing,
                              std::span<const std::string> overrides = {});

// The name to say in EHLO: helo-name, or this host's fully qualified name. An
// Error where neither is one that a server would accept ("localhost", no dot).
Result<Domain> HeloName(const Settings& settings);

// User names and numbers to uids; an unknown name is an Error that names it.
Result<std::vector<uid_t>> ResolveUsers(std::span<const std::string> users);
Result<uid_t> ResolveUser(const std::string& user);
Result<gid_t> ResolveGroup(const std::string& group);

// A postern.conf with every option at its default, commented out and explained.
std::string RenderSettingsFile();
// The table of docs/configuration.md.
std::string RenderSettingsMarkdown();

}  // namespace postern
