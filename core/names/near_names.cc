#include "core/names/near_names.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace postern {
namespace {

// Levenshtein's distance: insertions, deletions and exchanges of one character.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t exchanged = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({exchanged, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::vector<std::string> NearNames(std::string_view word,
                                   std::span<const std::string_view> known) {
  constexpr std::size_t kLongest = 64;  // nobody means more than that
  if (word.empty() || word.size() > kLongest) return {};
  std::vector<std::pair<std::size_t, std::string_view>> found;
  for (const std::string_view name : known) {
    std::size_t distance = Distance(word, name);
    // The beginning of a long name is nearer than its length makes it look.
    if (word.size() >= 3 && name.starts_with(word)) distance = 1;
    if (distance <= std::max<std::size_t>(1, name.size() / 3)) {
      found.emplace_back(distance, name);
    }
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  for (const auto& near : found) {
    if (names.size() == 3) break;
    names.emplace_back(near.second);
  }
  return names;
}

std::string DidYouMean(std::string_view word,
                       std::span<const std::string_view> known,
                       std::string_view prefix) {
  std::string text;
  for (const std::string& name : NearNames(word, known)) {
    text += text.empty() ? "; did you mean " : " or ";
    text += std::string(prefix) + name;
  }
  return text.empty() ? text : text + "?";
}

}  // namespace postern
