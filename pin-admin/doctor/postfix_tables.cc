#include "pin-admin/doctor/postfix_tables.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "core/names/quoted.h"

namespace postern {
namespace {

constexpr std::string_view kProxy = "proxy:";

std::string_view TypeOf(std::string_view name) {
  return name.substr(0, name.find(':'));
}

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

// "postmap: fatal: open database x.db: …": what follows the word.
std::string Said(const std::string& text, std::string_view kind) {
  const std::size_t at = text.find(kind);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + kind.size();
  return text.substr(
      begin, std::min<std::size_t>(text.find('\n', begin) - begin, 300));
}

// "key<TAB>value" lines.
Result<PostfixTable::Entries> ParseEntries(std::string_view text) {
  PostfixTable::Entries entries;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
    if (line.empty()) continue;
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) {
      return Error{
          Reason::kServiceUnavailable,
          "postmap said what it never says: " + Quoted(line.substr(0, 80))};
    }
    entries.emplace(Lower(line.substr(0, tab)), line.substr(tab + 1));
  }
  return entries;
}

}  // namespace

bool PostfixTable::IsPattern() const {
  const std::string_view type = TypeOf(name_);
  return type == "regexp" || type == "pcre" || type == "cidr" ||
         type == "static" || type == "tcp" || type == "socketmap";
}

Result<ProgramOutput> PostfixTables::Postmap(
    const std::vector<std::string>& words, const std::string& input) {
  std::vector<std::string> argv{place_.program_directory + "/postmap", "-c",
                                place_.config_directory};
  argv.insert(argv.end(), words.begin(), words.end());
  Result<ProgramOutput> ran = programs_.Run(argv, input);
  if (!ran) return ran;
  const std::string warning = Said(ran->err, "warning: ");
  if (!warning.empty() && std::find(warnings_.begin(), warnings_.end(),
                                    warning) == warnings_.end()) {
    warnings_.push_back(warning);
  }
  return ran;
}

Result<PostfixTable*> PostfixTables::OpenOne(const std::string& given) {
  // proxymap(8) answers running daemons; the table itself answers us.
  const std::string name =
      given.starts_with(kProxy) ? given.substr(kProxy.size()) : given;
  const auto known = tables_.find(name);
  if (known != tables_.end()) return &known->second;
  const Result<ProgramOutput> ran = Postmap({"-s", name}, "");
  if (!ran) return ran.error();
  if (ran->status == 0) {
    auto entries = ParseEntries(ran->out);
    if (!entries) return entries.error();
    return &tables_.emplace(name, PostfixTable(name, true, *entries))
                .first->second;
  }
  if (ran->err.find("sequence operation is not supported") !=
      std::string::npos) {
    return &tables_.emplace(name, PostfixTable(name, false, {})).first->second;
  }
  const std::string fatal = Said(ran->err, "fatal: ");
  return Error{Reason::kServiceUnavailable,
               name + ": " +
                   (fatal.empty() ? "postmap ended with status " +
                                        std::to_string(ran->status)
                                  : Quoted(fatal))};
}

Result<std::vector<PostfixTable*>> PostfixTables::Open(std::string_view list) {
  std::vector<PostfixTable*> tables;
  for (const std::string& name : SplitPostfixList(list)) {
    if (name.find(':') == std::string::npos) {
      return Error{Reason::kServiceUnavailable,
                   Quoted(name) + " is no table, which are type:name"};
    }
    const Result<PostfixTable*> table = OpenOne(name);
    if (!table) return table.error();
    tables.push_back(*table);
  }
  return tables;
}

Status PostfixTables::Prepare(const std::vector<PostfixTable*>& tables,
                              const std::vector<std::string>& keys) {
  for (PostfixTable* table : tables) {
    if (table->listed()) continue;
    std::string input;
    std::vector<std::string> asked;
    for (const std::string& key : keys) {
      if (table->answers().contains(key)) continue;
      if (key.find_first_of("\r\n") != std::string::npos || key.empty()) {
        continue;
      }
      asked.push_back(key);
      input += key + "\n";
    }
    if (asked.empty()) continue;
    const Result<ProgramOutput> ran =
        Postmap({"-q", "-", table->name()}, input);
    if (!ran) return ran.error();
    const std::string fatal = Said(ran->err, "fatal: ");
    if (!fatal.empty() || ran->status > 1) {
      return Error{Reason::kServiceUnavailable,
                   table->name() + ": " + Quoted(fatal)};
    }
    auto found = ParseEntries(ran->out);
    if (!found) return found.error();
    // An empty answer means: asked, and not there.
    for (const std::string& key : asked) table->answers().emplace(key, "");
    for (auto& [key, value] : *found) {
      table->answers().insert_or_assign(key, std::move(value));
    }
  }
  return {};
}

Result<std::optional<std::string>> PostfixTables::Find(
    const std::vector<PostfixTable*>& tables, const std::string& key,
    bool partial) {
  for (PostfixTable* table : tables) {
    if (partial && table->IsPattern()) continue;
    if (!table->listed()) {
      const Status asked = Prepare({table}, {key});
      if (!asked) return asked.error();
    }
    const PostfixTable::Entries& entries =
        table->listed() ? table->entries() : table->answers();
    const auto found = entries.find(key);
    if (found != entries.end() && !found->second.empty()) {
      return std::optional(found->second);
    }
  }
  return std::optional<std::string>();
}

}  // namespace postern
