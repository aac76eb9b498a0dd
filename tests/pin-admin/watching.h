// tests/pin-admin/watching.h
//
// What doctor watches, from lines as an administrator writes them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pin-admin/doctor/mta_inspection.h"

namespace postern {

inline WatchedPolicy WatchingAll(const std::vector<std::string>& lines) {
  WatchedPolicy policy;
  for (const std::string& text : lines) {
    PolicyRow row;
    row.line = *ParsePolicyLine(text);
    row.key = row.line->key;
    AddRow(row, policy);
  }
  SortKeys(policy);
  return policy;
}

inline WatchedPolicy Watching(std::string_view line) {
  return WatchingAll({std::string(line)});
}

}  // namespace postern
