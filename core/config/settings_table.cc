#include "core/config/settings_table.h"

#include <array>

#include "core/config/setters.h"

namespace postern {
namespace {

using namespace setters;  // NOLINT

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
        {"door-postfix-map", "/var/spool/postfix/postern/map", "NAME",
         "The socket map that Postfix's smtp(8) asks for policies "
         "(smtp_tls_policy_maps), likewise; below Postfix's queue directory "
         "for the same reason. Not opened where its directory does not exist, "
         "or if it is left empty."},
        [](S& s, Values v) {
          return SetOptionalDoorPath(s, "postfix-map", v);
        }},
    SettingRow{
        {"postfix-map-users", "postfix root", "USERS",
         "Who may ask there: Postfix's mail_owner, and root for "
         "postmap(1)."},
        [](S& s, Values v) { return SetDoorUsers(s, "postfix-map", v); }},
    SettingRow{{"postfix-map-inet", "", "ADDRESS:PORT",
                "The same map at a loopback address too, 127.0.0.1:8461 for "
                "example, where every user of this host may read the policies. "
                "Empty: nowhere."},
               SetMapInet},
    SettingRow{{"postfix-map-lookups", "64", "NUMBER",
                "Questions of the map for which DNS is asked (lines at auto), "
                "at a time; all others are answered at once. One destination "
                "has a quarter of them at most. 1 to 1000."},
               SetMapLookups},
    SettingRow{{"postfix-version", "3.7", "VERSION",
                "The oldest Postfix that asks the map. It defers all mail "
                "about which it is told a word that it does not know."},
               SetPostfixVersion},
    SettingRow{{"postfix-digest", "sha256", "sha256|sha512",
                "The smtp_tls_fingerprint_digest of the Postfix that asks the "
                "map: pins of this digest are told to it."},
               SetPostfixDigest},
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
                "Questions of Exim that are answered at a time; sixteen times "
                "as many may wait. One destination has a quarter of both at "
                "most."},
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
                "looked at, at a time; more of them wait. One destination has "
                "a quarter of them at most. What is known is answered at "
                "once."},
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
