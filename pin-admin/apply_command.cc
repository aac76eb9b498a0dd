// pin-admin/apply_command.cc
//
// policy apply: a file says what the policy is; the difference is shown, agreed
// to and written in one transaction.
#include "core/policy/strength.h"
#include "pin-admin/command.h"
#include "pin-admin/line_prospects.h"
#include "pin-admin/policy_file.h"
#include "pin-admin/read_file.h"
#include "pin-admin/store_access.h"

namespace postern {
namespace {

void WarnOfWeaker(Output& out, const std::vector<PolicyRow>& rows,
                  const std::vector<Change>& changes) {
  for (const Change& change : changes) {
    const SetLine* set = std::get_if<SetLine>(&change);
    if (set == nullptr) continue;
    for (const PolicyRow& row : rows) {
      if (row.key != set->line.key || !row.line) continue;
      if (const auto loss = WouldWeaken(*row.line, set->line)) {
        out.Warn("weaker than before for " + row.key.str() + ": " + *loss);
      }
    }
  }
}

// Only of what changes: a line that waits already is no news of this file's.
ExitStatus WarnOfWaiting(Context& context, const std::vector<Change>& changes) {
  ExitStatus status = ExitStatus::kGood;
  for (const Change& change : changes) {
    const SetLine* set = std::get_if<SetLine>(&change);
    if (set == nullptr) continue;
    status = Gravest(status,
                     WarnOfWaiting(context.out, set->line, context.settings));
  }
  return status;
}

ExitStatus RunApply(Context& context) {
  Output& out = context.out;
  const std::string path = context.args.Argument(0);
  const Result<std::string> text = ReadInputFile(path);
  if (!text) return out.Usage(text.error().detail());
  const Result<PolicyFile> file = ParsePolicyFile(*text);
  if (!file) return out.Usage(path + ", " + file.error().detail());
  const bool yes = context.args.Has("yes");
  const bool dry = context.args.Has("dry-run");
  if (!yes && !dry && (path == "-" || !out.CanAsk())) {
    return out.Usage(
        "there is no terminal to ask on: look at it with --dry-run, "
        "then say --yes");
  }

  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<std::vector<PolicyRow>> rows = (*store)->Rows();
  if (!rows) return out.CouldNot(rows.error());
  const std::vector<Change> changes = Difference(*rows, *file);
  WarnOfWeaker(out, *rows, changes);
  if (file->pins.empty())
    out.Line("The file has no pins: they stay as they are.");
  const ExitStatus waits = WarnOfWaiting(context, changes);
  const ExitStatus status = CommitChanges(context, **store, changes, [&] {
    return yes || out.Confirm("Make it so?");
  });
  return Gravest(status, waits);
}

}  // namespace

std::vector<Command> ApplyCommands() {
  return {
      {{"policy apply",
        "make the policy what a file says",
        "The file has policy lines, each with its pins indented below it, as "
        "'policy list --lines' prints them. Lines that it does not have are "
        "removed; exceptions end by themselves; a file without pins leaves "
        "pins "
        "alone. All of it is one commit, that 'policy undo' takes back.",
        {{"FILE", "the file, or - for standard input"}},
        {YesOption("do not ask"), DryRunOption()},
        "pin-admin policy list --lines > policy.txt\n"
        "pin-admin policy apply policy.txt --dry-run\n"
        "pin-admin policy apply policy.txt"},
       RunApply},
  };
}

}  // namespace postern
