#include "pin-admin/tables/pin_list.h"

#include <algorithm>
#include <set>

#include "core/names/quoted.h"
#include "core/policy/policy_line.h"
#include "pin-admin/tables/table_text.h"
#include "pin-admin/value_text.h"

namespace postern {
namespace {

// Cells at `separator`; a blank parts at any run of blanks. In quotes the
// separator is text and "" is a quote (RFC 4180).
Result<std::vector<std::string>> Cells(std::string_view line, char separator) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      cells.back() += line[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (quoted) {
      cells.back() += c;
    } else if (separator == ' ' && (c == ' ' || c == '\t')) {
      if (!cells.back().empty()) cells.emplace_back();
    } else if (separator != ' ' && c == separator) {
      cells.emplace_back();
    } else {
      cells.back() += c;
    }
  }
  if (quoted) return Invalid("a quote is not closed");
  for (std::string& cell : cells) cell = std::string(Trim(cell));
  while (cells.size() > 1 && cells.back().empty()) cells.pop_back();
  return cells;
}

char SeparatorOf(std::string_view line) {
  for (const char c : {',', ';', '\t'}) {
    if (line.find(c) != std::string_view::npos) return c;
  }
  return ' ';
}

bool LooksLikeFile(const std::string& text) {
  return text.find_first_of("/.") != std::string::npos;
}

// The first line of a table made by a spreadsheet.
bool IsHeading(const std::vector<std::string>& cells) {
  static const std::set<std::string> kWords{"domain", "destination", "host",
                                            "key"};
  return cells.size() > 1 && kWords.contains(LowerCase(cells.front())) &&
         !LooksLikeFile(cells[1]) && !ParseDigest(cells[1], WeakDigests::kTake);
}

Status TakeLabel(const std::string& label, Pin& pin) {
  const bool printable = std::none_of(label.begin(), label.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (!printable || label.size() > 100) {
    return Invalid("a label has at most 100 octets and no control characters");
  }
  pin.label = label;
  return {};
}

Status TakeSource(const std::string& text, const PinListOptions& options,
                  PinListEntry& entry) {
  const Result<DigestText> digest = ParseDigest(text, WeakDigests::kTake);
  if (!digest) {
    if (!LooksLikeFile(text)) return Invalid(digest.error().detail());
    entry.file = text;
    return {};
  }
  if (entry.pin.kind == PinKind::kCa) {
    return Invalid("a ca pin is made of a certificate: name its file");
  }
  if (digest->of_certificate && entry.pin.kind == PinKind::kSpki) {
    return Invalid(
        "openssl's 'Fingerprint=' is of the certificate and not of its key: "
        "give --kind cert, or the key's digest");
  }
  if (IsWeak(digest->algorithm) && !options.allow_weak) {
    return Invalid(std::string(ToString(digest->algorithm)) +
                   " digests can be forged: take the SHA-256 digest, or give "
                   "--allow-weak and replace it with 'pin-admin pin upgrade'");
  }
  entry.pin.algorithm = digest->algorithm;
  entry.pin.digest = digest->octets;
  return {};
}

Result<PinListEntry> TakeCells(const std::vector<std::string>& cells,
                               const PinListOptions& options) {
  if (cells.size() < 2) {
    return Invalid("a line has a key and a digest or a certificate's file");
  }
  if (cells.size() > 4) {
    return Invalid(
        "a line has at most a key, a digest or file, a label and a "
        "role");
  }
  PinListEntry entry;
  entry.pin.kind = options.kind;
  entry.pin.role = options.role;
  const Result<PolicyKey> key = PolicyKey::Parse(cells[0]);
  if (!key) return Invalid(key.error().detail());
  if (key->kind() == PolicyKey::Kind::kDefault) {
    return Invalid("a pin belongs to a destination; '*' is all of them");
  }
  entry.pin.key = key->str();
  if (Status taken = TakeSource(cells[1], options, entry); !taken) {
    return taken.error();
  }
  if (cells.size() > 2) {
    if (Status taken = TakeLabel(cells[2], entry.pin); !taken) {
      return taken.error();
    }
  }
  if (cells.size() > 3) {
    const std::optional<PinRole> role = PinRoleFrom(cells[3]);
    if (!role) {
      return Invalid(Quoted(cells[3]) + " is no role: active or backup");
    }
    entry.pin.role = *role;
  }
  return entry;
}

}  // namespace

PinList ReadPinList(std::string_view text, const PinListOptions& options) {
  PinList list;
  ImportedTable complaints;
  bool first = true;
  for (int number = 1; !text.empty(); ++number) {
    std::string_view line = TakeLine(text);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t start = line.find_first_not_of(" \t");
    if (start == std::string_view::npos || line[start] == '#') continue;
    line.remove_prefix(start);
    const Result<std::vector<std::string>> cells =
        Cells(line, SeparatorOf(line));
    if (cells && first && IsHeading(*cells)) {
      first = false;
      continue;
    }
    first = false;
    Result<PinListEntry> entry = cells ? TakeCells(*cells, options)
                                       : Result<PinListEntry>(cells.error());
    if (!entry) {
      complaints.Refuse(number, cells ? cells->front() : std::string(line),
                        entry.error().detail());
      continue;
    }
    entry->number = number;
    entry->subject = cells->front();
    list.entries.push_back(*std::move(entry));
  }
  list.complaints = std::move(complaints.complaints);
  return list;
}

}  // namespace postern
