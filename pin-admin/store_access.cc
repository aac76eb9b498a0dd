#include "pin-admin/store_access.h"

#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/audit/audit_log.h"
#include "pin-admin/history_view.h"

namespace postern {
namespace {

// The group that may read the snapshot. Only root can give a file away; whoever
// else keeps a store (a test, a trial) reads it as himself.
Result<PublishOptions> OptionsForPublish(Context& context) {
  PublishOptions options;
  if (geteuid() != 0) return options;
  const Result<gid_t> group = ResolveGroup(context.settings.group);
  if (!group) return group.error();
  options.group = *group;
  return options;
}

Result<SnapshotInfo> PublishStore(Context& context, AuthorStore& store) {
  const Result<PublishOptions> options = OptionsForPublish(context);
  if (!options) return options.error();
  return Publish(store, context.settings.snapshot, *options,
                 context.clock.Now());
}

std::string UserName() {
  const passwd* user = getpwuid(getuid());
  return user != nullptr ? user->pw_name : std::to_string(getuid());
}

void LogHead(const std::string& who, const StoreVersion& version,
             std::string_view what) {
  const Syslog log("pin-admin");
  log.Info("who=" + AuditValue(who) +
           " commit=" + std::to_string(version.commit) +
           " head=" + version.head + " what=" + AuditValue(what));
}

Error Explained(const Context& context, const Error& error) {
  const std::string& path = context.settings.author_store;
  switch (LookForStore(context)) {
    case StoreState::kAbsentButPublished:
      return Error(error.reason(),
                   "there is no store at " + path +
                       ", but a published policy at " +
                       context.settings.snapshot +
                       ": restore the store from a backup ('pin-admin init "
                       "--discard-published' would begin anew)");
    case StoreState::kAbsent:
      return Error(error.reason(), "there is no store at " + path +
                                       ": run 'pin-admin init' first");
    case StoreState::kNotAllowed:
      return Error(error.reason(), "cannot open " + path + " (" +
                                       std::strerror(errno) +
                                       "): run pin-admin as root, with sudo");
    case StoreState::kThere:
      break;
  }
  return error;
}

}  // namespace

StoreState LookForStore(const Context& context) {
  const std::string& path = context.settings.author_store;
  if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
    const bool published = access(context.settings.snapshot.c_str(), F_OK) == 0;
    return published ? StoreState::kAbsentButPublished : StoreState::kAbsent;
  }
  const bool not_allowed =
      geteuid() != 0 && access(path.c_str(), R_OK | W_OK) != 0;
  return not_allowed ? StoreState::kNotAllowed : StoreState::kThere;
}

std::string AuthorAsPolicyStore::Generation() {
  const Result<StoreVersion> version = store_.Version();
  return version ? std::to_string(version->commit) + ":" + version->head : "";
}

Result<std::unique_ptr<AuthorStore>> OpenAuthorStore(Context& context,
                                                     IfStale if_stale) {
  Result<std::unique_ptr<AuthorStore>> store =
      AuthorStore::Open(context.settings.author_store);
  if (!store) return Explained(context, store.error());
  if (if_stale == IfStale::kLeaveIt || context.args.Has("dry-run"))
    return store;

  const Result<bool> stale = NeedsPublish(**store, context.settings.snapshot);
  if (!stale) return stale.error();
  if (!*stale) return store;
  const Result<SnapshotInfo> done = PublishStore(context, **store);
  context.out.Warn(
      "the published policy was missing, damaged or old" +
      (done ? std::string(" and has been published again")
            : " and could not be published again: " + done.error().detail()));
  return store;
}

Author ThisAdministrator(const Context& context) {
  Author author;
  author.who = UserName();
  author.when = context.clock.Now();
  const char* sudo = std::getenv("SUDO_USER");
  if (geteuid() == 0 && sudo != nullptr && *sudo != '\0') {
    author.who = Clean(sudo) + " (as root)";
  }
  return author;
}

ExitStatus Refuse(Output& out, const Error& error) {
  switch (error.reason()) {
    case Reason::kPolicyInvalid:
      return out.No(error.detail());
    case Reason::kRequestInvalid:
      return out.Usage(error.detail());
    default:
      return out.CouldNot(error);
  }
}

ExitStatus PublishNow(Context& context, AuthorStore& store) {
  const Result<SnapshotInfo> done = PublishStore(context, store);
  if (!done) {
    context.out.doc().Set("in_force", false);
    return context.out.CouldNot(
        Error(
            Reason::kPolicyStoreUnavailable,
            "the policy is written but not in force: " + done.error().detail()),
        "mend that and run 'pin-admin publish'");
  }
  context.out.doc().Set("in_force", true);
  context.out.doc().Set("commit", done->version.commit);
  context.out.doc().Set("head", done->version.head);
  context.out.doc().Set("keys", done->rows);
  return ExitStatus::kGood;
}

ExitStatus CommitChanges(Context& context, AuthorStore& store,
                         std::span<const Change> changes, const Agree& agree) {
  return CommitWith(
      context, store,
      [&](const Author& author, ApplyMode mode) {
        return store.Apply(changes, author, mode);
      },
      agree);
}

ExitStatus CommitWith(Context& context, AuthorStore& store,
                      const MakeCommit& make, const Agree& agree) {
  Output& out = context.out;
  const bool dry = context.args.Has("dry-run");
  const Author author = ThisAdministrator(context);
  const bool preview = dry || agree;
  Result<Commit> commit =
      make(author, preview ? ApplyMode::kDryRun : ApplyMode::kCommit);
  if (!commit) return Refuse(out, commit.error());

  out.doc().Set("dry_run", dry);
  ShowChanges(out, commit->entries);
  if (commit->entries.empty()) {
    out.Line("Nothing to change: it is so already.");
    return ExitStatus::kGood;
  }
  if (dry) {
    out.Line("Dry run: nothing was written.");
    return ExitStatus::kGood;
  }
  if (preview) {
    if (!agree()) return out.No("not confirmed: nothing was written");
    commit = make(author, ApplyMode::kCommit);
    if (!commit) return Refuse(out, commit.error());
  }
  std::string subjects;
  for (const HistoryEntry& entry : commit->entries) {
    if (!subjects.empty()) subjects += "; ";
    subjects += entry.subject;
  }
  LogHead(author.who, {commit->number, commit->head}, subjects);
  const ExitStatus published = PublishNow(context, store);
  if (published == ExitStatus::kGood) {
    out.Line("Commit " + std::to_string(commit->number) + ", in force now.");
  }
  return published;
}

}  // namespace postern
