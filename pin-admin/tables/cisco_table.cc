#include "pin-admin/tables/cisco_table.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>

#include "core/names/quoted.h"
#include "pin-admin/tables/table_text.h"

namespace postern {
namespace {

// Lower-case letters and digits only: "Required - Verify Hosted Domains", as
// the appliance's pages say it, and "require_verify_hosted", as its files do.
std::string Bare(std::string_view text) {
  std::string bare;
  for (const char c : text) {
    if (c >= 'A' && c <= 'Z') bare += static_cast<char>(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) bare += c;
  }
  return bare;
}

// The appliance's words, and which of the six settings they are
// (docs/policy.md).
struct Setting {
  std::string_view word;
  std::string_view alias;
};
constexpr std::array kSettings{
    Setting{"off", "no"},
    Setting{"no", "no"},
    Setting{"on", "preferred"},
    Setting{"preferred", "preferred"},
    Setting{"require", "required"},
    Setting{"required", "required"},
    Setting{"onverify", "preferred-verify"},
    Setting{"preferredverify", "preferred-verify"},
    Setting{"requireverify", "required-verify"},
    Setting{"requiredverify", "required-verify"},
    Setting{"requireverifyhosted", "required-verify-hosted"},
    Setting{"requiredverifyhosted", "required-verify-hosted"},
    Setting{"requireverifyhosteddomain", "required-verify-hosted"},
    Setting{"requireverifyhosteddomains", "required-verify-hosted"},
    Setting{"requiredverifyhosteddomain", "required-verify-hosted"},
    Setting{"requiredverifyhosteddomains", "required-verify-hosted"}};

struct Section {
  int number = 0;
  std::string name;
  std::map<std::string, std::string> values;  // names in lower case
  std::string trouble;                        // not empty: can't be relied on
};

void TakeSetting(int number, std::string_view line, Section& section) {
  const std::size_t equals = line.find_first_of("=:");
  const std::string name = LowerCase(Trim(line.substr(0, equals)));
  if (equals == std::string_view::npos || name.empty()) {
    section.trouble = "line " + std::to_string(number) +
                      " is no 'name = value', so the section is not read";
    return;
  }
  const std::string value(Trim(line.substr(equals + 1)));
  if (!section.values.emplace(name, value).second) {
    section.trouble = Quoted(name) + " is there twice";
  }
}

std::vector<Section> ReadSections(std::string_view text, ImportedTable& table) {
  std::vector<Section> sections;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = Trim(TakeLine(text));
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[' && line.back() == ']') {
      Section section;
      section.number = number;
      section.name = Trim(line.substr(1, line.size() - 2));
      sections.push_back(std::move(section));
    } else if (sections.empty()) {
      table.Refuse(number, line,
                   "it stands in no [section]: give the file that destconfig's "
                   "EXPORT writes");
      // The rest of another kind of file would say the same on each line.
      return {};
    } else {
      TakeSetting(number, line, sections.back());
    }
  }
  return sections;
}

bool IsDefault(const Section& section) {
  return Bare(section.name) == "default";
}

bool IsDane(const std::string& name) {
  return name.find("dane") != std::string::npos;
}

// What a line is made of; the rest is the appliance's own business.
bool Counts(const std::string& name) {
  return name == "table_tls" || name == "ip_sort_pref" || IsDane(name);
}

Result<std::string> AliasOf(const std::string& value) {
  const std::string word = Bare(value);
  for (const Setting& setting : kSettings) {
    if (setting.word == word) return std::string(setting.alias);
  }
  return Invalid("table_tls is " + Quoted(value) +
                 ", and that is none of off, on, require, on_verify, "
                 "require_verify and require_verify_hosted");
}

// The line for `key` of the values that hold, the default's included.
Result<PolicyLine> LineOf(const std::string& key,
                          const std::map<std::string, std::string>& values) {
  static const std::set<std::string> kOff{"",     "off", "no",
                                          "none", "0",   "default"};
  std::string text;
  for (const auto& [name, value] : values) {
    // Dropping a demand for DANE would ask less than the appliance does.
    if (IsDane(name) && !kOff.contains(Bare(value))) {
      return Invalid(Quoted(name) +
                     " asks for DANE, which none of Cisco's settings says "
                     "here: set the line by hand, at the level dane or "
                     "dane-only or with also=auto");
    }
    if (name != "ip_sort_pref") continue;
    const std::string family = Bare(value);
    if (family == "requirev4") text += WordOf("family", "ipv4");
    if (family == "requirev6") text += WordOf("family", "ipv6");
  }
  const auto tls = values.find("table_tls");
  if (tls == values.end()) return Invalid("it says nothing of table_tls");
  const Result<std::string> alias = AliasOf(tls->second);
  if (!alias) return alias.error();
  const Result<PolicyKey> parsed = PolicyKey::Parse(key);
  if (!parsed) return Invalid(parsed.error().detail());
  Result<PolicyLine> line =
      ParsePolicyLine(parsed->str() + " " + *alias + text);
  if (!line) return Invalid(line.error().detail());
  return line;
}

