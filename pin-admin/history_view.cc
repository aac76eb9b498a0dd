#include "pin-admin/history_view.h"

#include <string_view>

namespace postern {
namespace {

void ShowEntry(Output& out, const HistoryEntry& entry) {
  const auto show = [&](std::string_view mark, Colour colour,
                        const std::string& text) {
    if (text.empty()) return;
    out.Line(out.Paint(colour, Clean(std::string(mark) + " " + entry.what +
                                     " " + Brief(entry, text))));
  };
  show("-", Colour::kBad, entry.before);
  show("+", Colour::kGood, entry.after);
}

}  // namespace

std::string Brief(const HistoryEntry& entry, const std::string& text) {
  const Result<Json> json = Json::Parse(text);
  if (!json || json->object() == nullptr) return text;
  std::string brief = entry.subject;
  for (const char* key : {"role", "valid-from", "valid-until", "label"}) {
    const std::string_view value = (*json)[key].text();
    if (value.empty()) continue;
    const std::string_view name(key);
    brief += ", ";
    if (name.starts_with("valid")) brief += std::string(name.substr(6)) + " ";
    brief +=
        name == "label" ? "'" + std::string(value) + "'" : std::string(value);
  }
  return brief;
}

void ShowChanges(Output& out, const std::vector<HistoryEntry>& entries) {
  Json list = Json::MakeArray();
  for (const HistoryEntry& entry : entries) {
    list.Add(Json::MakeObject()
                 .Set("what", entry.what)
                 .Set("subject", entry.subject)
                 .Set("before", entry.before)
                 .Set("after", entry.after));
    ShowEntry(out, entry);
  }
  out.doc().Set("changes", std::move(list));
}

void ShowHistory(Output& out, const std::vector<HistoryEntry>& entries) {
  Json list = Json::MakeArray();
  std::uint64_t commit = 0;
  for (const HistoryEntry& entry : entries) {
    list.Add(Json::MakeObject()
                 .Set("number", entry.number)
                 .Set("commit", entry.commit)
                 .Set("when", FormatTime(entry.when))
                 .Set("who", entry.who)
                 .Set("what", entry.what)
                 .Set("subject", entry.subject)
                 .Set("before", entry.before)
                 .Set("after", entry.after)
                 .Set("undoes", entry.undoes == 0 ? Json() : Json(entry.undoes))
                 .Set("hash", entry.hash));
    if (entry.commit != commit) {
      std::string head = FormatTime(entry.when) + "  commit " +
                         std::to_string(entry.commit) + "  " + entry.who;
      if (entry.undoes != 0) {
        head += ", undoes commit " + std::to_string(entry.undoes);
      }
      out.Line(Clean(head));
    }
    commit = entry.commit;
    ShowEntry(out, entry);
  }
  if (entries.empty()) out.Line("There were none.");
  out.doc().Set("history", std::move(list));
}

}  // namespace postern
