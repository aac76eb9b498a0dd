#include <pwd.h>

#include <algorithm>
#include <optional>

#include "core/names/quoted.h"
#include "pin-admin/doctor/postfix_coverage.h"
#include "pin-admin/doctor/postfix_map_setup.h"
#include "pin-admin/doctor/postfix_setup.h"
#include "pin-admin/doctor/service_findings.h"

namespace postern {
namespace {

using Weight = Remark::Weight;

// At its end pipe(8) kills the program and bounces the mail.
constexpr long long kTimeSlack = 300;

// pipe(8)'s attributes before argv=, and the command behind it.
struct PipeLine {
  std::string flags, user, eol;
  bool null_sender = false, has_null_sender = false;
  std::vector<std::string> argv;
};

PipeLine ParsePipe(const MasterService& service) {
  PipeLine line;
  bool in_argv = false;
  for (const std::string& word : service.arguments) {
    if (in_argv) {
      line.argv.push_back(word);
    } else if (word.starts_with("argv=")) {
      line.argv.push_back(word.substr(5));
      in_argv = true;
    } else if (word.starts_with("flags=")) {
      line.flags = word.substr(6);
    } else if (word.starts_with("user=")) {
      line.user = word.substr(5);
    } else if (word.starts_with("eol=")) {
      line.eol = word.substr(4);
    } else if (word.starts_with("null_sender=")) {
      line.has_null_sender = true;
      line.null_sender = word == "null_sender=";
    }
  }
  return line;
}

class Inspector : ServiceFindings {
 public:
  Inspector(const PostfixConfig& config, const OwnSetup& own,
            const MasterService& service)
      : ServiceFindings(config, service),
        own_(own),
        line_(ParsePipe(service)) {}

  std::vector<Diagnosis> All() {
    Columns();
    Attributes();
    Arguments();
    User();
    Parameters();
    AnswersAsTheyAre("pipe_delivery_status_filter");
    for (Diagnosis& diagnosis : InspectProgram(line_.argv.front())) {
      found_.push_back(std::move(diagnosis));
    }
    return std::move(found_);
  }

 private:
  std::string Column(std::string_view unprivileged,
                     std::string_view chroot) const {
    return service_.name + " unix - " + std::string(unprivileged) + " " +
           std::string(chroot) + " - " + service_.limit + " pipe";
  }

  void Columns() {
    if (service_.unprivileged != "n") {
      Tell(Weight::kNo, "transport-unprivileged",
           "the column 'unpriv' is '" + service_.unprivileged + "', not n",
           "pipe(8) can't become the program's user: every delivery is "
           "deferred",
           Column("n", "n"));
    }
    if (config_.Chrooted(service_)) {
      Tell(Weight::kNo, "transport-chrooted",
           "the column 'chroot' makes pipe(8) run below the queue directory",
           "it does not find the program there, and BOUNCES the mail",
           Column("n", "n"));
    }
    const std::string limit = service_.limit == "-"
                                  ? config_.Get("default_process_limit")
                                  : service_.limit;
    const std::optional<long long> most = ParsePostfixTime(limit, 's');
    const unsigned workers = own_.settings.worker_threads;
    if (most && (*most == 0 || *most > workers)) {
      Tell(Weight::kWarning, "transport-process-limit",
           "up to " + (*most == 0 ? "any number of" : limit) +
               " deliveries at a time, and the service has " +
               std::to_string(workers) + " workers",
           "those above are deferred with 'service busy', and tried later",
           "postern.conf: worker-threads = " +
               (*most == 0 ? std::string("500") : limit) +
               "\n(or the column 'maxproc' of the transport: " +
               std::to_string(workers) + ")");
    }
  }

  void Attributes() {
    std::string extra;
    for (const char flag : line_.flags) {
      if (flag != 'q' && flag != '.') extra += flag;
    }
    const bool quoted = line_.flags.find('q') != std::string::npos;
    const bool dots = line_.flags.find('.') != std::string::npos;
    if (!quoted || !dots || !extra.empty()) {
      Tell(Weight::kNo, "transport-flags",
           "flags=" + line_.flags +
               (extra.empty() ? "" : ", where '" + extra + "' changes mail"),
           !quoted ? "without q an unusual local part arrives unquoted and "
                     "goes to another address"
           : !dots ? "without . a line of one dot ends the message there"
                   : "the partner gets another message than was sent",
           "flags=q.");
    }
    if (line_.eol != "\\r\\n") {
      Tell(Weight::kNo, "transport-eol",
           line_.eol.empty() ? "eol= is missing" : "eol=" + line_.eol,
           "SMTP's line ends are CR LF; a bare LF is deferred or refused",
           "eol=\\r\\n");
    }
    if (!line_.null_sender) {
      Tell(Weight::kNo, "transport-null-sender",
           line_.has_null_sender ? "null_sender= has a value"
                                 : "null_sender= is missing",
           "a bounce would leave with the sender MAILER-DAEMON, and may be "
           "answered: mail loops",
           "null_sender=");
    }
  }

