// pin-admin/policy_file.h
//
// The file of `policy apply`, `policy export` and `policy list --lines`: policy
// lines as they are, each followed by its pins, indented:
//
//   @whole
//   @anchor partner-ca certificate=MIIB… added-by=root
//   bank.example fingerprint owner=treasury
//       pin spki sha256:3f… role=backup until=2027-12-31 label="mx 2027"
//   bank.example may until=2027-01-31 note="their key is lost"
//   .partner.example pins
//       pin any sha1:77…
//   * may
//
// "KEY pins" stands for a key that has pins and no line. @whole says that the
// file is the whole store: what it does not have goes, anchors, pins and
// exceptions included. Empty lines and lines that begin with '#' are passed
// over.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/clock/clock.h"
#include "core/outcome/result.h"
#include "core/policy/pin.h"
#include "core/policy/policy_line.h"
#include "core/policy/served_policy.h"
#include "core/store/author_store.h"

namespace postern {

struct PolicyFile {
  std::vector<PolicyLine> lines;  // those with until= are exceptions
  std::vector<Pin> pins;
  std::vector<Anchor> anchors;
  bool whole = false;
};

// Errors (kRequestInvalid) begin with the number of the line.
Result<PolicyFile> ParsePolicyFile(std::string_view text);

// The lines of one row; nothing for a row without a line.
std::string FormatForFile(const PolicyRow& row);

// A whole store, so that ParsePolicyFile() and Difference() make the same one
// of an empty store. What could not be written again (an exception that is
// over, a pin of `unused`) stands in it as a comment, and in `left_out`.
struct WholeFile {
  std::string text;
  std::vector<std::string> left_out;
};
WholeFile FormatWhole(const std::vector<PolicyRow>& rows,
                      const std::vector<Anchor>& anchors,
                      const std::vector<Pin>& unused, TimePoint now);

// What turns a store into what the file says. Unless the file is whole, it
// leaves pins alone where it has none (most lists of lines have none, and
// dropping them all would stop mail), and so it does with anchors and
// exceptions that it does not name.
std::vector<Change> Difference(const std::vector<PolicyRow>& rows,
                               const std::vector<Anchor>& anchors,
                               const PolicyFile& file);

}  // namespace postern
