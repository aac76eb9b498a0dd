#include "pin-admin/tables/imported_table.h"

#include <algorithm>

namespace postern {
namespace {

// Tables come from elsewhere: what is shown of them is printable.
std::string Printable(std::string text) {
  for (char& c : text) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return text;
}

std::string Shown(std::string_view text) {
  constexpr std::size_t kLongest = 80;
  const std::string shown = Printable(std::string(text.substr(0, kLongest)));
  return text.size() > kLongest ? shown + "..." : shown;
}

}  // namespace

void ImportedTable::Note(int number, std::string_view subject,
                         std::string text) {
  complaints.push_back({TableComplaint::Weight::kNote, number, Shown(subject),
                        Printable(std::move(text))});
}

void ImportedTable::Refuse(int number, std::string_view subject,
                           std::string text) {
  complaints.push_back({TableComplaint::Weight::kRefused, number,
                        Shown(subject), Printable(std::move(text))});
}

int ImportedTable::refused() const {
  return static_cast<int>(std::count_if(
      complaints.begin(), complaints.end(), [](const TableComplaint& c) {
        return c.weight == TableComplaint::Weight::kRefused;
      }));
}

std::string WordOf(std::string_view name, std::string_view value) {
  std::string word = " " + std::string(name) + "=\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') word += '\\';
    word += c;
  }
  return word + '"';
}

}  // namespace postern
