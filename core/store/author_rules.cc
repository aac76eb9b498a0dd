#include "core/store/author_rules.h"

#include <optional>

#include "core/policy/strength.h"
#include "core/store/stored_row.h"

namespace postern {
namespace {

Result<std::optional<PolicyLine>> LineAt(AuthorFile& file, ObjectKind kind,
                                         const std::string& key) {
  const Result<std::string> text = file.Get({kind, key});
  if (!text) return text.error();
  if (text->empty()) return std::optional<PolicyLine>();
  Result<PolicyLine> line = ParsePolicyLine(*text);
  if (!line) {
    return StoreError("the line stored for " + key +
                      " does not parse: " + line.error().detail());
  }
  return std::optional<PolicyLine>(*std::move(line));
}

bool HasEnded(const PolicyLine& exception, TimePoint now) {
  return exception.until && *exception.until <= now;
}

bool ComparesPins(const PolicyLine& line) {
  return LocalLevel(line) == Level::kFingerprint;
}

Status CheckStandard(AuthorFile& file) {
  const Result<std::string> line = file.Get({ObjectKind::kLine, "*"});
  if (!line) return line.error();
  if (line->empty()) {
    return Refused(
        "without a '*' line no policy holds for other destinations: set it to "
        "another level instead of removing it; a file for 'policy apply' has "
        "to have one ('* may')");
  }
  return {};
}

// The line that holds for the exception's key once it has ended.
Result<PolicyLine> LineBeneath(AuthorFile& file, const PolicyKey& key) {
  std::vector<std::string> keys{key.str()};
  for (std::string& above : KeysAbove(key)) keys.push_back(std::move(above));
  for (const std::string& candidate : keys) {
    Result<std::optional<PolicyLine>> line =
        LineAt(file, ObjectKind::kLine, candidate);
    if (!line) return line.error();
    if (*line) return **std::move(line);
  }
  // A next hop without a line of its own: nothing is asked of it.
  PolicyLine nothing;
  nothing.key = key;
  nothing.level = Level::kNone;
  return nothing;
}

// All of them, for the line beneath may be what changed. There are few.
Status CheckExceptions(AuthorFile& file, TimePoint now) {
  Result<Statement> query = file.Scan(ObjectKind::kException);
  if (!query) return query.error();
  for (;;) {
    const Result<bool> row = query->Step();
    if (!row) return row.error();
    if (!*row) return {};
    const Result<PolicyLine> exception = ParsePolicyLine(query->TextAt(1));
    if (!exception) {
      return StoreError("the exception stored for " + query->TextAt(0) +
                        " does not parse");
    }
    if (HasEnded(*exception, now)) continue;
    const Result<PolicyLine> beneath = LineBeneath(file, exception->key);
    if (!beneath) return beneath.error();
    const auto lost = WouldWeaken(*exception, *beneath);
    if (lost) {
      return Refused("until= of " + exception->key.str() +
                     " would end in something weaker: " + *lost +
                     "; set a line without until=, or end the exception first");
    }
  }
}

Status CheckAddedPins(AuthorFile& file, const std::set<ObjectName>& touched,
                      TimePoint now) {
  for (const ObjectName& name : touched) {
    if (name.kind != ObjectKind::kPin) continue;
    const Result<std::string> text = file.Get(name);
    if (!text) return text.error();
    if (text->empty()) continue;  // removed
    const Result<Pin> pin = ReadPin(*text);
    if (!pin) return pin.error();
    const Result<PolicyKey> key = PolicyKey::Parse(pin->key);
    if (!key) return key.error();
    const Result<bool> used = IsPinUsed(file, *key, now);
    if (!used) return used.error();
    if (!*used) {
      return Refused("no line would use a pin of " + pin->key +
                     "; add the line \"" + pin->key + " fingerprint\" with it");
    }
  }
  return {};
}

Result<bool> AnyLineNames(AuthorFile& file, ObjectKind kind,
                          const std::string& anchor) {
  Result<Statement> query = file.Scan(kind);
  if (!query) return query.error();
  for (;;) {
    const Result<bool> row = query->Step();
    if (!row) return row.error();
    if (!*row) return false;
    const std::string text = query->TextAt(1);
    if (text.find("anchor:" + anchor) == std::string::npos) continue;
    const Result<PolicyLine> line = ParsePolicyLine(text);
    if (!line)
      return StoreError("the line of " + query->TextAt(0) + " does not parse");
    if (AnchorName(*line) == anchor) return true;
  }
}

Status CheckAnchorOf(AuthorFile& file, const ObjectName& name) {
  const Result<std::optional<PolicyLine>> line =
      LineAt(file, name.kind, name.subject);
  if (!line) return line.error();
  if (!*line || AnchorName(**line).empty()) return {};
  const std::string anchor(AnchorName(**line));
  const Result<std::string> text = file.Get({ObjectKind::kAnchor, anchor});
  if (!text) return text.error();
  if (text->empty()) {
    return Refused("the line of " + name.subject + " names the anchor '" +
                   anchor + "', which is not there: 'pin-admin anchor add' it");
  }
  return {};
}

Status CheckAnchors(AuthorFile& file, const std::set<ObjectName>& touched) {
  for (const ObjectName& name : touched) {
    if (name.kind == ObjectKind::kPin) continue;
    if (name.kind != ObjectKind::kAnchor) {
      if (Status named = CheckAnchorOf(file, name); !named) return named;
      continue;
    }
    const Result<std::string> text = file.Get(name);
    if (!text) return text.error();
    if (!text->empty()) continue;
    for (const ObjectKind kind : {ObjectKind::kLine, ObjectKind::kException}) {
      const Result<bool> named = AnyLineNames(file, kind, name.subject);
      if (!named) return named.error();
      if (*named) {
        return Refused("a line still names the anchor '" + name.subject +
                       "'; change the line first");
      }
    }
  }
  return {};
}

// For a pin of ".parent": a line of some destination below it.
Result<bool> AnyLineBelow(AuthorFile& file, ObjectKind kind,
                          const std::string& suffix, TimePoint now) {
  Result<Statement> query = file.Scan(kind);
  if (!query) return query.error();
  for (;;) {
    const Result<bool> row = query->Step();
    if (!row) return row.error();
    if (!*row) return false;
    if (!query->TextAt(0).ends_with(suffix)) continue;
    const Result<PolicyLine> line = ParsePolicyLine(query->TextAt(1));
    if (!line)
      return StoreError("the line of " + query->TextAt(0) + " does not parse");
    if (ComparesPins(*line) && !HasEnded(*line, now)) return true;
  }
}

}  // namespace

Error Refused(std::string why) {
  return Error(Reason::kPolicyInvalid, std::move(why));
}

std::vector<std::string> KeysAbove(const PolicyKey& key) {
  std::string name = key.str();
  std::vector<std::string> keys;
  if (key.kind() == PolicyKey::Kind::kDefault) return keys;
  const bool next_hop = key.kind() == PolicyKey::Kind::kNextHop;
  if (next_hop) {
    // "[host]:port" stands alone; "domain:port" leans on the domain.
    if (name.front() == '[') return keys;
    name.erase(name.rfind(':'));
    keys.push_back(name);
  }
  // ".b.example" lies beneath ".example", as "b.example" does.
  for (std::size_t dot = name.find('.', 1); dot != std::string::npos;
       dot = name.find('.', dot + 1)) {
    keys.push_back(name.substr(dot));
  }
  if (!next_hop) keys.emplace_back("*");
  return keys;
}

Result<bool> IsPinUsed(AuthorFile& file, const PolicyKey& key, TimePoint now) {
  std::vector<std::string> keys{key.str()};
  for (std::string& above : KeysAbove(key)) keys.push_back(std::move(above));
  for (const std::string& candidate : keys) {
    const Result<std::optional<PolicyLine>> exception =
        LineAt(file, ObjectKind::kException, candidate);
    if (!exception) return exception.error();
    if (*exception && ComparesPins(**exception) &&
        !HasEnded(**exception, now)) {
      return true;
    }
    const Result<std::optional<PolicyLine>> line =
        LineAt(file, ObjectKind::kLine, candidate);
    if (!line) return line.error();
    if (!*line) continue;
    if (ComparesPins(**line)) return true;
    break;  // this is the line that holds
  }
  if (key.kind() != PolicyKey::Kind::kParent) return false;
  for (const ObjectKind kind : {ObjectKind::kLine, ObjectKind::kException}) {
    const Result<bool> below = AnyLineBelow(file, kind, key.str(), now);
    if (!below || *below) return below;
  }
  return false;
}

Status CheckRules(AuthorFile& file, const std::set<ObjectName>& touched,
                  TimePoint now) {
  if (Status kept = CheckStandard(file); !kept) return kept;
  if (Status kept = CheckExceptions(file, now); !kept) return kept;
  if (Status kept = CheckAddedPins(file, touched, now); !kept) return kept;
  return CheckAnchors(file, touched);
}

}  // namespace postern
