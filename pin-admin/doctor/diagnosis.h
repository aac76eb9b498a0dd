// pin-admin/doctor/diagnosis.h
//
// Diagnosis: one thing that is set up wrongly, or could not be found out. It
// says what, why it matters, and the line to change, ready to paste.
#pragma once

#include <string>
#include <vector>

#include "core/outcome/result.h"
#include "pin-admin/remark.h"

namespace postern {

struct Diagnosis {
  Remark::Weight weight = Remark::Weight::kNo;
  std::string code;     // stable, lower case with hyphens (docs/doctor.md)
  std::string subject;  // a destination, a file, a parameter; may be empty
  std::string what;
  std::string why;
  std::string mend;  // a line to paste or a command to run; may be empty

  bool operator==(const Diagnosis&) const = default;
};

// What could not be found out is never good: kUnknown.
Diagnosis CouldNotFindOut(std::string code, std::string subject,
                          const Error& error, std::string why,
                          std::string mend);

void Append(std::vector<Diagnosis>& to, std::vector<Diagnosis> from);

ExitStatus StatusOf(const std::vector<Diagnosis>& diagnoses);

// Those whose code is in `known` become notes: somebody has looked at them.
void Acknowledge(const std::vector<std::string>& known,
                 std::vector<Diagnosis>& diagnoses);

// For check, which shows one line each.
Remark ToRemark(const Diagnosis& diagnosis);

// {"weight", "code", "subject", "what", "why", "mend"}
Json ToJson(const Diagnosis& diagnosis);
// The worst first; four lines each.
void Show(Output& out, const std::vector<Diagnosis>& diagnoses);

}  // namespace postern
