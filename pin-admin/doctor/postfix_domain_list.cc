// pin-admin/doctor/postfix_domain_list.cc
//
// PostfixRouter's domain lists (mydestination, relay_domains ...), as
// match_list(3) and match_ops(3) compare them.
#include <algorithm>
#include <cctype>
#include <utility>

#include "core/names/quoted.h"
#include "pin-admin/doctor/postfix_route.h"
#include "pin-admin/read_file.h"

namespace postern {
namespace {

constexpr int kMaxDepth = 5;

bool EndsIn(const std::string& text, const std::string& suffix) {
  return text.size() > suffix.size() && text.ends_with(suffix);
}

}  // namespace

Status PostfixRouter::OpenList(std::string_view name, DomainList& list) {
  for (const std::string& item : SplitPostfixList(Value(name))) {
    const Status added = AddItem(name, item, 0, list);
    if (!added) return added;
  }
  return {};
}

// match_list(3): names, !negated, /files that hold more of it, type:tables.
Status PostfixRouter::AddItem(std::string_view name, std::string item,
                              int depth, DomainList& list) {
  ListItem added;
  while (item.starts_with('!')) {
    added.negated = !added.negated;
    item.erase(0, 1);
  }
  if (item.starts_with('/')) {
    if (depth >= kMaxDepth || added.negated) {
      return Error{Reason::kServiceUnavailable,
                   Quoted(item) + " is included too deeply, or negated"};
    }
    const Result<std::string> text = ReadInputFile(item);
    if (!text) return text.error();
    std::string_view rest = *text;
    while (!rest.empty()) {
      const std::size_t end = rest.find('\n');
      const std::string_view line = rest.substr(0, end);
      rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
      if (line.find_first_not_of(" \t") != std::string_view::npos &&
          line[line.find_first_not_of(" \t")] == '#') {
        continue;
      }
      for (const std::string& inner : SplitPostfixList(line)) {
        const Status done = AddItem(name, inner, depth + 1, list);
        if (!done) return done;
      }
    }
    return {};
  }
  if (item.find(':') != std::string::npos && !item.starts_with('[')) {
    auto opened = tables_.Open(item);
    if (!opened) return opened.error();
    if (opened->empty()) return {};
    added.table = opened->front();
  } else {
    added.name = std::move(item);
    std::transform(
        added.name.begin(), added.name.end(), added.name.begin(),
        [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  }
  list.items.push_back(std::move(added));
  return {};
}

Result<bool> PostfixRouter::Matches(const DomainList& list,
                                    const std::string& domain) {
  for (const ListItem& item : list.items) {
    if (item.table == nullptr) {
      const bool below = list.parents
                             ? EndsIn(domain, "." + item.name)
                             : &list == &relay_ && item.name.starts_with('.') &&
                                   EndsIn(domain, item.name);
      if (item.name == domain || below) return !item.negated;
      continue;
    }
    std::string key = domain;
    for (;;) {
      auto found = tables_.Find({item.table}, key, false);
      if (!found) return found.error();
      if (*found) return !item.negated;
      if (&list != &relay_) break;
      const std::size_t dot = key.find('.', 1);
      if (dot == std::string::npos) break;
      key = key.substr(list.parents ? dot + 1 : dot);
    }
  }
  return false;
}

}  // namespace postern
