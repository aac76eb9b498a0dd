// pin-admin/export_command.cc
//
// policy export: the whole store as one file that policy apply reads.
#include "pin-admin/command.h"
#include "pin-admin/policy_file.h"
#include "pin-admin/store_access.h"

namespace postern {
namespace {

ExitStatus RunExport(Context& context) {
  Output& out = context.out;
  const TimePoint now = context.clock.Now();
  Result<std::unique_ptr<AuthorStore>> store = OpenAuthorStore(context);
  if (!store) return out.CouldNot(store.error());
  std::vector<PolicyRow> rows;
  std::vector<Anchor> anchors;
  std::vector<Pin> unused;
  // Of one version, whoever else commits meanwhile.
  const Status read = (*store)->WhileUnchanged([&]() -> Status {
    Result<std::vector<PolicyRow>> all = (*store)->Rows();
    if (!all) return all.error();
    rows = *std::move(all);
    Result<std::vector<Anchor>> kept = (*store)->Anchors();
    if (!kept) return kept.error();
    anchors = *std::move(kept);
    Result<std::vector<Pin>> idle = (*store)->UnusedPins(now);
    if (!idle) return idle.error();
    unused = *std::move(idle);
    return {};
  });
  if (!read) return out.CouldNot(read.error());
  const WholeFile file = FormatWhole(rows, anchors, unused, now);
  for (const std::string& left : file.left_out) {
    out.Warn("only as a comment: " + left);
  }
  out.doc().Set("text", file.text);
  if (!out.json()) out.Text(file.text);
  return ExitStatus::kGood;
}

}  // namespace

std::vector<Command> ExportCommands() {
  return {
      {{"policy export",
        "print the whole store as one file",
        "Lines, exceptions, pins and anchors with everything that is known of "
        "them. 'policy apply' of it makes the same store of an empty one. It "
        "has no private keys in it; the history stays in the store.",
        {},
        {},
        "pin-admin policy export > store.txt\n"
        "pin-admin policy apply store.txt"},
       RunExport},
  };
}

}  // namespace postern
