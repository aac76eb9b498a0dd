// core/store/author_file.h
//
// The tables of author.db: objects (lines, exceptions, pins, anchors) as texts
// under a subject, and the history. For this room only. What may be written is
// author_rules.h's business; here is only how.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/outcome/result.h"
#include "core/store/author_store.h"
#include "core/store/database.h"

namespace postern {

enum class ObjectKind { kLine, kException, kPin, kAnchor };
inline constexpr std::array kAllObjectKinds{
    ObjectKind::kLine, ObjectKind::kException, ObjectKind::kPin,
    ObjectKind::kAnchor};

// "line", "exception", "pin", "anchor": as the history says it.
std::string_view ToString(ObjectKind kind);
Result<ObjectKind> ObjectKindFrom(std::string_view text);

struct ObjectName {
  ObjectKind kind = ObjectKind::kLine;
  std::string subject;
  auto operator<=>(const ObjectName&) const = default;
};

class AuthorFile {
 public:
  static Result<AuthorFile> Open(const std::string& path, Database::Mode mode);

  Database& database() { return database_; }

  // The object's text; empty where there is none.
  Result<std::string> Get(const ObjectName& name);
  // An empty text removes the object.
  Status Put(const ObjectName& name, std::string_view text);

  // Subject and text of each object whose subject is in [from, below), in
  // order; an empty `below` has no end.
  Result<Statement> Scan(ObjectKind kind, std::string_view from = {},
                         std::string_view below = {});
  // The pins of a key, all of them.
  Result<Statement> ScanPins(std::string_view key);

  // The newest entry; one with number 0 where there is none.
  Result<HistoryEntry> Newest();
  // Entries from oldest to newest, or newest first; 0: all.
  enum class Order { kOldestFirst, kNewestFirst };
  Result<Statement> ScanHistory(Order order, std::size_t limit = 0);
  static HistoryEntry EntryOf(const Statement& row);
  // Sets number and hash, which follow from the newest entry, and adds it.
  Status Append(HistoryEntry& entry);

 private:
  explicit AuthorFile(Database database) : database_(std::move(database)) {}
  Database database_;
};

// The hash of `entry` (all but its own hash) after one with `previous`.
Result<std::string> HashOf(const HistoryEntry& entry,
                           std::string_view previous);

}  // namespace postern
