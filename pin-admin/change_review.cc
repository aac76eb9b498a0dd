#include "pin-admin/change_review.h"

#include <algorithm>
#include <map>
#include <string>

#include "core/names/domain.h"
#include "core/policy/strength.h"
#include "pin-admin/line_prospects.h"
#include "pin-admin/store_access.h"

namespace postern {
namespace {

using Complaint = TableComplaint::Weight;

const PolicyRow* RowOf(std::span<const PolicyRow> rows, const PolicyKey& key) {
  const auto found =
      std::find_if(rows.begin(), rows.end(),
                   [&key](const PolicyRow& row) { return row.key == key; });
  return found == rows.end() ? nullptr : &*found;
}

std::size_t CountRefused(const std::vector<TableComplaint>& complaints) {
  return static_cast<std::size_t>(std::count_if(
      complaints.begin(), complaints.end(),
      [](const TableComplaint& c) { return c.weight == Complaint::kRefused; }));
}

std::string Lines(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " line" : " lines");
}

}  // namespace

std::optional<ExitStatus> NeedsTerminal(Context& context,
                                        const std::string& path) {
  if (context.args.Has("yes") || context.args.Has("dry-run")) return {};
  if (path != "-" && context.out.CanAsk()) return {};
  return context.out.Usage(
      "there is no terminal to ask on: look at it with --dry-run, "
      "then say --yes");
}

namespace {

// The keys whose lines hold where `key` has none, the nearest first.
std::vector<PolicyKey> KeysAbove(const PolicyKey& key) {
  std::vector<PolicyKey> above;
  if (key.kind() == PolicyKey::Kind::kNextHop ||
      key.kind() == PolicyKey::Kind::kDefault) {
    return above;
  }
  const bool parent = key.kind() == PolicyKey::Kind::kParent;
  std::string_view name = key.str();
  if (parent) name.remove_prefix(1);
  for (std::size_t dot = name.find('.'); dot != name.npos;
       dot = name.find('.')) {
    name.remove_prefix(dot + 1);
    if (const auto next = PolicyKey::Parse("." + std::string(name))) {
      above.push_back(*next);
    }
  }
  above.push_back(PolicyKey::Default());
  return above;
}

// The line of `key` once `changes` are made.
std::optional<PolicyLine> LineAfter(AuthorStore& store, const PolicyKey& key,
                                    std::span<const Change> changes) {
  for (const Change& change : changes) {
    if (const auto* set = std::get_if<SetLine>(&change);
        set != nullptr && set->line.key == key) {
      return set->line;
    }
    if (const auto* gone = std::get_if<RemoveLine>(&change);
        gone != nullptr && gone->key == key) {
      return std::nullopt;
    }
  }
  const auto row = store.Find(key);
  return row && *row ? (*row)->line : std::nullopt;
}

void WarnOfRemoved(Context& context, AuthorStore& store, const PolicyLine& line,
                   std::span<const Change> changes) {
  for (const PolicyKey& key : KeysAbove(line.key)) {
    const auto beneath = LineAfter(store, key, changes);
    if (!beneath) continue;
    if (const auto loss = WouldWeaken(line, *beneath)) {
      context.out.Warn("weaker than before for " + line.key.str() +
                       ", for which the line of " + key.str() +
                       " holds then: " + *loss);
    }
    return;
  }
}

}  // namespace

void WarnOfWeaker(Context& context, AuthorStore& store,
                  std::span<const PolicyRow> rows,
                  std::span<const Change> changes) {
  AuthorAsPolicyStore lookup(store);
  for (const Change& change : changes) {
    if (const auto* gone = std::get_if<RemoveLine>(&change)) {
      const PolicyRow* row = RowOf(rows, gone->key);
      if (row != nullptr && row->line) {
        WarnOfRemoved(context, store, *row->line, changes);
      }
      continue;
    }
    const SetLine* set = std::get_if<SetLine>(&change);
    if (set == nullptr) continue;
    const PolicyKey& key = set->line.key;
    const PolicyRow* row = RowOf(rows, key);
    if (row != nullptr && row->line) {
      if (const auto loss = WouldWeaken(*row->line, set->line)) {
        context.out.Warn("weaker than before for " + key.str() + ": " + *loss);
      }
      continue;
    }
    if (key.kind() != PolicyKey::Kind::kDomain) continue;
    const Result<Domain> domain = Domain::Parse(key.str());
    if (!domain) continue;
    const Result<ServedPolicy> held =
        LookUpDomain(lookup, *domain, context.clock.Now());
    if (!held) continue;
    if (const auto loss = WouldWeaken(held->line, set->line)) {
      context.out.Warn("weaker than the line of " + held->origin +
                       ", which holds for " + key.str() + " now: " + *loss);
    }
  }
}

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

