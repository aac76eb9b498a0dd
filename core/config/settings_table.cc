#include "core/config/settings_table.h"

#include <array>
#include <type_traits>

#include "core/config/values.h"

namespace postern {
namespace {

using Values = std::span<const std::string>;

// The last one given counts, as the last of several lines would be read.
const std::string& One(Values values) { return values.back(); }

template <auto kField>
Status SetText(Settings& settings, Values values) {
  settings.*kField = One(values);
  return {};
}

template <auto kField>
Status SetNeeded(Settings& settings, Values values) {
  if (One(values).empty()) {
    return Error(Reason::kRequestInvalid, "must not be empty");
  }
  settings.*kField = One(values);
  return {};
}

template <auto kField>
Status SetPath(Settings& settings, Values values) {
  if (!One(values).starts_with('/')) {
    return Error(Reason::kRequestInvalid,
                 "'" + One(values) + "' is not an absolute path");
  }
  settings.*kField = One(values);
  return {};
}

template <auto kField>
Status SetWords(Settings& settings, Values values) {
  settings.*kField = SplitWords(values);
  return {};
}

// Each value is one item, spaces and all.
template <auto kField>
Status SetLines(Settings& settings, Values values) {
  (settings.*kField).clear();
  for (const std::string& value : values) {
    if (!value.empty()) (settings.*kField).push_back(value);
  }
  return {};
}

template <auto kField>
Status SetSwitch(Settings& settings, Values values) {
  const Result<bool> value = ParseSwitch(One(values));
  if (!value) return value.error();
  settings.*kField = *value;
  return {};
}

template <auto kField>
Status SetSize(Settings& settings, Values values) {
  const Result<std::size_t> value = ParseSize(One(values));
  if (!value) return value.error();
  settings.*kField = *value;
  return {};
}

template <auto kField>
Status SetTimeout(Settings& settings, Values values) {
  const Result<std::chrono::seconds> value = ParseDuration(One(values));
  if (!value) return value.error();
  settings.timeouts.*kField = *value;
  return {};
}

template <auto kField>
Status SetRetention(Settings& settings, Values values) {
  const Result<std::chrono::seconds> value = ParseDuration(One(values));
  if (!value) return value.error();
  settings.*kField = std::chrono::ceil<std::chrono::hours>(*value);
  return {};
}

Status SetLineLength(Settings& settings, Values values) {
  // Shorter than what RFC 5322 section 2.1.1 recommends would only do harm.
  constexpr std::size_t kShortest = 78;
  const Result<std::size_t> value = ParseCount(One(values), 0, 1'000'000);
  if (!value) return value.error();
  if (*value != 0 && *value < kShortest) {
    return Error{Reason::kRequestInvalid,
                 "line-length-limit: 0 (no limit) or at least " +
                     std::to_string(kShortest)};
  }
  settings.line_length_limit = *value;
  return {};
}

template <auto kField>
Status SetCountOf(Settings& settings, Values values) {
  const Result<std::size_t> value = ParseCount(One(values), 1, 10'000);
  if (!value) return value.error();
  settings.*kField = static_cast<unsigned>(*value);
  return {};
}

template <auto kField, std::size_t kLow, std::size_t kHigh>
Status SetConnectionCount(Settings& settings, Values values) {
  const Result<std::size_t> value = ParseCount(One(values), kLow, kHigh);
  if (!value) return value.error();
  auto& field = settings.connections.*kField;
  field = static_cast<std::remove_reference_t<decltype(field)>>(*value);
  return {};
}

template <auto kField, unsigned kMaxSeconds>
Status SetConnectionTime(Settings& settings, Values values) {
  const Result<std::chrono::seconds> value = ParseDuration(One(values));
  if (!value) return value.error();
  if (*value > std::chrono::seconds(kMaxSeconds)) {
    return Error(Reason::kRequestInvalid,
                 "more than " + std::to_string(kMaxSeconds) + " seconds");
  }
  settings.connections.*kField = *value;
  return {};
}

// Empty: none, or one beside the file of state.
template <auto kField>
Status SetOptionalPath(Settings& settings, Values values) {
  (settings.*kField).clear();
  if (One(values).empty()) return {};
  return SetPath<kField>(settings, values);
}

Status SetWithout8BitMime(Settings& settings, Values values) {
  if (One(values) != "send" && One(values) != "refuse") {
    return Error{Reason::kRequestInvalid,
                 "'" + One(values) + "' is neither send nor refuse"};
  }
  settings.refuse_8bit = One(values) == "refuse";
  return {};
}

Status SetJournalLimit(Settings& settings, Values values) {
  const Result<std::size_t> value =
      ParseCount(One(values), 1000, 1'000'000'000);
  if (!value) return value.error();
  settings.journal_limit = *value;
  return {};
}

template <auto kField, typename Item>
Status SetParsed(Settings& settings, Values values) {
  (settings.*kField).clear();
  for (const std::string& word : SplitWords(values)) {
    const Result<Item> item = Item::Parse(word);
    if (!item) return item.error();
    (settings.*kField).push_back(*item);
  }
  return {};
}

DoorSettings& DoorNamed(Settings& settings, std::string_view name) {
  for (DoorSettings& door : settings.doors) {
    if (door.name == name) return door;
  }
  settings.doors.push_back({std::string(name), {}, {}});
  return settings.doors.back();
}

Status SetDoorPath(Settings& settings, std::string_view name, Values values) {
  if (One(values).empty()) {
    return Error(Reason::kRequestInvalid, "must not be empty");
  }
  DoorNamed(settings, name).path = One(values);
  return {};
}

// A door that may be left out: without a path it is not opened.
Status SetOptionalDoorPath(Settings& settings, std::string_view name,
                           Values values) {
  DoorNamed(settings, name).path = One(values);
  return {};
}

Status SetDoorUsers(Settings& settings, std::string_view name, Values values) {
  DoorNamed(settings, name).users = SplitWords(values);
  return {};
}

using S = Settings;
using T = TimeoutSettings;
using C = ConnectionSettings;

constexpr std::array kRows{
    SettingRow{{"author-store", "/var/lib/postern/private/author.db", "PATH",
                "What administrators write: lines, pins, anchors, history. "
                "Only pin-admin, run as root, opens it."},
               SetPath<&S::author_store>},
    SettingRow{{"snapshot", "/var/lib/postern/policy.db", "PATH",
                "The published policy that the service reads."},
               SetPath<&S::snapshot>},
    SettingRow{{"state", "/var/lib/postern/state/state.db", "PATH",
                "What the service has seen: observations and verdicts."},
               SetPath<&S::state_store>},
    SettingRow{{"journal", "", "PATH",
                "The delivery journal: what was begun and what was sent; "
                "without it mail is deferred. Empty: journal.db beside the "
                "file of state."},
               SetOptionalPath<&S::journal>},
    SettingRow{{"published", "", "PATH",
                "Policies that destinations publish (MTA-STS), kept for as "
                "long as they hold. Empty: published.db beside the file of "
                "state."},
               SetOptionalPath<&S::published>},
    SettingRow{{"user", "postern", "USER",
                "The service runs as this user; pin-admin becomes it before it "
                "talks to the network."},
               SetNeeded<&S::user>},
    SettingRow{
        {"group", "postern", "GROUP", "The group that may read the snapshot."},
        SetNeeded<&S::group>},
    SettingRow{{"socket-directory", "/run/postern", "PATH",
                "Where the sockets lie whose door-… is a bare name."},
               SetPath<&S::socket_directory>},
    SettingRow{{"door-pipe", "pipe", "NAME",
                "The socket of postern-transport: a name in socket-directory "
                "or an absolute path."},
               [](S& s, Values v) { return SetDoorPath(s, "pipe", v); }},
    SettingRow{{"pipe-users", "postern-client", "USERS",
                "Who may hand over mail there: names or numbers. It is the "
                "user= of the pipe transport."},
               [](S& s, Values v) { return SetDoorUsers(s, "pipe", v); }},
    SettingRow{
        {"door-lmtp", "/var/spool/postfix/postern/lmtp", "NAME",
         "The socket of Postfix's lmtp(8), likewise; below Postfix's "
         "queue directory, for lmtp(8) may be chrooted there. Not opened "
         "where its directory does not exist, or if it is left empty."},
        [](S& s, Values v) { return SetOptionalDoorPath(s, "lmtp", v); }},
    SettingRow{{"lmtp-users", "postfix", "USERS",
                "Who may hand over mail there: Postfix's mail_owner."},
               [](S& s, Values v) { return SetDoorUsers(s, "lmtp", v); }},
    SettingRow{
        {"lmtp-connections", "100", "NUMBER",
         "Connections of lmtp(8) at a time; some more may wait. Not below "
         "the process limit of the transport in master.cf."},
        SetCountOf<&S::lmtp_connections>},
    SettingRow{
        {"door-exim", "exim", "NAME",
         "The socket of postern-exim.so and of ${readsocket}. Not opened where "
         "one of exim-users does not exist, or if it is left empty."},
        [](S& s, Values v) { return SetOptionalDoorPath(s, "exim", v); }},
    SettingRow{{"exim-users", "root Debian-exim", "USERS",
                "Who may ask there: root, as which Exim routes, and Exim's own "
                "user, as which it delivers."},
               [](S& s, Values v) { return SetDoorUsers(s, "exim", v); }},
    SettingRow{{"exim-questions", "32", "NUMBER",
                "Questions of Exim that are answered at a time; four times as "
                "many may wait."},
               SetCountOf<&S::exim_questions>},
    SettingRow{
        {"door-sendmail", "sendmail", "NAME",
         "The socket of postern-milter. Not opened where one of sendmail-users "
         "does not exist, or if it is left empty."},
        [](S& s, Values v) { return SetOptionalDoorPath(s, "sendmail", v); }},
    SettingRow{{"sendmail-users", "postern-client", "USERS",
                "Who may ask there: as whom postern-milter runs."},
               [](S& s, Values v) { return SetDoorUsers(s, "sendmail", v); }},
    SettingRow{{"door-sendmail-map", "sendmail-map", "NAME",
                "The socket map of Sendmail's TLS rulesets, likewise."},
               [](S& s, Values v) {
                 return SetOptionalDoorPath(s, "sendmail-map", v);
               }},
    SettingRow{
        {"sendmail-map-users", "root smmta", "USERS",
         "Who may ask there: root, as which Sendmail delivers, and its user."},
        [](S& s, Values v) { return SetDoorUsers(s, "sendmail-map", v); }},
    SettingRow{{"sendmail-questions", "32", "NUMBER",
                "Questions at each of these two for which a server has to be "
                "looked at, at a time; more of them wait. What is known is "
                "answered at once."},
               SetCountOf<&S::sendmail_questions>},
    SettingRow{{"door-query", "query", "NAME",
                "The socket of explain, probe and check."},
               [](S& s, Values v) { return SetDoorPath(s, "query", v); }},
    SettingRow{{"query-users", "root postern", "USERS", "Who may ask there."},
               [](S& s, Values v) { return SetDoorUsers(s, "query", v); }},
    SettingRow{{"spool-directory", "/var/spool/postern", "PATH",
                "Messages on their way lie here, in files without a name."},
               SetPath<&S::spool_directory>},
    SettingRow{{"spool-limit", "2G", "SIZE",
                "All messages on their way together; beyond it mail is "
                "deferred."},
               SetSize<&S::spool_limit>},
    SettingRow{{"max-message-size", "200M", "SIZE",
                "One message; a larger one is deferred. Not below the MTA's "
                "own limit."},
               SetSize<&S::max_message_size>},
    SettingRow{{"line-length-limit", "998", "NUMBER",
                "Lines with more octets are folded with a line break and a "
                "space, as smtp(8) does. 0: they go as they are."},
               SetLineLength},
    SettingRow{{"without-8bitmime", "send", "send|refuse",
                "A message with 8-bit octets, where the server does not offer "
                "8BITMIME: it goes as it is, or is returned to its sender "
                "(5.6.3)."},
               SetWithout8BitMime},
    SettingRow{{"credentials", "", "PATH",
                "Who logs in to which relay: lines '[host]:port user secret', "
                "in a file that belongs to the service's user, mode 0600. Sent "
                "only at authenticating levels, after the relay has proven "
                "itself. Read again when it changes. Empty: nobody logs in."},
               SetOptionalPath<&S::credentials>},
    SettingRow{{"worker-threads", "100", "NUMBER",
                "Deliveries at a time through door-pipe. Not below the MTA's "
                "process limit for the transport."},
               SetCountOf<&S::worker_threads>},
    SettingRow{{"verifiers", POSTERN_VERIFIERS, "NAMES",
                "The verifiers in use, in the order in which they are asked; "
                "'pin-admin plugins' lists them. A level that needs another "
                "defers."},
               SetWords<&S::verifiers>},
    SettingRow{{"leave-out", "", "NAMES",
                "Published sources that auto does without: dane, mta-sts. With "
                "both left out, auto is its floor."},
               SetWords<&S::leave_out>},
    SettingRow{{"tlsa-digests", "sha512 sha256", "NAMES",
                "The digests that TLSA records may use, strongest first: of "
                "several, only the strongest that is published counts. sha256 "
                "has to be among them."},
               SetWords<&S::tlsa_digests>},
    SettingRow{{"trust-directory", "/etc/ssl/certs", "PATH",
                "The trusted authorities: a hashed directory."},
               SetPath<&S::trust_directory>},
    SettingRow{{"dns-forwarders", "", "ADDRESSES",
                "Resolvers to ask, ADDRESS or ADDRESS@PORT; empty: those of "
                "/etc/resolv.conf. Answers are validated here in any case."},
               SetWords<&S::dns_forwarders>},
    SettingRow{{"dns-trust-anchor", "/usr/share/dns/root.key", "PATH",
                "The DNSSEC trust anchor."},
               SetPath<&S::dns_trust_anchor>},
    SettingRow{{"dns-options", "", "OPTION",
                "A libunbound option, 'name: value', as in unbound.conf; may "
                "be repeated. For laboratories."},
               SetLines<&S::dns_options>},
    SettingRow{{"helo-name", "", "NAME",
                "What is said in EHLO; empty: this host's full name."},
               SetText<&S::helo_name>},
    SettingRow{{"own-names", "", "NAMES",
                "MX names, besides helo-name, that are this host: mail to "
                "itself would loop."},
               SetParsed<&S::own_names, Domain>},
    SettingRow{{"own-addresses", "", "ADDRESSES",
                "Addresses of this host that its interfaces don't show (NAT)."},
               SetParsed<&S::own_addresses, IpAddress>},
    SettingRow{
        {"probe-private-addresses", "no", "yes|no",
         "Whether probes, and fetching MTA-STS policies, may go to private "
         "and loopback addresses."},
        SetSwitch<&S::probe_private_addresses>},
    SettingRow{{"host-connections", "20", "NUMBER",
                "At most so many connections at once to one address of a host. "
                "A delivery beyond that waits as long as connect-timeout, then "
                "goes on to the next address. 1 to 1000."},
               SetConnectionCount<&C::per_host, 1, 1000>},
    SettingRow{
        {"kept-connections", "100", "NUMBER",
         "At most so many unused connections, of all hosts, are kept for "
         "the next message to the same destination; 0: none. Up to "
         "1000."},
        SetConnectionCount<&C::kept, 0, 1000>},
    SettingRow{{"kept-idle", "5s", "TIME",
                "How long a connection is kept unused. Up to 5m."},
               SetConnectionTime<&C::idle, 300>},
    SettingRow{{"kept-life", "5m", "TIME",
                "How long after it was made a connection may be used again. Up "
                "to 1h."},
               SetConnectionTime<&C::life, 3600>},
    SettingRow{{"kept-messages", "100", "NUMBER",
                "How many messages one connection carries. 1 to 10000."},
               SetConnectionCount<&C::messages, 1, 10'000>},
    SettingRow{{"connect-timeout", "30s", "TIME", "For a TCP connection."},
               SetTimeout<&T::connect>},
    SettingRow{{"command-timeout", "5m", "TIME",
                "For the reply to a command, the greeting, the handshake."},
               SetTimeout<&T::command>},
    SettingRow{{"data-timeout", "3m", "TIME", "For each block of the message."},
               SetTimeout<&T::data>},
    SettingRow{{"dot-timeout", "10m", "TIME",
                "For the reply to the end of the message."},
               SetTimeout<&T::dot_reply>},
    SettingRow{{"total-timeout", "50m", "TIME",
                "For one delivery with all its hosts; at most 55m, for pipe(8) "
                "bounces the mail after its time_limit of an hour."},
               SetTimeout<&T::total>},
    SettingRow{{"dns-timeout", "10s", "TIME", "For one DNS question."},
               SetTimeout<&T::dns>},
    SettingRow{{"probe-timeout", "60s", "TIME",
                "For one connection that is made only to look."},
               SetTimeout<&T::probe>},
    SettingRow{{"verdict-retention", "30d", "TIME",
                "How long verdicts and their evidence are kept."},
               SetRetention<&S::verdict_retention>},
    SettingRow{{"observation-retention", "400d", "TIME",
                "How long a key is remembered that is no longer seen."},
               SetRetention<&S::observation_retention>},
    SettingRow{{"journal-retention", "7d", "TIME",
                "How long the journal knows that a message was sent. Longer "
                "than the MTA keeps trying (Postfix: maximal_queue_lifetime, "
                "5d); a shorter time can only cost a duplicate."},
               SetRetention<&S::journal_retention>},
    SettingRow{{"journal-limit", "1000000", "NUMBER",
                "Entries of the journal, about 300 octets each; beyond it the "
                "oldest go."},
               SetJournalLimit},
};

constexpr auto kInfos = [] {
  std::array<SettingInfo, kRows.size()> infos{};
  for (std::size_t i = 0; i < kRows.size(); ++i) infos[i] = kRows[i].info;
  return infos;
}();

}  // namespace

std::span<const SettingRow> SettingRows() { return kRows; }

std::span<const SettingInfo> AllSettings() { return kInfos; }

}  // namespace postern
