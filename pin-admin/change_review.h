// pin-admin/change_review.h
//
// Changes that come from a file: what an administrator is told of them before
// he agrees, and the agreement.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/store/author_store.h"
#include "pin-admin/command.h"
#include "pin-admin/tables/imported_table.h"

namespace postern {

// --yes, --dry-run, or a terminal to ask on; else the status of wrong usage.
// `path` "-" takes the terminal away.
std::optional<ExitStatus> NeedsTerminal(Context& context,
                                        const std::string& path);

// Warns of each line that asks less than the one it replaces, of each new one
// that asks less than what holds for its domain now, and of each removed one
// that asked more than what holds then. `rows`: those of the changed keys.
void WarnOfWeaker(Context& context, AuthorStore& store,
                  std::span<const PolicyRow> rows,
                  std::span<const Change> changes);

// Warns of each line under which mail will wait whatever the server does, and
// only of what changes: a line that waits already is no news of this file's.
// kWarning if there were any.
ExitStatus WarnOfWaiting(Context& context, const std::vector<Change>& changes);

// The pins among `changes` that are SHA-1 or MD5 and that no row has yet.
std::vector<Pin> NewWeakPins(const std::vector<PolicyRow>& rows,
                             const std::vector<Change>& changes);

// What a table adds to a store: lines are set, pins that are not there yet are
// added, nothing is removed. A line keeps the owner and the note that it has in
// the store, which other programs' tables can't say.
std::vector<Change> ImportChanges(const std::vector<PolicyRow>& rows,
                                  const ImportedTable& table);

// Each complaint as a warning (refused) or a line (note), and in the document
// as `refused` and `notes`.
void ShowComplaints(Output& out, const std::vector<TableComplaint>& complaints);

// --partial: the option of commands that call CommitImport().
OptionSpec PartialOption();
// Shows the changes, asks, writes. Where lines were refused, --yes alone is not
// enough. Call it last.
ExitStatus CommitImport(Context& context, AuthorStore& store,
                        std::span<const Change> changes, std::size_t taken,
                        const std::vector<TableComplaint>& complaints);

}  // namespace postern
