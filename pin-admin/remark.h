// pin-admin/remark.h
//
// Remark: one thing that an administrator should know, and how bad it is. probe
// and check make lists of them; the worst decides the exit status.
#pragma once

#include <string>
#include <vector>

#include "pin-admin/exit_status.h"
#include "pin-admin/json.h"
#include "pin-admin/output.h"

namespace postern {

struct Remark {
  enum class Weight {
    kGood,
    kNote,     // worth knowing; nothing to do
    kWarning,  // works, but look at it
    kNo,       // a server does not do what it should
    kUnknown,  // could not be found out
  };
  Weight weight = Weight::kNote;
  std::string code;  // stable, lower case with hyphens
  std::string text;
};

ExitStatus StatusOf(Remark::Weight weight);
ExitStatus StatusOf(const std::vector<Remark>& remarks);
// "good", "note", "warning", "no", "unknown"
std::string_view ToText(Remark::Weight weight);
Colour ColourOf(Remark::Weight weight);

// [{"weight", "code", "text"}]
Json ToJson(const std::vector<Remark>& remarks);
// One line each, indented.
void Show(Output& out, const std::vector<Remark>& remarks);

}  // namespace postern
