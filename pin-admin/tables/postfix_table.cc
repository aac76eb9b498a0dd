#include "pin-admin/tables/postfix_table.h"

#include <algorithm>
#include <map>

#include "pin-admin/tables/postfix_line.h"
#include "pin-admin/tables/source_lines.h"
#include "pin-admin/tables/table_text.h"

namespace postern {
namespace {

// Lines for one key. Postfix takes the first of those that it writes alike; of
// those that are one key only to us, none can be preferred. A line that is not
// taken still takes its key: what follows must not pass for it.
class PostfixCollector {
 public:
  explicit PostfixCollector(ImportedTable& table) : table_(table) {}

  void Refuse(const SourceLine& source, const std::string& why) {
    table_.Refuse(source.number, source.key, why);
    // Postfix has not seen such a line either.
    if (!source.trouble.empty()) return;
    first_.emplace(KeyOf(source), Seen{source, false});
  }

  void Take(const SourceLine& source, ImportedEntry entry) {
    const auto [place, is_first] =
        first_.emplace(KeyOf(source), Seen{source, true});
    if (is_first) {
      table_.entries.push_back(std::move(entry));
      return;
    }
    Seen& seen = place->second;
    const std::string other = "line " + std::to_string(seen.source.number);
    const auto first = std::find_if(
        table_.entries.begin(), table_.entries.end(),
        [&](const ImportedEntry& e) { return e.line.key == entry.line.key; });
    if (LowerCase(seen.source.key) == LowerCase(source.key)) {
      table_.Refuse(source.number, source.key,
                    other + " has the same key, and Postfix takes the first");
      return;
    }
    if (seen.taken && first->line == entry.line && first->pins == entry.pins) {
      table_.Note(source.number, source.key, other + " says the same");
      return;
    }
    constexpr const char* kSame = "it is the same key here as that of ";
    constexpr const char* kElse = ", which says something else";
    table_.Refuse(source.number, source.key, kSame + other + kElse);
    if (!seen.taken) return;
    table_.Refuse(seen.source.number, seen.source.key,
                  kSame + ("line " + std::to_string(source.number)) + kElse);
    table_.entries.erase(first);
    seen.taken = false;
  }

 private:
  struct Seen {
    SourceLine source;
    bool taken = false;
  };

  // As we look it up, or as Postfix does where that is none of our keys.
  static std::string KeyOf(const SourceLine& source) {
    const Result<PolicyKey> key = PolicyKey::Parse(source.key);
    return key ? key->str() : LowerCase(source.key);
  }

  ImportedTable& table_;
  std::map<std::string, Seen> first_;
};

}  // namespace

ImportedTable ReadPostfixTable(std::string_view text,
                               const PostfixTableOptions& options) {
  ImportedTable table;
  PostfixCollector collector(table);
  for (const SourceLine& source : ReadSourceLines(text)) {
    PostfixLine line(options, source);
    Result<ImportedEntry> entry = line.Read();
    if (!entry) {
      collector.Refuse(source, entry.error().detail());
      continue;
    }
    for (const std::string& note : line.notes()) {
      table.Note(source.number, source.key, note);
    }
    collector.Take(source, *std::move(entry));
  }
  return table;
}

}  // namespace postern
