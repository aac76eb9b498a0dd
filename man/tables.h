// man/tables.h
//
// The parts of the manual pages that are made from the programs' own tables.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace postern {

// "@commands@" in a page's source stands for what this gives for "commands".
const std::map<std::string_view, std::function<std::string()>>& Tables();

// What must be found in which page, for the test.
struct Documented {
  std::string page;     // "pin-admin.1"
  std::string section;  // heading of the subsection it must stand in, or empty
  std::string word;     // "--dry-run"
};
std::vector<Documented> AllWords();

}  // namespace postern