class CiscoCollector {
 public:
  CiscoCollector(const std::vector<Section>& sections, ImportedTable& table)
      : table_(table) {
    for (const Section& section : sections) {
      if (IsDefault(section) && default_ == nullptr) default_ = &section;
    }
  }

  void Take(const Section& section) {
    Result<std::optional<PolicyLine>> line = Read(section);
    if (!line) {
      table_.Refuse(section.number, section.name, line.error().detail());
    } else if (!line->has_value()) {
      table_.Note(section.number, section.name,
                  "it needs no line of its own: the default's holds");
    } else {
      table_.entries.push_back({section.number, **std::move(line), {}});
    }
  }

 private:
  // Nothing: the section needs no line of its own.
  Result<std::optional<PolicyLine>> Read(const Section& section) {
    if (!section.trouble.empty()) return Invalid(section.trouble);
    const std::string key = IsDefault(section) ? "*" : section.name;
    const auto [first, is_new] = seen_.emplace(Canonical(key), section.number);
    if (!is_new) {
      return Invalid("a second section for it, after that of line " +
                     std::to_string(first->second));
    }
    if (&section != default_ && default_ != nullptr) {
      const Result<PolicyLine> standard = Default();
      if (!standard) {
        return Invalid("it leans on [DEFAULT], which is not taken");
      }
    }
    std::map<std::string, std::string> values = section.values;
    if (const auto tls = values.find("table_tls");
        tls != values.end() && Bare(tls->second) == "default") {
      values.erase(tls);
    }
    const bool own = std::any_of(values.begin(), values.end(),
                                 [](const auto& v) { return Counts(v.first); });
    if (&section != default_) {
      if (default_ == nullptr && !values.contains("table_tls")) {
        return Invalid(
            "its TLS setting is the appliance's default, which is not in the "
            "file: give [DEFAULT] with it, or table_tls");
      }
      if (!own) return std::optional<PolicyLine>();
      if (default_ != nullptr) {
        values.insert(default_->values.begin(), default_->values.end());
      }
    }
    Result<PolicyLine> line = LineOf(key, values);
    if (!line) return line.error();
    return std::optional<PolicyLine>(*std::move(line));
  }

  Result<PolicyLine> Default() const {
    if (!default_->trouble.empty()) return Invalid(default_->trouble);
    return LineOf("*", default_->values);
  }

  static std::string Canonical(const std::string& key) {
    const Result<PolicyKey> parsed = PolicyKey::Parse(key);
    return parsed ? parsed->str() : key;
  }

  ImportedTable& table_;
  const Section* default_ = nullptr;
  std::map<std::string, int> seen_;
};

// One note for each parameter, however many sections have it.
void NoteTheRest(const std::vector<Section>& sections, ImportedTable& table) {
  std::map<std::string, std::pair<int, int>> rest;  // first line, sections
  for (const Section& section : sections) {
    for (const auto& [name, value] : section.values) {
      const bool taken = name == "ip_sort_pref"
                             ? Bare(value).starts_with("require")
                             : Counts(name);
      if (taken) continue;
      auto& [first, count] = rest[name];
      if (count++ == 0) first = section.number;
    }
  }
  for (const auto& [name, where] : rest) {
    table.Note(where.first, name,
               "is left out, in " + std::to_string(where.second) +
                   " sections: it says nothing that must hold, and stays with "
                   "the appliance");
  }
}

}  // namespace

ImportedTable ReadCiscoTable(std::string_view text) {
  ImportedTable table;
  const std::vector<Section> sections = ReadSections(text, table);
  CiscoCollector collector(sections, table);
  for (const Section& section : sections) collector.Take(section);
  NoteTheRest(sections, table);
  return table;
}

}  // namespace postern