std::vector<Pin> NewWeakPins(const std::vector<PolicyRow>& rows,
                             const std::vector<Change>& changes) {
  std::vector<Pin> weak;
  for (const Change& change : changes) {
    const AddPin* add = std::get_if<AddPin>(&change);
    if (add == nullptr || !IsWeak(add->pin.algorithm)) continue;
    const bool there =
        std::any_of(rows.begin(), rows.end(), [&](const PolicyRow& row) {
          return std::any_of(
              row.pins.begin(), row.pins.end(),
              [&](const Pin& pin) { return IdOf(pin) == IdOf(add->pin); });
        });
    if (!there) weak.push_back(add->pin);
  }
  return weak;
}

std::vector<Change> ImportChanges(const std::vector<PolicyRow>& rows,
                                  const ImportedTable& table) {
  std::map<PolicyKey, const PolicyRow*> present;
  for (const PolicyRow& row : rows) present.emplace(row.key, &row);
  std::vector<Change> changes;
  for (const ImportedEntry& entry : table.entries) {
    const auto found = present.find(entry.line.key);
    const PolicyRow* row = found == present.end() ? nullptr : found->second;
    PolicyLine line = entry.line;
    if (row != nullptr && row->line) {
      line.owner = row->line->owner;
      line.note = row->line->note;
    }
    if (row == nullptr || row->line != line) {
      changes.emplace_back(SetLine{line});
    }
    for (const Pin& pin : entry.pins) {
      const bool there =
          row != nullptr &&
          std::any_of(row->pins.begin(), row->pins.end(),
                      [&pin](const Pin& p) { return IdOf(p) == IdOf(pin); });
      if (!there) changes.emplace_back(AddPin{pin});
    }
  }
  return changes;
}

void ShowComplaints(Output& out,
                    const std::vector<TableComplaint>& complaints) {
  Json refused = Json::MakeArray();
  Json notes = Json::MakeArray();
  for (const TableComplaint& complaint : complaints) {
    const Json entry = Json::MakeObject()
                           .Set("line", complaint.number)
                           .Set("subject", complaint.subject)
                           .Set("text", complaint.text);
    const std::string where =
        "line " + std::to_string(complaint.number) + ", " + complaint.subject;
    if (complaint.weight == Complaint::kRefused) {
      refused.Add(entry);
      out.Warn(where + ", is not taken: " + complaint.text);
    } else {
      notes.Add(entry);
      out.Line(Clean(where + ": " + complaint.text));
    }
  }
  out.doc().Set("refused", std::move(refused));
  out.doc().Set("notes", std::move(notes));
}

OptionSpec PartialOption() {
  return {"partial", 0, "",
          "with --yes: take the other lines where some are refused"};
}

ExitStatus CommitImport(Context& context, AuthorStore& store,
                        std::span<const Change> changes, std::size_t taken,
                        const std::vector<TableComplaint>& complaints) {
  Output& out = context.out;
  const std::size_t refused = CountRefused(complaints);
  const bool yes = context.args.Has("yes");
  const bool dry = context.args.Has("dry-run");
  out.doc().Set("taken", static_cast<std::uint64_t>(taken));
  if (taken == 0 && refused > 0) {
    return out.No("none of its " + Lines(refused) + " can be taken");
  }
  if (yes && !dry && refused > 0 && !context.args.Has("partial")) {
    return out.No(Lines(refused) +
                  " can't be taken, so nothing was written: mend them, or "
                  "take the others with --partial ('pin-admin policy show' "
                  "says what holds for the rest then)");
  }
  const std::string question =
      refused == 0 ? "Make it so?"
                   : "Take the others, and leave out " + Lines(refused) + "?";
  const ExitStatus status = CommitChanges(
      context, store, changes, [&] { return yes || out.Confirm(question); });
  // Nothing is written yet: there is time to look.
  return dry && refused > 0 && status == ExitStatus::kGood
             ? ExitStatus::kWarning
             : status;
}

}  // namespace postern
