#include "pin-admin/history_view.h"

#include <optional>
#include <string_view>

#include "core/x509/digest.h"
#include "pin-admin/value_text.h"

namespace postern {
namespace {

std::string PinText(const Json& pin) {
  const auto word = [&pin](const char* name) {
    return std::string(pin[name].text());
  };
  std::string kind = word("kind");
  for (const PinKind known :
       {PinKind::kSpki, PinKind::kCert, PinKind::kAny, PinKind::kCa}) {
    if (kind == ToString(known)) kind = KindText(known);
  }
  std::string text = "pin of " + word("key") + ": " + kind + " " +
                     word("algorithm") + " " + ShortHex(word("digest")) + ", " +
                     word("role");
  for (const char* moment : {"valid-from", "valid-until"}) {
    if (word(moment).empty()) continue;
    text += ", " + std::string(moment).substr(6) + " " + word(moment);
  }
  if (!word("label").empty()) text += ", '" + word("label") + "'";
  return text;
}

// The certificate's digest only: root does not parse it.
std::string AnchorText(const std::string& name, const Json& anchor) {
  const std::optional<std::string> octets =
      FromHex(anchor["certificate"].text());
  const Result<std::string> digest =
      octets ? Digest(DigestAlgorithm::kSha256, *octets)
             : Result<std::string>(Error(Reason::kInternal, "not hexadecimal"));
  std::string text = "anchor " + name;
  if (digest) text += ": certificate sha256 " + ShortHex(ToHex(*digest));
  return text;
}

void ShowEntry(Output& out, const HistoryEntry& entry) {
  const auto show = [&](std::string_view mark, Colour colour,
                        const std::string& text) {
    if (text.empty()) return;
    out.Line(out.Paint(colour,
                       Clean(std::string(mark) + " " + Readable(entry, text))));
  };
  show("-", Colour::kBad, entry.before);
  show("+", Colour::kGood, entry.after);
}

}  // namespace

std::string Readable(const HistoryEntry& entry, const std::string& text) {
  const Result<Json> json = Json::Parse(text);
  const bool object = json && json->object() != nullptr;
  if (object && entry.what == "pin") return PinText(*json);
  if (object && entry.what == "anchor") return AnchorText(entry.subject, *json);
  return entry.what + " " + (object ? entry.subject : text);
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
