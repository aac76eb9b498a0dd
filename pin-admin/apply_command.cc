// pin-admin/apply_command.cc
//
// policy apply: a file says what the policy is; the difference is shown, agreed
// to and written in one transaction.
#include "pin-admin/change_review.h"
#include "pin-admin/command.h"
#include "pin-admin/policy_file.h"
#include "pin-admin/read_file.h"
#include "pin-admin/store_access.h"

namespace postern {
namespace {

ExitStatus RunApply(Context& context) {
  Output& out = context.out;
  const std::string path = context.args.Argument(0);
  const Result<std::string> text = ReadInputFile(path);
  if (!text) return out.Usage(text.error().detail());
  const Result<PolicyFile> file = ParsePolicyFile(*text);
  if (!file) return out.Usage(path + ", " + file.error().detail());
  if (file->lines.empty() && file->pins.empty() && file->anchors.empty()) {
    return out.Usage(path + " names no line: nothing was changed");
  }
  const bool yes = context.args.Has("yes");
  if (const auto status = NeedsTerminal(context, path)) return *status;

  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  const Result<std::vector<PolicyRow>> rows = (*store)->Rows();
  if (!rows) return out.CouldNot(rows.error());
  const Result<std::vector<Anchor>> anchors = (*store)->Anchors();
  if (!anchors) return out.CouldNot(anchors.error());
  const std::vector<Change> changes = Difference(*rows, *anchors, *file);
  const std::vector<Pin> weak = NewWeakPins(*rows, changes);
  if (!weak.empty() && !context.args.Has("allow-weak")) {
    return out.No("the file has " + std::to_string(weak.size()) +
                  " SHA-1 or MD5 digests that the store does not have, and "
                  "those can be forged: take the SHA-256 digests, or give "
                  "--allow-weak and replace them with 'pin-admin pin upgrade'");
  }
  WarnOfWeaker(context, **store, *rows, changes);
  if (file->pins.empty() && !file->whole)
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
        "alone. What 'policy export' prints is the whole store: pins, anchors "
        "and exceptions that are not in it go as well. "
        "All of it is one commit, that 'policy undo' takes back.",
        {{"FILE", "the file, or - for standard input"}},
        {{"allow-weak", 0, "",
          "take MD5 and SHA-1 digests that the store does not have"},
         YesOption("do not ask"),
         DryRunOption()},
        "pin-admin policy list --lines > policy.txt\n"
        "pin-admin policy apply policy.txt --dry-run\n"
        "pin-admin policy apply policy.txt"},
       RunApply},
  };
}

}  // namespace postern
