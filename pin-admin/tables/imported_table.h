// pin-admin/tables/imported_table.h
//
// What every reader of tables makes of its text: entries to take over, and for
// each line a complaint where it can't be taken, or not as it stands. Nothing
// is dropped without one, and no entry asks less than its line did.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/policy/pin.h"
#include "core/policy/policy_line.h"

namespace postern {

struct ImportedEntry {
  int number = 0;  // of the line in its file, from 1
  PolicyLine line;
  std::vector<Pin> pins;  // `line.key`'s; who adds them is not filled in
};

struct TableComplaint {
  enum class Weight {
    kNote,     // the line is taken; something of it has no place here
    kRefused,  // the line is not taken
  };
  Weight weight = Weight::kNote;
  int number = 0;
  std::string subject;  // the key as it is written there, cut to a decent size
  std::string text;     // printable
};

struct ImportedTable {
  std::vector<ImportedEntry> entries;
  std::vector<TableComplaint> complaints;  // in the order of the file

  void Note(int number, std::string_view subject, std::string text);
  void Refuse(int number, std::string_view subject, std::string text);
  int refused() const;
};

// The words of a line built up for ParsePolicyLine().
std::string WordOf(std::string_view name, std::string_view value);

}  // namespace postern
