// pin-admin/policy_file.h
//
// The file of `policy apply` and `policy list --lines`: policy lines as they
// are, each followed by its pins, indented:
//
//   bank.example fingerprint owner=treasury
//       pin spki sha256:3f… role=backup until=2027-12-31 label="mx 2027"
//   * may
//
// Empty lines and lines that begin with '#' are passed over.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/outcome/result.h"
#include "core/policy/pin.h"
#include "core/policy/policy_line.h"
#include "core/policy/served_policy.h"
#include "core/store/author_store.h"

namespace postern {

struct PolicyFile {
  std::vector<PolicyLine> lines;
  std::vector<Pin> pins;
};

// Errors (kRequestInvalid) begin with the number of the line.
Result<PolicyFile> ParsePolicyFile(std::string_view text);

// The lines of one row; nothing for a row without a line.
std::string FormatForFile(const PolicyRow& row);

// What turns `rows` into what the file says. A file without any pin leaves pins
// as they are: most lists of lines have none, and dropping them all would stop
// mail. Exceptions that the file doesn't name end by themselves.
std::vector<Change> Difference(const std::vector<PolicyRow>& rows,
                               const PolicyFile& file);

}  // namespace postern
