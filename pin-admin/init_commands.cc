// pin-admin/init_commands.cc
//
// init, publish: the store's first line, and the file that the service reads.
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "pin-admin/command.h"
#include "pin-admin/line_prospects.h"
#include "pin-admin/store_access.h"

namespace postern {
namespace {

// The directories above `path`, readable by all; what is there stays as it is.
Status MakeParents(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(),
                                      error);
  if (error) {
    return Error(
        Reason::kPolicyStoreUnavailable,
        "cannot make the directory of " + path + ": " + error.message() +
            (geteuid() != 0 ? "; run pin-admin as root, with sudo" : ""));
  }
  return {};
}

ExitStatus RunInit(Context& context) {
  Output& out = context.out;
  const std::string level = context.args.Get("default");
  const Result<PolicyLine> line = ParsePolicyLine("* " + level);
  if (!line) return out.Usage("--default: " + line.error().detail());
  const std::string& path = context.settings.author_store;
  if (access(path.c_str(), F_OK) == 0) {
    return out.No("there is a store at " + path +
                  " already; 'pin-admin policy list' shows it");
  }
  // Published lines without their store: it was lost. Beginning anew would put
  // the one line for '*' in the place of them all.
  const std::string& snapshot = context.settings.snapshot;
  if (access(snapshot.c_str(), F_OK) == 0 &&
      !context.args.Has("discard-published")) {
    return out.No("there is a published policy at " + snapshot +
                  " and no store at " + path +
                  ": restore the store from a backup; --discard-published "
                  "begins anew and lets those lines go");
  }
  out.doc().Set("store", path);
  out.doc().Set("snapshot", snapshot);
  out.doc().Set("line", Format(*line));
  out.doc().Set("dry_run", context.args.Has("dry-run"));
  if (context.args.Has("dry-run")) {
    out.Line("Would make " + path + " with the line '" + Format(*line) +
             "' and publish it to " + context.settings.snapshot + ".");
    return ExitStatus::kGood;
  }
  // The store makes its own directory (0700), not those above it.
  const std::filesystem::path directory =
      std::filesystem::path(path).parent_path();
  for (const std::string& below :
       {directory.string(), context.settings.snapshot}) {
    const Status made = MakeParents(below);
    if (!made) return out.CouldNot(made.error(), "");
  }
  Result<std::unique_ptr<AuthorStore>> store =
      AuthorStore::Create(path, *line, ThisAdministrator(context));
  if (!store) return Refuse(out, store.error());
  const ExitStatus published = PublishNow(context, **store);
  if (published != ExitStatus::kGood) return published;
  out.Line("The store is at " + path + "; its first line is '" + Format(*line) +
           "'.");
  out.Line(
      "Next: 'pin-admin policy set DOMAIN LEVEL', and 'pin-admin config "
      "postfix', 'config exim' or 'config sendmail' for what to paste into "
      "the mail server.");
  return WarnOfWaiting(out, *line, context.settings);
}

ExitStatus RunPublish(Context& context) {
  Output& out = context.out;
  Result<std::unique_ptr<AuthorStore>> store =
      OpenAuthorStore(context, IfStale::kLeaveIt);
  if (!store) return out.CouldNot(store.error());
  const Result<bool> stale = NeedsPublish(**store, context.settings.snapshot);
  if (!stale) return out.CouldNot(stale.error());
  out.doc().Set("snapshot", context.settings.snapshot);
  out.doc().Set("was_stale", *stale);
  if (context.args.Has("dry-run")) {
    out.Line(*stale ? "Would publish: the snapshot is missing, damaged or old."
                    : "Nothing to do: the snapshot is what the store says.");
    return ExitStatus::kGood;
  }
  if (!*stale && !context.args.Has("force")) {
    out.Line("Nothing to do: the snapshot is what the store says.");
    return ExitStatus::kGood;
  }
  const ExitStatus status = PublishNow(context, **store);
  if (status == ExitStatus::kGood) {
    out.Line("Published to " + context.settings.snapshot + ".");
  }
  return status;
}

}  // namespace

std::vector<Command> InitCommands() {
  return {
      {{"init",
        "make the store, with one line for all destinations",
        "Mail goes on as before until stricter lines are set.",
        {},
        {{"default", 'd', "LEVEL", "the level of the line for *", "may"},
         {"discard-published", 0, "",
          "begin anew although lines are published whose store is lost"},
         DryRunOption()},
        "pin-admin init\n"
        "pin-admin init --default encrypt"},
       RunInit},
      {{"publish",
        "write the file that the service reads, if it is not current",
        "Every change does this by itself. It is for start-up scripts, and for "
        "repair after a full disk.",
        {},
        {{"force", 0, "", "write it even if it is current"}, DryRunOption()},
        "pin-admin publish"},
       RunPublish},
  };
}

}  // namespace postern
