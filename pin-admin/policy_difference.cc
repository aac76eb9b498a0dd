// From a store and a policy file to the changes that lead from the one to the
// other.
#include <algorithm>
#include <map>

#include "pin-admin/policy_file.h"

namespace postern {
namespace {

// What a file says of a pin; who added it is the store's to know.
bool SaySame(const Pin& a, const Pin& b) {
  return IdOf(a) == IdOf(b) && a.role == b.role && a.label == b.label &&
         a.valid_from == b.valid_from && a.valid_until == b.valid_until &&
         (a.certificate.empty() || b.certificate.empty() ||
          a.certificate == b.certificate);
}

// The file's lines of one key.
struct Wanted {
  const PolicyLine* line = nullptr;
  const PolicyLine* exception = nullptr;
};

void AddLineChanges(const std::vector<PolicyRow>& rows, const PolicyFile& file,
                    std::vector<Change>& changes) {
  std::map<PolicyKey, Wanted> wanted;
  for (const PolicyLine& line : file.lines) {
    Wanted& key = wanted[line.key];
    (line.until ? key.exception : key.line) = &line;
  }
  std::map<PolicyKey, const PolicyRow*> present;
  for (const PolicyRow& row : rows) {
    present.emplace(row.key, &row);
    const auto found = wanted.find(row.key);
    const Wanted none;
    const Wanted& want = found == wanted.end() ? none : found->second;
    if (row.line && want.line == nullptr) {
      // Takes an exception with it, which is set again below where it stays.
      changes.emplace_back(RemoveLine{row.key});
    } else if (row.exception && want.exception == nullptr && file.whole) {
      changes.emplace_back(EndException{row.key});
    }
  }
  for (const auto& [key, want] : wanted) {
    const auto found = present.find(key);
    const PolicyRow* row = found == present.end() ? nullptr : found->second;
    const bool removed =
        row != nullptr && row->line.has_value() && want.line == nullptr;
    if (want.line != nullptr && (row == nullptr || row->line != *want.line)) {
      changes.emplace_back(SetLine{*want.line});
    }
    if (want.exception != nullptr &&
        (row == nullptr || removed || row->exception != *want.exception)) {
      changes.emplace_back(SetLine{*want.exception});
    }
  }
}

void AddPinChanges(const std::vector<PolicyRow>& rows, const PolicyFile& file,
                   std::vector<Change>& changes) {
  const auto contains = [](const std::vector<Pin>& pins, const Pin& pin) {
    return std::any_of(pins.begin(), pins.end(), [&pin](const Pin& other) {
      return SaySame(other, pin);
    });
  };
  std::vector<Pin> present;
  for (const PolicyRow& row : rows) {
    present.insert(present.end(), row.pins.begin(), row.pins.end());
  }
  // Removals first: a pin whose label or role changes is the same pin.
  for (const Pin& pin : present) {
    if (!contains(file.pins, pin)) changes.emplace_back(RemovePin{IdOf(pin)});
  }
  for (const Pin& pin : file.pins) {
    if (contains(present, pin)) continue;
    Pin added = pin;
    for (const Pin& old : present) {
      // A file without certificate= leaves the store's in place.
      if (IdOf(old) == IdOf(pin) && added.certificate.empty()) {
        added.certificate = old.certificate;
      }
    }
    changes.emplace_back(AddPin{added});
  }
}

void AddAnchorChanges(const std::vector<Anchor>& anchors,
                      const PolicyFile& file, std::vector<Change>& changes) {
  const auto named = [](const std::vector<Anchor>& list,
                        const std::string& name) {
    return std::find_if(list.begin(), list.end(),
                        [&name](const Anchor& a) { return a.name == name; });
  };
  for (const Anchor& anchor : anchors) {
    const auto kept = named(file.anchors, anchor.name);
    const bool other =
        kept != file.anchors.end() && kept->certificate != anchor.certificate;
    const bool gone = kept == file.anchors.end() && file.whole;
    if (other || gone) changes.emplace_back(RemoveAnchor{anchor.name});
  }
  for (const Anchor& anchor : file.anchors) {
    const auto present = named(anchors, anchor.name);
    if (present != anchors.end() &&
        present->certificate == anchor.certificate) {
      continue;
    }
    changes.emplace_back(AddAnchor{anchor});
  }
}

}  // namespace

std::vector<Change> Difference(const std::vector<PolicyRow>& rows,
                               const std::vector<Anchor>& anchors,
                               const PolicyFile& file) {
  std::vector<Change> changes;
  AddAnchorChanges(anchors, file, changes);
  AddLineChanges(rows, file, changes);
  if (file.whole || !file.pins.empty()) AddPinChanges(rows, file, changes);
  return changes;
}

}  // namespace postern
