#include "pin-admin/policy_file.h"

#include <map>
#include <set>

#include "pin-admin/value_text.h"

namespace postern {
namespace {

Error At(int number, const std::string& detail) {
  return Error(Reason::kRequestInvalid,
               "line " + std::to_string(number) + ": " + detail);
}

// Words parted by spaces; quotes around a value keep its spaces.
Result<std::vector<std::string>> SplitQuoted(std::string_view text) {
  std::vector<std::string> words;
  bool quoted = false, open = false;
  for (const char c : text) {
    if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == ' ' || c == '\t')) {
      open = false;
      continue;
    }
    if (!open) words.emplace_back();
    open = true;
    if (c != '"') words.back() += c;
  }
  if (quoted) return Error(Reason::kRequestInvalid, "a quote is not closed");
  return words;
}

Status SetAttribute(Pin& pin, const std::string& word) {
  const std::size_t equals = word.find('=');
  const std::string name = word.substr(0, equals);
  const std::string value =
      equals == std::string::npos ? "" : word.substr(equals + 1);
  if (name == "role") {
    const std::optional<PinRole> role = PinRoleFrom(value);
    if (!role) {
      return Error(Reason::kRequestInvalid,
                   "'" + value + "' is no role: active or backup");
    }
    pin.role = *role;
    return {};
  }
  if (name == "from" || name == "until") {
    const std::optional<TimePoint> time = ParseTime(value);
    if (!time) {
      return Error(Reason::kRequestInvalid,
                   "'" + value + "' is no time: write 2027-01-31");
    }
    (name == "from" ? pin.valid_from : pin.valid_until) = time;
    return {};
  }
  if (name == "label") {
    pin.label = value;
    return {};
  }
  return Error(Reason::kRequestInvalid,
               "'" + word +
                   "' is no attribute of a pin: role=, from=, until=, "
                   "label=");
}

Result<Pin> ParsePinLine(std::string_view text, const PolicyKey& key) {
  const Result<std::vector<std::string>> words = SplitQuoted(text);
  if (!words) return words.error();
  if (words->size() < 3 || (*words)[0] != "pin") {
    return Error(Reason::kRequestInvalid,
                 "an indented line is a pin: 'pin spki sha256:DIGEST …'");
  }
  Pin pin;
  pin.key = key.str();
  const std::optional<PinKind> kind = PinKindFrom((*words)[1]);
  if (!kind) {
    return Error(Reason::kRequestInvalid,
                 "'" + (*words)[1] + "' is no kind of pin: spki, cert or ca");
  }
  pin.kind = *kind;
  Result<DigestText> digest = ParseDigest((*words)[2]);
  if (!digest) return digest.error();
  pin.algorithm = digest->algorithm;
  pin.digest = std::move(digest->octets);
  for (std::size_t i = 3; i < words->size(); ++i) {
    const Status set = SetAttribute(pin, (*words)[i]);
    if (!set) return set.error();
  }
  return pin;
}

// What a file can say of a pin.
bool SaySame(const Pin& a, const Pin& b) {
  return IdOf(a) == IdOf(b) && a.role == b.role && a.label == b.label &&
         a.valid_from == b.valid_from && a.valid_until == b.valid_until;
}

void AddLineChanges(const std::vector<PolicyRow>& rows, const PolicyFile& file,
                    std::vector<Change>& changes) {
  std::set<PolicyKey> wanted;
  std::map<PolicyKey, const PolicyRow*> present;
  for (const PolicyRow& row : rows) present.emplace(row.key, &row);
  for (const PolicyLine& line : file.lines) {
    wanted.insert(line.key);
    const auto found = present.find(line.key);
    const std::optional<PolicyLine> before =
        found == present.end() ? std::nullopt
        : line.until           ? found->second->exception
                               : found->second->line;
    if (before != line) changes.emplace_back(SetLine{line});
  }
  for (const PolicyRow& row : rows) {
    if (row.line && !wanted.contains(row.key)) {
      changes.emplace_back(RemoveLine{row.key});
    }
  }
}

void AddPinChanges(const std::vector<PolicyRow>& rows, const PolicyFile& file,
                   std::vector<Change>& changes) {
  const auto contains = [](const std::vector<Pin>& pins, const Pin& pin) {
    for (const Pin& other : pins) {
      if (SaySame(other, pin)) return true;
    }
    return false;
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
      // The file can't carry a ca pin's certificate; the store keeps it.
      if (IdOf(old) == IdOf(pin)) added.certificate = old.certificate;
    }
    changes.emplace_back(AddPin{added});
  }
}

}  // namespace

Result<PolicyFile> ParsePolicyFile(std::string_view text) {
  PolicyFile file;
  std::set<std::string> seen;
  int number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos || line[start] == '#') continue;
    if (start > 0) {
      if (file.lines.empty()) {
        return At(number, "a pin needs the line it belongs to above it");
      }
      Result<Pin> pin = ParsePinLine(line.substr(start), file.lines.back().key);
      if (!pin) return At(number, pin.error().detail());
      file.pins.push_back(std::move(*pin));
      continue;
    }
    Result<PolicyLine> parsed = ParsePolicyLine(line);
    if (!parsed) return At(number, parsed.error().detail());
    const std::string id = parsed->key.str() + (parsed->until ? " until" : "");
    if (!seen.insert(id).second) {
      return At(number, "a second line for " + parsed->key.str());
    }
    file.lines.push_back(std::move(*parsed));
  }
  return file;
}

std::string FormatForFile(const PolicyRow& row) {
  if (!row.line) return "";
  std::string text = Format(*row.line) + "\n";
  for (const Pin& pin : row.pins) {
    text += "    pin " + std::string(ToString(pin.kind)) + " " +
            std::string(ToString(pin.algorithm)) + ":" + ToHex(pin.digest);
    if (pin.role == PinRole::kBackup) text += " role=backup";
    if (pin.valid_from) text += " from=" + FormatTime(*pin.valid_from);
    if (pin.valid_until) text += " until=" + FormatTime(*pin.valid_until);
    if (!pin.label.empty()) text += " label=\"" + pin.label + "\"";
    text += "\n";
  }
  return text;
}

std::vector<Change> Difference(const std::vector<PolicyRow>& rows,
                               const PolicyFile& file) {
  std::vector<Change> changes;
  AddLineChanges(rows, file, changes);
  if (!file.pins.empty()) AddPinChanges(rows, file, changes);
  return changes;
}

}  // namespace postern