  void Arguments() {
    std::vector<std::string> rest(line_.argv.begin() + 1, line_.argv.end());
    const DoorSettings* door = own_.settings.door("pipe");
    const std::string path = door != nullptr ? door->path : "";
    std::string socket = POSTERN_PIPE_SOCKET;
    if (rest.size() >= 2 && rest[0] == "--socket") {
      socket = rest[1];
      rest.erase(rest.begin(), rest.begin() + 2);
    }
    const std::vector<std::string> wanted{"--", "${nexthop}", "${queue_id}",
                                          "${sender}", "${recipient}"};
    const std::string option = path == POSTERN_PIPE_SOCKET || path.empty()
                                   ? ""
                                   : "--socket " + path + " ";
    const std::string right = "argv=" + line_.argv.front() + " " + option +
                              "-- ${nexthop} ${queue_id} ${sender} "
                              "${recipient}";
    if (rest != wanted) {
      const bool dashes = !rest.empty() && rest.front() == "--";
      Tell(Weight::kNo, "transport-argv",
           "the program's arguments are not the four that it takes",
           dashes ? "it would take one for another, and mail would be deferred "
                    "or go to the wrong address"
                  : "without '--' in front a sender may be called -h@x.example "
                    "and be taken for an option",
           right);
    }
    if (!path.empty() && socket != path) {
      Tell(Weight::kNo, "transport-socket",
           "the program asks at " + socket + ", and the service listens at " +
               path,
           "every mail is deferred: nobody answers", right);
    }
  }

  void User() {
    const std::string name = line_.user.substr(0, line_.user.find(':'));
    const DoorSettings* door = own_.settings.door("pipe");
    const std::string right = "user=" + (door != nullptr && !door->users.empty()
                                             ? door->users.front()
                                             : std::string("postern-client"));
    if (name.empty() || name == "root" || name == "0" ||
        name == config_.Get("mail_owner")) {
      return Tell(Weight::kNo, "transport-user",
                  name.empty() ? "user= is missing"
                               : "pipe(8) refuses to run programs as " + name,
                  "every delivery is deferred", right);
    }
    const Result<uid_t> uid = ResolveUser(name);
    if (!uid) {
      return Tell(Weight::kNo, "transport-user",
                  "there is no user " + Quoted(name),
                  "every delivery is deferred",
                  "adduser --system --group --no-create-home --home "
                  "/nonexistent " +
                      name);
    }
    if (door == nullptr) return;
    const Result<std::vector<uid_t>> allowed = ResolveUsers(door->users);
    if (!allowed) {
      return Tell(
          Weight::kNo, "pipe-users", "pipe-users: " + allowed.error().detail(),
          "the service does not start", "postern.conf: pipe-users = " + name);
    }
    if (std::find(allowed->begin(), allowed->end(), *uid) == allowed->end()) {
      Tell(Weight::kNo, "pipe-users",
           "the program runs as " + name +
               ", and pipe-users of postern.conf doesn't name that user",
           "the service answers nobody else: every mail is deferred", right);
    }
  }

  void Limit(const std::string& name, const std::string& value) {
    if (value == "1") return;
    found_.push_back(
        {Weight::kNo, "transport-recipient-limit", config_.MainCf(),
         name + " = " + value,
         "pipe(8) knows one result for all recipients of a call, so a call "
         "with more than one is deferred",
         name + " = 1"});
  }

  void Parameters() {
    Limit(service_.name + "_destination_recipient_limit",
          config_.Get(service_.name + "_destination_recipient_limit"));
    const std::string name = service_.name + "_time_limit";
    const std::string value = config_.Get(service_.key(), name);
    const std::optional<long long> limit = ParsePostfixTime(value, 's');
    const long long total = own_.settings.timeouts.total.count();
    if (!limit || *limit < total + kTimeSlack) {
      found_.push_back(
          {Weight::kNo, "transport-time-limit", config_.MainCf(),
           name + " = " + value + ", and a delivery may take " +
               std::to_string(total) + "s (total-timeout)",
           "at its end pipe(8) kills the program and BOUNCES the mail",
           name + " = " + std::to_string(std::max(3600LL, total + kTimeSlack)) +
               "s"});
    }
    const std::string concurrency =
        service_.name + "_destination_concurrency_limit";
    const std::optional<long long> most =
        ParsePostfixTime(config_.Get(concurrency), 's');
    if (most && *most == 0) {
      found_.push_back(
          {Weight::kWarning, "transport-concurrency", config_.MainCf(),
           concurrency + " = 0, no limit",
           "one destination's mail can take all workers from the others",
           concurrency + " = 20"});
    }
    const std::vector<std::string> held =
        SplitPostfixList(config_.Get("defer_transports"));
    if (std::find(held.begin(), held.end(), service_.name) != held.end()) {
      found_.push_back({Weight::kNo, "transport-held", config_.MainCf(),
                        "defer_transports names " + service_.name,
                        "its mail waits until somebody flushes the queue",
                        "remove it: postconf -e 'defer_transports ='"});
    }
  }

  const OwnSetup& own_;
  const PipeLine line_;
};

}  // namespace

std::vector<Diagnosis> PostfixTransportSetup(const PostfixConfig& config,
                                             const OwnSetup& own) {
  std::vector<Diagnosis> found;
  bool any = false;
  for (const MasterService& service : config.services()) {
    if (!RunsPostern(service)) continue;
    any = true;
    for (Diagnosis& diagnosis : Inspector(config, own, service).All()) {
      found.push_back(std::move(diagnosis));
    }
  }
  for (const MasterService& service : config.services()) {
    any = any || IsOwnLmtp(config, service) ||
          AsksPolicyMap(config, own.settings, service);
  }
  if (any) return found;
  found.push_back(
      {Weight::kNo, "transport-missing", config.MasterCf(),
       "no service runs " + own.transport_program +
           ", no lmtp(8) leads to the service, and no smtp(8) asks its policy "
           "map",
       "no mail reaches Postern",
       "pin-admin config postfix prints the lines to paste"});
  return found;
}

}  // namespace postern
