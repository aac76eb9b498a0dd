// man/make_man.cc
//
// make-man: makes a manual page of its source, in which a line "@NAME@" stands
// for a table of the programs. Runs when Postern is built and is not installed.
//
//   make-man SOURCE PAGE        writes PAGE
//   make-man --settings-file F  writes a postern.conf of defaults
//   make-man --words            lists what the pages have to document
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/config/settings.h"
#include "man/tables.h"

namespace postern {
namespace {

std::string Page(const std::string& path) {
  std::ifstream source(path);
  if (!source) throw std::runtime_error("cannot read " + path);
  std::string page, line;
  while (std::getline(source, line)) {
    if (line.size() < 3 || line.front() != '@' || line.back() != '@') {
      page += line + "\n";
      continue;
    }
    const auto table = Tables().find(line.substr(1, line.size() - 2));
    if (table == Tables().end()) {
      throw std::runtime_error(path + ": there is no table " + line);
    }
    page += table->second();
  }
  return page;
}

void Write(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  if (!file) throw std::runtime_error("cannot write " + path);
}

int Main(const std::vector<std::string>& words) {
  if (words.size() == 1 && words[0] == "--words") {
    for (const Documented& row : AllWords()) {
      std::cout << row.page << '\t' << row.section << '\t' << row.word << '\n';
    }
    return 0;
  }
  if (words.size() != 2) {
    std::cerr << "usage: make-man SOURCE PAGE | --settings-file FILE | "
                 "--words\n";
    return 2;
  }
  Write(words[1],
        words[0] == "--settings-file" ? RenderSettingsFile() : Page(words[0]));
  return 0;
}

}  // namespace
}  // namespace postern

int main(int argc, char** argv) {
  try {
    return postern::Main({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make-man: %s\n", error.what());
    return 1;
  }
}
